"""A private folder for what a step spills: gone with the step, and where the step was killed, with the next one."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

PREFIX = "duckdb-"


@contextmanager
def working_folder(scratch: Path) -> Iterator[Path]:
    """A new folder under `scratch`, locked while it is used; folders that nobody holds any more are removed first."""
    with _locked(scratch):
        _sweep(scratch)
        made = TemporaryDirectory(prefix=PREFIX, dir=scratch)
        held = _hold(Path(made.name))
    try:
        with made:
            yield Path(made.name)
    finally:
        os.close(held)


def _hold(folder: Path) -> int:
    """A descriptor that keeps the folder ours until it is closed, by us or by the end of this process."""
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = _hold(folder)
    try:
        yield
    finally:
        os.close(descriptor)


def _sweep(scratch: Path) -> None:
    """Remove what killed processes left: personal data may stand in it."""
    for folder in scratch.glob(f"{PREFIX}*"):
        with suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            except BlockingIOError:
                continue
            finally:
                os.close(descriptor)
