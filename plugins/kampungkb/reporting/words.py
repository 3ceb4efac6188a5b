"""Words for the ids that figures carry: the methodology's names, and the catalogue's for sources."""

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, select

from kampungkb.reporting.messages import Message, message
from kampungkb.reporting.report import Sheet
from kampungkb.run import SOURCES
from kampungkb.scoring.reading import load_methodology
from kampungkb.warehouse.models import DimIndicator

Word = Callable[[str, str], Message]
"""The words for a kind of id (indicator, dimension, sector, category, function, programme, source) and an id."""


def words_of(connection: Connection) -> Word:
    """The words of the latest load; an id that nothing names stands for itself."""
    name = connection.execute(select(DimIndicator.methodology).distinct()).scalars().first()
    methodology = load_methodology(name) if name else load_methodology()
    known = {
        "indicator": _titles(methodology.indicators),
        "dimension": _titles(methodology.dimensions),
        "sector": _titles(methodology.sectors),
        "category": _titles(methodology.categories.levels),
        "function": _titles(methodology.functions),
        "programme": _titles(methodology.programmes),
        "source": {source: message(f"source_{source}") for source in SOURCES},
    }
    return lambda kind, each: known[kind].get(each) or Message(id=each, en=each)


def labelled(sheet: Sheet, rows: Iterable[Any], word: Word) -> list[dict[str, Any]]:
    """The rows (mappings) with ids replaced by Indonesian words in the columns that the sheet shows in words."""
    kinds = {column.name: column.label for column in sheet.columns if column.label}
    return [
        {**row, **{name: word(kind, row[name]).id for name, kind in kinds.items() if row[name] is not None}}
        for row in rows
    ]


def _titles(named: Iterable[Any]) -> dict[str, Message]:
    return {each.id: Message(id=each.title.id, en=each.title.en) for each in named}
