"""Folders of the lake: owner-only, written beside and renamed into place, so that none is ever half written."""

import os
import shutil
import tempfile
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


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `target` when the block ends well; on a failure `target` stays.

    A process killed inside the block leaves a `.partial-*` folder beside the target and nothing else.
    """
    private_folder(target.parent)
    for leftover in target.parent.glob(f".partial-{target.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=f".partial-{target.name}-", dir=target.parent))
    try:
        yield partial
        if target.exists():
            retired = partial.with_name(partial.name + "-old")
            os.rename(target, retired)
            os.rename(partial, target)
            shutil.rmtree(retired)
        else:
            os.rename(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
