"""Folders of the lake: owner-only, written beside and renamed into place, so that none is ever half written.

Steps use the lake side by side (:func:`in_use`); what rewrites it as a whole has it alone (:func:`alone`).
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from kampungkb.errors import KampungkbError
from kampungkb.settings import Settings

PARTIAL = ".partial-"
WAIT_SECONDS = 600.0
ROTATION = "key.rotation"
"""The file that stands in the lake while its pseudonyms may be of two keys."""


def private_folder(path: Path) -> Path:
    """Create `path` (and its missing parents) readable by the owner alone; existing folders stay as they are."""
    missing = [p for p in (path, *path.parents) if not p.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    return path


def landing(settings: Settings, source: str) -> Path:
    """The folder of a source's landed snapshots."""
    return settings.lake / "landing" / source


def accepted(settings: Settings, as_of: date, source: str) -> Path:
    """The folder of a source's validated rows for a date."""
    return settings.lake / "accepted" / as_of.isoformat() / source


def persons(settings: Settings, as_of: date) -> Path:
    """The folder of the crosswalk for a date."""
    return settings.lake / "persons" / as_of.isoformat()


def scores(settings: Settings, as_of: date) -> Path:
    """The folder of the scores for a date."""
    return settings.lake / "scores" / as_of.isoformat()


def _settle(target: Path, workshop: Path) -> None:
    """Undo what was not finished: a retired folder goes back where no new one stands, the rest is removed."""
    retired = workshop / "old"
    if retired.exists() and not target.exists():
        os.rename(retired, target)
    shutil.rmtree(workshop, ignore_errors=True)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `target` when the block ends well; on a failure `target` stays.

    A process killed inside the block leaves a `.partial-*` folder beside the target, which the next use removes.
    Killed between the two renames at the end, it leaves the old folder there, and the next use puts it back.
    """
    private_folder(target.parent)
    workshop = target.with_name(f"{PARTIAL}{target.name}")
    _settle(target, workshop)
    fresh = private_folder(workshop / "new")
    try:
        yield fresh
        if target.exists():
            os.rename(target, workshop / "old")
        os.rename(fresh, target)
    finally:
        _settle(target, workshop)


def settle_all(settings: Settings) -> None:
    """Finish or undo whatever killed processes have left half done, anywhere in the lake; for who has it alone."""
    for workshop in sorted(settings.lake.rglob(f"{PARTIAL}*")):
        _settle(workshop.with_name(workshop.name.removeprefix(PARTIAL)), workshop)


@contextmanager
def in_use(settings: Settings) -> Iterator[None]:
    """Keep the lake from being rewritten meanwhile; waits while somebody has it alone.

    Raises :class:`KampungkbError` where a rotation of the key has not ended.
    """
    with _lock(settings) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        refuse_half_rekeyed(settings)
        yield


def refuse_half_rekeyed(settings: Settings) -> None:
    """Raise :class:`KampungkbError` where a rotation of the key was killed before its end."""
    if (settings.lake / ROTATION).exists():
        raise KampungkbError(
            f"A rotation of the pseudonym key has not ended in {settings.lake}. Nothing was changed; run "
            "`kampungkb key rotate` again, it goes on where it was."
        )


@contextmanager
def alone(settings: Settings, *, half_rekeyed: bool = False) -> Iterator[None]:
    """Have the lake alone: no step of a load runs meanwhile.

    Raises :class:`KampungkbError` where a step does not end within :data:`WAIT_SECONDS`, and where a rotation of the
    key has not ended, unless the caller ends it (`half_rekeyed`).
    """
    deadline = time.monotonic() + WAIT_SECONDS
    with _lock(settings) as descriptor:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise KampungkbError(
                        f"A load has been working in the lake for over {WAIT_SECONDS:.0f} seconds. Nothing was "
                        "changed; let it finish (or end it), then run again."
                    ) from None
                time.sleep(0.1)
        if not half_rekeyed:
            refuse_half_rekeyed(settings)
        yield


@contextmanager
def _lock(settings: Settings) -> Iterator[int]:
    """The open lock file; the kernel lets the lock go when the process ends, however it ends."""
    descriptor = os.open(private_folder(settings.root) / "lake.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
