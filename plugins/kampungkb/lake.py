"""Folders of the lake: owner-only, written beside and renamed into place, so that none is ever half written.

Steps use the lake side by side (:func:`in_use`); what rewrites it as a whole has it alone (:func:`alone`).
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

from kampungkb.errors import KampungkbError
from kampungkb.file_lock import held
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


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def carry(file: Path, folder: Path) -> None:
    """Let a finished file stand in another folder, too: the same bytes, on disk once where the file system can.

    For what can be made again. Files of the lake are replaced and never written into, so neither folder can change the
    other's.
    """
    target = folder / file.name
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)


def _settle(target: Path, workshop: Path) -> None:
    """Undo what was not finished: a retired folder goes back where no new one stands, the rest is removed."""
    fresh, retired = workshop / "new", workshop / "old"
    if retired.exists() and not target.exists():
        os.rename(retired, target)
    for folder in (fresh, retired):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `target` when the block ends well; on a failure `target` stays.

    A process killed inside the block leaves a `.partial-*` folder beside the target, which the next use removes.
    Killed between the two renames at the end, it leaves the old folder there, and the next use puts it back.
    One process at a time replaces a folder. Raises :class:`KampungkbError` where another one takes longer than
    :data:`WAIT_SECONDS`.
    """
    with _workshop(target) as workshop:
        _settle(target, workshop)
        fresh = private_folder(workshop / "new")
        try:
            yield fresh
            if target.exists():
                os.rename(target, workshop / "old")
            os.rename(fresh, target)
        finally:
            _settle(target, workshop)
            shutil.rmtree(workshop, ignore_errors=True)


@contextmanager
def _workshop(target: Path) -> Iterator[Path]:
    """The folder beside `target` in which its successor is made, for us alone."""
    workshop = target.with_name(f"{PARTIAL}{target.name}")
    while True:
        private_folder(workshop)
        with ExitStack() as until_the_end:
            try:
                descriptor = until_the_end.enter_context(_awaited(workshop))
                ours = os.path.samestat(os.fstat(descriptor), workshop.stat())
            except FileNotFoundError:
                ours = False
            if ours:  # and not one that its holder has removed while we waited for it
                yield workshop
                return


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Keep other loads from adding to a folder meanwhile; waits for them as :func:`replacing` does."""
    with _awaited(private_folder(folder)):
        yield


@contextmanager
def _awaited(folder: Path) -> Iterator[int]:
    with ExitStack() as until_the_end:
        try:
            descriptor = until_the_end.enter_context(held(folder, wait=WAIT_SECONDS))
        except BlockingIOError:
            raise KampungkbError(
                f"Another load has been working on {folder.name.removeprefix(PARTIAL)} in {folder.parent} for over "
                f"{WAIT_SECONDS:.0f} seconds. Nothing was changed; let it finish (or end it), then run again."
            ) from None
        yield descriptor


def settle_all(settings: Settings) -> None:
    """Finish or undo whatever killed processes have left half done, anywhere in the lake; for who has it alone."""
    for workshop in sorted(settings.lake.rglob(f"{PARTIAL}*")):
        _settle(workshop.with_name(workshop.name.removeprefix(PARTIAL)), workshop)
        shutil.rmtree(workshop, ignore_errors=True)


@contextmanager
def in_use(settings: Settings) -> Iterator[None]:
    """Keep the lake from being rewritten meanwhile; waits while somebody has it alone.

    Raises :class:`KampungkbError` where a rotation of the key has not ended.
    """
    with held(_lock_file(settings), shared=True):
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
    with ExitStack() as until_the_end:
        try:
            until_the_end.enter_context(held(_lock_file(settings), wait=WAIT_SECONDS))
        except BlockingIOError:
            raise KampungkbError(
                f"A load has been working in the lake for over {WAIT_SECONDS:.0f} seconds. Nothing was "
                "changed; let it finish (or end it), then run again."
            ) from None
        if not half_rekeyed:
            refuse_half_rekeyed(settings)
        yield


def _lock_file(settings: Settings) -> Path:
    path = private_folder(settings.root) / "lake.lock"
    path.touch(mode=0o600)
    return path
