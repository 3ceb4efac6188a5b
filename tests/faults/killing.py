"""The blow: a process is killed with KILL after a delay."""

from contextlib import suppress
from multiprocessing.process import BaseProcess

import psutil


class Killer:
    """Kills a process after a delay where it still runs, and remembers the children it had."""

    def __init__(self, delay: float) -> None:
        self.delay, self.children = delay, list[psutil.Process]()

    def __call__(self, process: BaseProcess) -> None:
        process.join(self.delay)
        if process.is_alive():
            with suppress(psutil.NoSuchProcess):  # it has ended since
                victim = psutil.Process(process.pid)
                victim.suspend()  # so that it neither ends nor has other children while we look for them
                self.children = victim.children(recursive=True)
                process.kill()
