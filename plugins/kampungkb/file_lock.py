"""Locks on files and folders, which the kernel lets go when the process ends, however it ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_SECONDS = 0.1


@contextmanager
def held(path: Path, *, shared: bool = False, wait: float | None = None) -> Iterator[int]:
    """Hold a file or folder that is there, together with other sharers or alone; yields its descriptor.

    Waits until those go who hold it otherwise. Raises :class:`BlockingIOError` where that takes more than `wait`
    seconds.
    """
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        _take(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, wait)
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int, way: int, wait: float | None) -> None:
    if wait is None:
        fcntl.flock(descriptor, way)
        return
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, way | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return
