"""Cells of a spreadsheet as text and kind."""

import doctest
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kampungkb.sources import cells, xlsx
from kampungkb.sources.cells import ErrorCell, first_value, is_blank, is_footer, kind_of, number_text, text_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("cell", "text", "kind"),
    [
        (None, None, None),
        ("", None, None),
        ("   ", "   ", "text"),
        (" 0021 ", " 0021 ", "text"),
        (2104010101900010.0, "2104010101900010", "number"),
        (210401010190001000.0, "210401010190001000", "number"),
        (1.0, "1", "number"),
        (1.5, "1.5", "number"),
        (-0.0, "0", "number"),
        (1e-9, "0.000000001", "number"),
        (12, "12", "number"),
        (True, "TRUE", "boolean"),
        (False, "FALSE", "boolean"),
        (date(2026, 2, 3), "2026-02-03", "date"),
        (datetime(2026, 2, 3, 23, 59), "2026-02-03", "date"),
        (time(14, 30), "14:30:00", "date"),
        (timedelta(days=1, hours=6), "1.25", "number"),
        (ErrorCell("#N/A"), "#N/A", "error"),
    ],
)
def test_a_cell_has_its_text_and_kind(cell: cells.Cell, text: str | None, kind: str | None) -> None:
    assert (text_of(cell), kind_of(cell)) == (text, kind)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_its_value_and_has_no_exponent(number: float) -> None:
    text = number_text(number)
    assert float(text) == number
    assert set(text) <= set("-.0123456789")
    assert not text.endswith(".0")


@given(st.integers(0, 10**15 - 1))
def test_a_whole_number_has_exactly_its_digits(number: int) -> None:
    assert number_text(float(number)) == str(number)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_a_decimal_keeps_its_value(number: Decimal) -> None:
    assert Decimal(number_text(number)) == number


@given(st.text(min_size=1))
def test_text_is_kept_as_it_stands(text: str) -> None:
    assert text_of(text) == text


@pytest.mark.parametrize("text", ["JUMLAH", " Jumlah keluarga", "total", "TOTAL: 12"])
def test_a_footer_starts_with_jumlah_or_total(text: str) -> None:
    assert is_footer(text)


@pytest.mark.parametrize("cell", ["210401", "Sub total", 12.0, ErrorCell("TOTAL"), None])
def test_other_rows_are_no_footer(cell: cells.Cell) -> None:
    assert not is_footer(cell)


def test_the_first_value_skips_blanks_but_no_zero_and_no_error() -> None:
    assert first_value([None, "", " \u00a0", 0.0, "x"]) == 0.0
    assert first_value(["", ErrorCell("#N/A"), "JUMLAH"]) == ErrorCell("#N/A")
    assert first_value(["", " "]) is None
    assert not is_blank(False)


@pytest.mark.parametrize("module", [cells, xlsx])
def test_the_examples_of_the_documentation_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
