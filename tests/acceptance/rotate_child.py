"""Rotate in a process of its own that kills itself: `python -m tests.acceptance.rotate_child FUNCTION AFTER [done]`.

The environment names home, keys and warehouse. It dies when FUNCTION (`module.name`) is called once more after AFTER
calls, before that call or, with `done`, after it.
"""

import importlib
import os
import signal
import sys
from typing import Any

from kampungkb.connections import connections_from_environment
from kampungkb.rotation.rotation import rotate
from kampungkb.run import Run, today
from kampungkb.settings import load_settings


def dying(place: str, after: int, done: bool) -> None:
    """Replace a function by one that kills this process."""
    module, _, name = place.rpartition(".")
    owner = importlib.import_module(module)
    original, left = getattr(owner, name), after

    def counted(*args: Any, **named: Any) -> Any:
        nonlocal left
        left -= 1
        made = original(*args, **named) if done or left >= 0 else None
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return made

    setattr(owner, name, counted)


def main() -> None:
    place, after, *how = sys.argv[1:]
    dying(place, int(after), bool(how))
    rotate(Run("child", today(), load_settings(), connections_from_environment()), "ani", "a yearly change")


if __name__ == "__main__":
    main()
