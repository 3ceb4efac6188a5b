"""How far a long step is, told to whoever listens: the task log where Airflow runs it, nobody in a test."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Progress:
    """`done` of `total` (None where nobody knows it) of what a source is made of."""

    source: str
    unit: str
    done: int
    total: int | None = None

    def __str__(self) -> str:
        """One line: `family_survey: 120 of 1,200 workbooks (10%)`."""
        if not self.total:
            return f"{self.source}: {self.done:,} {self.unit}"
        return f"{self.source}: {self.done:,} of {self.total:,} {self.unit} ({self.done / self.total:.0%})"


Tell: TypeAlias = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Tell nobody."""


def occasionally(tell: Tell, seconds: float, clock: Callable[[], float] = time.monotonic) -> Tell:
    """Pass on one in `seconds` at most, and the first after as many: what is quick says nothing."""
    last = clock()

    def told(progress: Progress) -> None:
        nonlocal last
        if clock() - last >= seconds:
            last = clock()
            tell(progress)

    return told
