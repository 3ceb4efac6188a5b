"""What the fault suite measured: one JSON line a trial, and the table made of them.

`python -m tests.faults.figures` prints the table; `--page FILE` also puts it between the marks of that page, which are
comments: `figures` and `end of figures`, or the words of `--mark`.
"""

import argparse
import json
import os
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kampungkb.settings import PROJECT_ROOT

FIGURES = Path(os.environ.get("KAMPUNGKB_TEST_FIGURES", PROJECT_ROOT / "var" / "test-faults" / "figures.jsonl"))


@dataclass(frozen=True)
class Trial:
    """One fault that was made to happen: rows against the undisturbed load's, seconds until the data was right."""

    fault: str
    lost: int
    doubled: int
    seconds: float | None = None

    @property
    def survived(self) -> bool:
        return self.lost == self.doubled == 0


def record(trial: Trial) -> None:
    """Add a trial to the file; lines of processes that write at the same time do not mix."""
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(FIGURES, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, (json.dumps(asdict(trial)) + "\n").encode())
    finally:
        os.close(descriptor)


def read() -> list[Trial]:
    return [Trial(**json.loads(line)) for line in FIGURES.read_text(encoding="utf-8").splitlines()]


def line(name: str, trials: Sequence[Trial]) -> str:
    """A row of the table."""
    seconds = [trial.seconds for trial in trials if trial.seconds is not None]
    recovery = f"{statistics.median(seconds):.1f} | {max(seconds):.1f}" if seconds else "– | –"
    survived = sum(trial.survived for trial in trials)
    lost, doubled = sum(trial.lost for trial in trials), sum(trial.doubled for trial in trials)
    return f"| {name} | {len(trials)} | {survived} | {lost} | {doubled} | {recovery} |"


def table(trials: Sequence[Trial]) -> str:
    """The table in Markdown: a line a fault, in order of name, and all together."""
    names = sorted({trial.fault for trial in trials})
    head = (
        "| fault | tried | survived | rows lost | rows doubled | seconds to recover, median | most |\n"
        "|---|---:|---:|---:|---:|---:|---:|"
    )
    lines = [line(name, [trial for trial in trials if trial.fault == name]) for name in names]
    return "\n".join([head, *lines, line("**all**", trials)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--mark", default="figures")
    given = parser.parse_args()
    page: Path | None = given.page
    made = table(read())
    print(made)
    if page is not None:
        begin, end = f"<!-- {given.mark} -->", f"<!-- end of {given.mark} -->"
        text = page.read_text(encoding="utf-8")
        before, after = text.split(begin)[0], text.split(end)[1]
        page.write_text(f"{before}{begin}\n{made}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
