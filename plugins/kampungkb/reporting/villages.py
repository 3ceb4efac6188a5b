"""The village sheets: one A4 page a village for the wall of its working group, made of what `open` shows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, text

from kampungkb.reporting.messages import Message, message
from kampungkb.reporting.pages import page
from kampungkb.reporting.report import REPORTS_SQL
from kampungkb.reporting.words import Word

Row = Mapping[str, Any]

# What is compared with the state shown before: the column, the decimals of its figure, and whose word names it.
_COMPARED = (
    ("ibangga", 1, "message"),
    *((name, 1, "dimension") for name in ("ketentraman", "kemandirian", "kebahagiaan")),
    *((name, 0, "category") for name in ("tangguh", "berkembang", "rentan")),
)


@dataclass(frozen=True)
class Change:
    """A figure that is shown otherwise than before; None where it is or was not shown."""

    name: str
    title: Message
    before: float | None
    now: float | None
    decimals: int

    @property
    def difference(self) -> float | None:
        """`now` less `before`."""
        return None if self.before is None or self.now is None else round(self.now - self.before, self.decimals)


@dataclass(frozen=True)
class VillageSheet:
    """What the sheet of a village shows: its row of `village_sheet.sql` and its rows of `village_indicator.sql`."""

    village: Row
    indicators: Sequence[Row]

    @property
    def file(self) -> str:
        """The name of its file: the village code, with what could lead out of the folder written as %XX."""
        return f"{quote(self.village['village_code'], safe='')}.html"

    def ordered(self, order: str) -> list[Row]:
        """The indicators that have a place in an order (`strongest`, `weakest`, `need`), the first one first."""
        return sorted((row for row in self.indicators if row[order] is not None), key=lambda row: int(row[order]))


def village_sheets(connection: Connection) -> list[VillageSheet]:
    """The sheets of all villages, by district and name."""
    indicators = {
        code: list(rows)
        for code, rows in groupby(_rows(connection, "village_indicator"), lambda row: row["village_code"])
    }
    return [
        VillageSheet(village, indicators.get(village["village_code"], []))
        for village in _rows(connection, "village_sheet")
    ]


def _rows(connection: Connection, query: str) -> Iterator[Row]:
    statement = (REPORTS_SQL / f"{query}.sql").read_text(encoding="utf-8")
    yield from (dict(row) for row in connection.execute(text(statement)).mappings())


def sheet_page(sheet: VillageSheet, word: Word, as_of: date) -> str:
    """The page of a village, complete in one file."""
    return page(
        "village",
        village=sheet.village,
        strongest=sheet.ordered("strongest"),
        weakest=sheet.ordered("weakest"),
        needs=sheet.ordered("need"),
        changes=list(changes(sheet.village, word)),
        word=word,
        as_of=as_of,
    )


def changes(village: Row, word: Word) -> Iterator[Change]:
    """The figures of a village that are shown otherwise than in the state before; none where there was none."""
    if village["before_as_of"] is None:
        return
    for name, decimals, kind in _COMPARED:
        before, now = village[f"before_{name}"], village[name]
        if before != now:
            title = message(name) if kind == "message" else word(kind, name)
            yield Change(name, title, before, now, decimals)


def by_district(sheets: Iterable[VillageSheet]) -> list[tuple[str | None, list[VillageSheet]]]:
    """The sheets under the name of their district."""
    return [(name, list(own)) for name, own in groupby(sheets, lambda sheet: sheet.village["district"])]
