"""A private folder for what a step spills: gone with the step, and where the step was killed, with the next one."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from kampungkb.file_lock import held

PREFIX = "duckdb-"


@contextmanager
def working_folder(scratch: Path) -> Iterator[Path]:
    """A new folder under `scratch`, locked while it is used; folders that nobody holds any more are removed first."""
    with ExitStack() as until_the_end:
        with held(scratch):
            _sweep(scratch)
            made = TemporaryDirectory(prefix=PREFIX, dir=scratch)
            until_the_end.enter_context(held(Path(made.name)))
        until_the_end.enter_context(made)
        yield Path(made.name)


def _sweep(scratch: Path) -> None:
    """Remove what killed processes left: personal data may stand in it."""
    for folder in scratch.glob(f"{PREFIX}*"):
        with suppress(FileNotFoundError, BlockingIOError), held(folder, wait=0):
            shutil.rmtree(folder, ignore_errors=True)
