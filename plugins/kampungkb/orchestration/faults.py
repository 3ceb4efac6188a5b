"""What may be said about a fault: expected ones speak for themselves, others by type and place only.

The text of an unexpected exception may quote a value of a row (`Could not convert string '…'`), so it is kept out of
logs and journal unless its type cannot hold one.
"""

import traceback
from pathlib import Path

from kampungkb.errors import KampungkbError
from kampungkb.orchestration.processes import Interrupted

_SPEAKING = (ImportError, AttributeError, NameError, OSError, MemoryError, NotImplementedError)
_DISK_FULL = "No space left on device"
_SPEAKING_DUCKDB = {"BinderException", "CatalogException", "ParserException", "OutOfMemoryException"}


def describe(fault: BaseException) -> str:
    """One line for a person: the message of an expected fault, else the type (and its text where that is safe)."""
    if isinstance(fault, KampungkbError | Interrupted):
        return str(fault)
    name = type(fault).__name__
    if _DISK_FULL in str(fault):
        return f"{name}: the disk is full ({_DISK_FULL}). Make room under KAMPUNGKB_HOME, then clear the task."
    if isinstance(fault, _SPEAKING) or name in _SPEAKING_DUCKDB:
        return f"{name}: {str(fault).strip().splitlines()[0]}" if str(fault).strip() else name
    return name


def places(fault: BaseException) -> list[str]:
    """Where an exception came from, outermost call first: `file.py:line in function`, without any value."""
    return [
        f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(fault.__traceback__)
    ]
