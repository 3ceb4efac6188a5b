"""Folders of the lake: owner-only, written beside and renamed into place, so that none is ever half written."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from kampungkb.settings import Settings


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
    workshop = target.with_name(f".partial-{target.name}")
    _settle(target, workshop)
    fresh = private_folder(workshop / "new")
    try:
        yield fresh
        if target.exists():
            os.rename(target, workshop / "old")
        os.rename(fresh, target)
    finally:
        _settle(target, workshop)
