"""What Great Expectations found in a snapshot, without a single value: the rules as they were, and counts.

`results.json` beside `checks.parquet`; Data Docs are made from it.
"""

from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from kampungkb.errors import ConfigurationError
from kampungkb.settings import Settings
from kampungkb.validation.suites import Suite

FILE = "results.json"
INDEX = "index.html"


def site_folder(settings: Settings) -> Path:
    """The folder of the site made from the results; it begins at `INDEX`."""
    return settings.root / "data-docs"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Outcome(_Frozen):
    """How many rows an expectation looked at, how many had no value there, and how many broke it."""

    elements: int
    missing: int
    unexpected: int


class TableResults(_Frozen):
    """The suite of one table and an outcome for each of its expectations, in the suite's order."""

    suite: Suite
    outcomes: tuple[Outcome, ...]


class Results(_Frozen):
    """All that was found in one source for one date."""

    source: str
    as_of: date
    stale: bool = False
    tables: tuple[TableResults, ...]


def write_results(folder: Path, results: Results, name: str = FILE) -> None:
    """Write the results into the folder, as `results.json` where no other name is wanted."""
    (folder / name).write_text(results.model_dump_json(indent=1), encoding="utf-8")


def read_results(path: Path) -> Results:
    """Read a `results.json`; raises :class:`ConfigurationError` where it is none of this version."""
    try:
        return Results.model_validate_json(path.read_bytes())
    except ValidationError:
        raise ConfigurationError(
            f"{path} was written by another version and cannot be read. Load this date again."
        ) from None
