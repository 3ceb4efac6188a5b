"""Erase in a process of its own that kills itself: `python -m tests.acceptance.erase_child KEY AFTER`.

The environment names home, key and warehouse. With AFTER 0 it begins to erase and dies in the first folder; else it
resumes and dies when so many folders more are done.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kampungkb import lake
from kampungkb.connections import connections_from_environment
from kampungkb.rights.erasure import erase, resume
from kampungkb.rights.subject import Wanted
from kampungkb.run import Run, today
from kampungkb.settings import load_settings


def dying(after: int) -> None:
    """Replace the rename of a folder by one that kills this process when it comes to the `after`-th."""
    left, replacing = after, lake.replacing

    @contextmanager
    def counted(target: Path) -> Iterator[Path]:
        nonlocal left
        with replacing(target) as fresh:
            yield fresh
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    lake.replacing = counted


def main() -> None:
    key, when = sys.argv[1:]
    run = Run("child", today(), load_settings(), connections_from_environment())
    dying(int(when))
    if int(when) == 0:
        erase(run, Wanted(person_key=key), "ani", "request 18")
    else:
        resume(run)


if __name__ == "__main__":
    main()
