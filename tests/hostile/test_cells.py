"""Cells through a real workbook: the same answer from text, number and date cells, and no text stops the reading."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import xlsxwriter
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from xlsxwriter.worksheet import Worksheet

from kampungkb.contracts import contract
from kampungkb.run import FAMILY_SURVEY
from kampungkb.sources.workbook import parse_workbook
from kampungkb.validation.staging import create_macros, create_region, stage
from tests.hostile.files import NAMES
from tests.integration.validation_landing import run_in

pytestmark = pytest.mark.integration

TERMS = contract(FAMILY_SURVEY)
Put = Callable[["Sheet", int, int], object]
Answers = list[Any]


@dataclass
class Sheet:
    """A sheet under the hands of a test, with the formats of its workbook."""

    book: xlsxwriter.Workbook
    sheet: Worksheet
    formats: dict[str, Any] = field(default_factory=dict)

    def shown(self, how: str) -> Any:
        if how not in self.formats:
            self.formats[how] = self.book.add_format({"num_format": how})
        return self.formats[how]


class Reader:
    """Writes cells below a column of the sheet KELUARGA and reads them as the load does: calamine, landing, macros."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "cells.xlsx"
        self._parts = {name: folder / f"{name}.parquet" for name in NAMES}
        self._database = duckdb.connect()
        self._database.execute("set TimeZone = 'Asia/Jakarta'")
        run = run_in(folder / "home")
        create_macros(self._database, run)
        create_region(self._database, run)

    def __call__(self, column: str, cells: Sequence[Put], also: str = "", **how: Any) -> Answers:
        """The answers in the order of the cells; with `also`, pairs of the answer and that column."""
        with xlsxwriter.Workbook(self._path, how) as book:
            for name, titles in NAMES.items():
                drawn = book.add_worksheet(name)
                drawn.write_row(0, 0, titles)
                at = Sheet(book, drawn)
                if name == "KELUARGA":
                    mark = titles.index("KODE_KELUARGA")
                    for row, put in enumerate(cells, start=1):
                        if column != "KODE_KELUARGA":
                            drawn.write_string(row, mark, "x")  # a row without any value would be skipped
                        put(at, row, titles.index(column))
        parsed = parse_workbook(self._path, "cells.xlsx", TERMS, self._parts)
        assert parsed.status == "read", parsed.reason
        stage(self._database, FAMILY_SURVEY, "keluarga", self._parts["KELUARGA"])
        wanted = f'"{column}"' + (f', "{also}"' if also else "")
        rows = self._database.execute(f"select {wanted} from keluarga order by row_number").fetchall()
        return [row if also else row[0] for row in rows]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    yield Reader(tmp_path_factory.mktemp("cells"))


def text(value: str) -> Put:
    return lambda at, row, column: at.sheet.write_string(row, column, value)


def number(value: float, how: str = "General") -> Put:
    return lambda at, row, column: at.sheet.write_number(row, column, value, at.shown(how))


def formula(value: str | float) -> Put:
    return lambda at, row, column: at.sheet.write_formula(row, column, "=A1", None, value)


def day(value: date | datetime, how: str) -> Put:
    return lambda at, row, column: at.sheet.write_datetime(row, column, value, at.shown(how))


def in_any_case(word: str) -> st.SearchStrategy[str]:
    return st.tuples(*(st.sampled_from((letter.lower(), letter.upper())) for letter in word)).map("".join)


spaces = st.text(alphabet=" \t\u00a0\u3000", max_size=2)
codes = st.integers(0, 12)
LABELS = {1: "Ya", 2: "Tidak"}


@st.composite
def forms_of_a_code(draw: st.DrawFn) -> tuple[int, list[Put]]:
    """A code and every form in which its cell may come."""
    code = draw(codes)
    before, after, zeros = draw(spaces), draw(spaces), draw(st.sampled_from(("", "0", "00")))
    forms = [
        text(f"{before}{zeros}{code}{after}"),
        text(f"{code}.0"),
        number(code),
        number(code, "00"),
        number(code, "@"),
    ]
    forms += [formula(code), formula(str(code))]
    if code in LABELS:
        forms.append(text(before + draw(in_any_case(LABELS[code])) + after))
    return code, forms


@given(st.lists(forms_of_a_code(), min_size=1, max_size=20))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_code_is_the_same_from_text_number_and_formula(read: Reader, drawn: list[tuple[int, list[Put]]]) -> None:
    expected = [code for code, forms in drawn for _ in forms]
    assert read("P.01", [form for _, forms in drawn for form in forms]) == expected


