"""How far a long step is, told to whoever listens: the log of its task, the terminal of `kampungkb run`.

A step that reads a source tells workbooks, rows or entries, one that makes something tells which of its parts are done.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from json import JSONDecodeError, dumps, loads
from pathlib import Path
from typing import TypeAlias

PROGRESS_FILE = "KAMPUNGKB_PROGRESS_FILE"
"""The variable by which `kampungkb run` names the file that its bar is drawn from."""


@dataclass(frozen=True)
class Progress:
    """`done` of `total` (None where nobody knows it) of what a source or a step, its `subject`, is made of."""

    subject: str
    unit: str
    done: int
    total: int | None = None

    def __str__(self) -> str:
        """One line: `family_survey: 120 of 1,200 workbooks (10%)`."""
        if not self.total:
            return f"{self.subject}: {self.done:,} {self.unit}"
        return f"{self.subject}: {self.done:,} of {self.total:,} {self.unit} ({self.done / self.total:.0%})"


Tell: TypeAlias = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Tell nobody."""


def to_all(*listeners: Tell) -> Tell:
    """Tell each of them."""

    def told(progress: Progress) -> None:
        for tell in listeners:
            tell(progress)

    return told


def through(tell: Tell, subject: str, parts: Sequence[str]) -> Callable[[], None]:
    """A step made of named parts: each call of the result tells that the next one is done."""
    ahead = iter(enumerate(parts, start=1))

    def done() -> None:
        number, part = next(ahead)
        tell(Progress(subject, f"parts, {part}", number, len(parts)))

    return done


def to_file(path: Path) -> Tell:
    """Keep the latest in a file, for another process; it is whole whenever it is read."""
    fresh = path.with_name(f"{path.name}.new")

    def told(progress: Progress) -> None:
        fresh.write_text(dumps(asdict(progress)), encoding="utf-8")
        os.replace(fresh, path)

    return told


@contextmanager
def progress_file(path: Path) -> Iterator[Path]:
    """The file of :func:`to_file` for the time of the block; what killed loads have left beside it goes too."""
    try:
        yield path
    finally:
        for each in path.parent.glob(f"*{path.suffix}*"):
            each.unlink(missing_ok=True)


def from_file(path: Path) -> Progress | None:
    """What :func:`to_file` kept, None where nothing was told yet."""
    try:
        return Progress(**loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, JSONDecodeError):
        return None


def occasionally(tell: Tell, seconds: float, clock: Callable[[], float] = time.monotonic) -> Tell:
    """Pass on one in `seconds` at most, and the first after as many: what is quick says nothing."""
    last = clock()

    def told(progress: Progress) -> None:
        nonlocal last
        if clock() - last >= seconds:
            last = clock()
            tell(progress)

    return told
