"""What a report consists of: `include/reports/*.yaml` says which sheets it has, which query fills each and how it
is shown; the query is a file of `include/sql/reports`.
"""

from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kampungkb.errors import ConfigurationError
from kampungkb.reporting.messages import Message
from kampungkb.settings import INCLUDE
from kampungkb.yaml_text import load_yaml

REPORTS = INCLUDE / "reports"
REPORTS_SQL = INCLUDE / "sql" / "reports"

Kind = Literal["text", "integer", "decimal", "share", "percent", "date", "flag"]
Label = Literal["indicator", "dimension", "sector", "category", "function", "programme", "source"]


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReportColumn(_Declared):
    """A column of a sheet: the query's column `name`, its heading, and how values are written.

    `decimal` has one digit, `share` is a number from 0 to 1 shown as per cent with one digit, `percent` one with none,
    `flag` is true or false shown as a mark. With `label` the value is an id that is shown in words.
    """

    name: str
    title: Message
    kind: Kind = "text"
    width: float = Field(default=12, gt=0, le=80)
    label: Label | None = None


class Chart(_Declared):
    """A chart beside the table: the `values` columns over the `category` column of the first `rows` rows."""

    kind: Literal["bar", "stacked", "line"]
    title: Message
    category: str
    values: list[str] = Field(min_length=1)
    rows: int | None = Field(default=None, gt=0)
    minimum: float | None = None
    maximum: float | None = None


class Sheet(_Declared):
    """One sheet: a heading, notes under it, a table, and charts beside or below the table."""

    id: str = Field(pattern=r"^[a-z_]+$")
    title: Message
    notes: list[Message] = []
    query: str | None = Field(default=None, pattern=r"^[a-z_]+$")
    columns: list[ReportColumn] = []
    charts: list[Chart] = []

    def column(self, name: str) -> ReportColumn:
        """The declared column of that name."""
        return next(column for column in self.columns if column.name == name)


class Report(_Declared):
    """A report: its name as a file, its heading, and its sheets in order."""

    id: str = Field(pattern=r"^[a-z_]+$")
    title: Message
    sheets: list[Sheet] = Field(min_length=1)


@cache
def report(name: str) -> Report:
    """The declared report of that name; raises :class:`ConfigurationError` where its file is wrong."""
    path = REPORTS / f"{name}.yaml"
    try:
        declared = Report.model_validate(load_yaml(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as fault:
        raise ConfigurationError(f"The report {path.name} cannot be read: {fault}. Correct include/reports.") from None
    except ValidationError as fault:
        first = fault.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"The report {path.name} is wrong at {place}: {first['msg']}.") from None
    for sheet in declared.sheets:
        _check(path, sheet)
    return declared


def _check(path: Path, sheet: Sheet) -> None:
    names = {column.name for column in sheet.columns}
    used = {name for chart in sheet.charts for name in (chart.category, *chart.values)}
    if used - names:
        missing = ", ".join(sorted(used - names))
        raise ConfigurationError(
            f"The report {path.name} draws columns that sheet {sheet.id} does not have: {missing}."
        )
    if bool(sheet.query) != bool(sheet.columns):
        raise ConfigurationError(f"Sheet {sheet.id} of {path.name} needs both a query and columns, or neither.")