SHOWN = ("yyyy-mm-dd", "dd/mm/yyyy", "d-mmm-yy", "[$-421]dd mmmm yyyy;@", "dd/mm/yyyy hh:mm", "m/d/yy")
days = st.dates(date(1904, 1, 2), date(2199, 12, 31))


@st.composite
def forms_of_a_day(draw: st.DrawFn) -> tuple[date, list[Put]]:
    """A date and every form in which its cell may come."""
    when = draw(days)
    before, after = draw(spaces), draw(spaces)
    moment = datetime(when.year, when.month, when.day) + timedelta(seconds=draw(st.integers(0, 86_398)))
    written = [when.isoformat(), when.strftime("%d-%m-%Y"), when.strftime("%d/%m/%Y")]
    forms = [text(before + one + after) for one in written] + [formula(one) for one in written]
    return when, [*forms, day(when, draw(st.sampled_from(SHOWN))), day(moment, draw(st.sampled_from(SHOWN)))]


@given(st.lists(forms_of_a_day(), min_size=1, max_size=20), st.booleans())
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_date_is_the_same_from_text_and_date_cells(
    read: Reader, drawn: list[tuple[date, list[Put]]], from_1904: bool
) -> None:
    expected = [when for when, forms in drawn for _ in forms]
    cells = [form for _, forms in drawn for form in forms]
    assert read("TGL_PENDATAAN", cells, date_1904=from_1904) == expected


@given(st.lists(st.integers(0, 100_000) | st.floats(0, 1e6), min_size=1, max_size=30))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_bare_number_is_no_date(read: Reader, numbers: list[float]) -> None:
    assert read("TGL_PENDATAAN", [number(one) for one in numbers]) == [None] * len(numbers)


@given(st.lists(st.text(alphabet="0123456789", min_size=1, max_size=18), min_size=1, max_size=30))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(["0000000000000000", "0104010101900001", "2104010101900001"])
def test_an_identity_number_in_a_text_cell_keeps_every_digit(read: Reader, numbers: list[str]) -> None:
    cells = [form for one in numbers for form in (text(one), text(f" {one}\u00a0"), formula(one))]
    expected = [(one, "text") for one in numbers for _ in range(3)]
    assert read("NO_KK", cells, also="NO_KK__cell") == expected


@given(st.lists(st.integers(0, 10**15 - 1), min_size=1, max_size=30))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_identity_number_in_a_number_cell_is_told_from_text_and_has_no_exponent(
    read: Reader, numbers: list[int]
) -> None:
    """Fifteen digits are what a spreadsheet's number holds; leading zeros are none, and a sixteenth digit is lost."""
    cells = [form for one in numbers for form in (number(one), number(one * 10), number(one, "0" * 16))]
    expected = [(str(value), "number") for one in numbers for value in (one, one * 10, one)]
    assert read("NO_KK", cells, also="NO_KK__cell") == expected


# XML has neither half characters nor these two.
anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), max_size=30)


@given(st.lists(anything, min_size=1, max_size=30))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(
    [
        "\x00",
        "A\x00B",
        "A\rB",
        "A\r\nB",
        "_x0041_",
        "\u202eINA",
        "\ufeff",
        "'",
        '"',
        "=1+1",
        "<!DOCTYPE x>",
        "&amp;",
        "]]>",
    ]
)
def test_any_text_comes_back_as_it_stands_and_stops_nothing(read: Reader, texts: list[str]) -> None:
    found = read("ALAMAT", [text(one) for one in texts])
    wanted = [one.replace("\x00", "\ufffd").strip() or None for one in texts]
    assert found == wanted


@given(st.lists(anything, min_size=1, max_size=10), st.sampled_from(NAMES["KELUARGA"]))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(["9" * 400, "1e309", "-0", "0000-00-00", "31/12/99999", "1" * 30_000], "P.01")
@example(["9" * 400, "1e309", "-0", "0000-00-00", "31/12/99999", "1" * 30_000], "TGL_PENDATAAN")
def test_any_text_in_any_column_is_read_without_a_fault(read: Reader, texts: list[str], column: str) -> None:
    filled = [one for one in texts if not one.strip().upper().startswith(("JUMLAH", "TOTAL"))] or ["x"]
    found = read(column, [text(one) for one in filled])
    assert column == "KODE_KELUARGA" or len(found) == len(filled)
