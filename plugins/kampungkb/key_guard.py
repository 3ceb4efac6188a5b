"""The key of the pseudonyms stays the same for as long as a lake lives: a load under another one stops at once.

Under another key every family, person and quarantined row would get another name, histories would break off, and the
block list of erased persons would let everybody through. What is kept of the key is a check of eight hex digits, one
for the sample and one for real data, which have keys of their own.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from kampungkb.connections import FAMILY_WORKBOOKS
from kampungkb.errors import ConfigurationError
from kampungkb.lake import private_folder
from kampungkb.pseudonym import key_check
from kampungkb.run import Run


def guard_key(run: Run) -> None:
    """Remember the check of the run's key at its first use in this lake, and hold later keys against it.

    Raises :class:`ConfigurationError` for a missing key, and for another one than the lake was made with.
    """
    connection = run.connections.get(FAMILY_WORKBOOKS)
    sample = connection is None or str(connection.extra.get("sample", "")).lower() in ("1", "true", "yes")
    path = private_folder(run.settings.lake) / f"key.{'sample' if sample else 'real'}.check"
    check = key_check(run.pseudonym_key)
    if not path.exists():
        descriptor, fresh = tempfile.mkstemp(prefix=".key-", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(check)
        with suppress(FileExistsError):  # another step was first: its key counts
            os.link(fresh, path)
        Path(fresh).unlink()
    if path.read_text(encoding="ascii") != check:
        raise ConfigurationError(
            f"KAMPUNGKB_PSEUDONYM_KEY is not the key that {run.settings.lake} was made with: every family and person "
            "would get another name, and erased persons would come back. Nothing was landed. Set the key that was in "
            "force; where it is lost, see docs/how-to/keep-the-key.md."
        )
