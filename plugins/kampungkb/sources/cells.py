"""Cells of a spreadsheet as text: nothing is repaired, nothing is lost, and what the cell was stays known.

>>> text_of(2104010101900010.0), kind_of(2104010101900010.0)
('2104010101900010', 'number')
>>> text_of(ErrorCell("#N/A")), kind_of(ErrorCell("#N/A"))
('#N/A', 'error')
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

CellKind = Literal["text", "number", "date", "boolean", "error"]


@dataclass(frozen=True)
class ErrorCell:
    """A cell that shows an error such as `#N/A`: an invalid value, not a blank."""

    text: str


LONGEST_NUMBER = 400
"""Digits before or after the point that are written out: 1e999999999 would be a gigabyte of zeros."""

Cell = str | int | float | bool | date | datetime | time | timedelta | ErrorCell | None


def number_text(number: float | int | Decimal) -> str:
    """A number with every digit it has, without exponent and without trailing zeros after the point.

    A number beyond :data:`LONGEST_NUMBER` that was written with an exponent keeps it.

    >>> number_text(1.0), number_text(0.5), number_text(1e-7), number_text(2.1e17)
    ('1', '0.5', '0.0000001', '210000000000000000')
    """
    if isinstance(number, int):
        return str(number)
    exact = number if isinstance(number, Decimal) else Decimal(repr(number))
    if not exact.is_finite() or abs(exact.adjusted()) > LONGEST_NUMBER:
        return str(exact)
    text = format(exact, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def storable(texts: pa.StringArray) -> pa.StringArray:
    """A column of text with U+FFFD where U+0000 stood, which PostgreSQL cannot hold.

    >>> storable(pa.array(["A\\x00NI", None])).to_pylist()
    ['A\ufffdNI', None]
    """
    return pc.replace_substring(texts, "\0", "\ufffd")


def is_blank(cell: Cell) -> bool:
    """Whether a cell is empty or holds only white space."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def text_of(cell: Cell) -> str | None:
    """The text of a cell; null where it is empty. A date cell with a time gives its date."""
    if cell is None or isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, (int, float)):
        return number_text(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, timedelta):
        # A duration is a number of days in another dress.
        return number_text(cell / timedelta(days=1))
    if isinstance(cell, ErrorCell):
        return cell.text
    return cell.isoformat()


def kind_of(cell: Cell) -> CellKind | None:
    """What a cell is; null where it is empty. Durations count as numbers, times of day as dates."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, str):
        return "text"
    if isinstance(cell, ErrorCell):
        return "error"
    if isinstance(cell, bool):
        return "boolean"
    if isinstance(cell, (int, float, timedelta)):
        return "number"
    return "date"


def is_footer(first: Cell) -> bool:
    """Whether a row whose first non-blank cell is `first` is a footer: it starts with JUMLAH or TOTAL."""
    return isinstance(first, str) and first.strip().upper().startswith(("JUMLAH", "TOTAL"))


def first_value(row: Sequence[Cell]) -> Cell:
    """The first non-blank cell of a row, or None."""
    return next((cell for cell in row if not is_blank(cell)), None)
