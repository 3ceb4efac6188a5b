"""What must come of a scenario: who stands in quarantine and why, what is accepted, and the counts between."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

SURVEY, REGISTRY, INSURANCE = "family_survey", "civil_registry", "health_insurance"


@dataclass(frozen=True, order=True)
class Quarantined:
    """One expected line of quarantine; `identity` tells rows without a place in a file apart."""

    source: str
    table: str
    rule: str
    action: str
    column: str = ""
    file: str = ""
    sheet: str = ""
    row_number: int = 0
    identity: str = ""


@dataclass
class Row:
    """One source row under construction.

    `typed` holds the values that must be accepted; `rejects` the R rules that it breaks, `nulls` the N rules with
    the column of each value. Only an accepted row's nulls stand in quarantine.
    """

    source: str
    table: str
    typed: dict[str, Any]
    cells: dict[str, Any] = field(default_factory=dict)
    rejects: set[str] = field(default_factory=set)
    nulls: set[tuple[str, str]] = field(default_factory=set)
    identity: str = ""
    file: str = ""
    sheet: str = ""
    row_number: int = 0

    @property
    def accepted(self) -> bool:
        return not self.rejects

    def quarantined(self) -> list[Quarantined]:
        place = {"file": self.file, "sheet": self.sheet, "row_number": self.row_number, "identity": self.identity}
        if self.rejects:
            return [Quarantined(self.source, self.table, rule, "row", **place) for rule in sorted(self.rejects)]
        return [
            Quarantined(self.source, self.table, rule, "value", column, **place) for rule, column in sorted(self.nulls)
        ]

    def null(self, rule: str, column: str, cell: Any) -> None:
        """Put an invalid value where the row must lose it."""
        self.cells[column] = cell
        self.typed[column] = None
        self.nulls.add((rule, column))


@dataclass(frozen=True)
class Counts:
    """Rows of a table (and nulled values)."""

    read: int
    accepted: int
    rejected: int
    nulled: int


@dataclass(frozen=True)
class Expectation:
    """Everything a load of the scenario must show."""

    quarantine: tuple[Quarantined, ...]
    counts: dict[tuple[str, str], Counts]
    accepted: dict[tuple[str, str], list[dict[str, Any]]]

    def rules(self) -> dict[str, int]:
        """How often each rule is planted."""
        found: dict[str, int] = {}
        for line in self.quarantine:
            found[line.rule] = found.get(line.rule, 0) + 1
        return found


def expectation(rows: Iterable[Row], rejected_files: Iterable[str] = ()) -> Expectation:
    """Sum up rows and unreadable files."""
    rows = list(rows)
    quarantine = [line for row in rows for line in row.quarantined()]
    quarantine += [Quarantined(SURVEY, "", "F00", "file", file=file) for file in rejected_files]
    counts, accepted = {}, {}
    for table in sorted({(row.source, row.table) for row in rows}):
        own = [row for row in rows if (row.source, row.table) == table]
        good = [row for row in own if row.accepted]
        nulled = sum(len(row.nulls) for row in good)
        counts[table] = Counts(len(own), len(good), len(own) - len(good), nulled)
        accepted[table] = [
            {**row.typed, "file": row.file, "sheet": row.sheet, "row_number": row.row_number} for row in good
        ]
    return Expectation(tuple(sorted(quarantine)), counts, accepted)
