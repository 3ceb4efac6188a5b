"""How landed text is read, held against a second reading of SOURCES written in plain Python."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from kampungkb.run import Run
from kampungkb.validation.staging import create_macros

LABELS = {"ya": 1, "tidak": 2, "tidak berlaku": 3}
JAKARTA = ZoneInfo("Asia/Jakarta")  # + 7:30 until 1963


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    from tests.integration.validation_landing import run_in

    run: Run = run_in(tmp_path_factory.mktemp("home"))
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'Asia/Jakarta'")
        create_macros(connection, run)
        yield connection


def one(database: duckdb.DuckDBPyConnection, expression: str, *values: object) -> object:
    row = database.execute(f"select {expression}", list(values)).fetchone()
    assert row is not None
    return row[0]


def read_blank(text: str | None) -> str | None:
    return None if text is None or not text.strip() else text.strip()


def read_code(text: str) -> int | None:
    """`1`, `"1"`, `1.0`, `" 1 "`, `"01"` are the same; labels count in any case."""
    clean = text.strip()
    if clean.lower() in LABELS:
        return LABELS[clean.lower()]
    if re.fullmatch(r"[0-9]+(\.0+)?", clean) and int(clean.split(".")[0]) < 2**31:
        return int(clean.split(".")[0])
    return None


def read_date(text: str) -> date | None:
    """YYYY-MM-DD, DD-MM-YYYY or DD/MM/YYYY, a day of the calendar."""
    for pattern, order in (
        (r"([0-9]{4})-([0-9]{2})-([0-9]{2})", (1, 2, 3)),
        (r"([0-9]{2})-([0-9]{2})-([0-9]{4})", (3, 2, 1)),
        (r"([0-9]{2})/([0-9]{2})/([0-9]{4})", (3, 2, 1)),
    ):
        if match := re.fullmatch(pattern, text.strip()):
            try:
                return date(*(int(match.group(group)) for group in order))
            except ValueError:
                return None
    return None


anything = st.text(max_size=12)
spaces = st.text(
    alphabet="\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2007\u200a\u2028\u2029\u202f\u205f\u3000", max_size=3
)
digits = st.text(alphabet="0123456789", min_size=1, max_size=11)
answers = st.one_of(
    anything,
    digits,
    st.from_regex(r"[+-]?0{0,2}[0-9]{1,2}([.,][0-9]{0,2})?", fullmatch=True),
    st.sampled_from(["Ya", "TIDAK", "tidak Berlaku", "ya ", "Tidak  berlaku", "1e0", "0x1", "١", "１", "²"]),
)
day_texts = st.one_of(
    anything,
    st.dates(date(1, 1, 1), date(9999, 12, 31)).flatmap(
        lambda day: st.sampled_from(
            [
                day.isoformat(),
                f"{day.day:02d}-{day.month:02d}-{day.year:04d}",
                f"{day.day:02d}/{day.month:02d}/{day.year:04d}",
            ]
        )
    ),
    st.from_regex(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}", fullmatch=True),
)


@given(spaces, anything, spaces)
@example(" ", "", "\u00a0")
@example("", "\u200b", "")
def test_white_space_is_what_python_strips(
    database: duckdb.DuckDBPyConnection, before: str, text: str, after: str
) -> None:
    assume("\x00" not in text)
    cell = before + text + after
    assert one(database, "clean(?)", cell) == read_blank(cell)


@given(spaces, answers, spaces)
@example("", "01", "")
@example("", "1.0", "")
@example("", "-1", "")
@example("", "4294967297", "")
def test_a_code_is_its_number_or_its_label(
    database: duckdb.DuckDBPyConnection, before: str, text: str, after: str
) -> None:
    assume("\x00" not in text and "İ" not in text)
    cell = before + text + after
    answer = "as_code(clean(?), map {'ya': '1', 'tidak': '2', 'tidak berlaku': '3'})"
    read = one(database, f"as_integer({answer})", cell)
    expected = read_code(cell)
    if expected is None and read is not None:
        # A negative number is a number to the reader, and no code to any rule.
        assert isinstance(read, int) and read <= 0 and cell.strip().startswith("-")
    else:
        assert read == expected


@given(spaces, day_texts, spaces)
@example("", "29-02-2023", "")
@example("", "0000-01-01", "")
@example("", "2026-1-02", "")
@example("", "02-01-26", "")
def test_a_survey_date_is_one_of_three_forms(
    database: duckdb.DuckDBPyConnection, before: str, text: str, after: str
) -> None:
    assume("\x00" not in text)
    cell = before + text + after
    assert one(database, "date_of_family_survey(clean(?))", cell) == read_date(cell)


@given(day_texts)
def test_an_insurance_date_is_written_the_iso_way(database: duckdb.DuckDBPyConnection, text: str) -> None:
    assume("\x00" not in text)
    expected = read_date(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text.strip()) else None
    assert one(database, "date_of_health_insurance(clean(?))", text) == expected


offsets = st.integers(-14 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=offsets), st.sampled_from(["T", " "]))
def test_an_instant_with_an_offset_is_read_exactly(
    database: duckdb.DuckDBPyConnection, moment: datetime, separator: str
) -> None:
    text = moment.isoformat(sep=separator)
    for source in ("civil_registry", "health_insurance"):
        assert one(database, f"epoch_us(timestamp_of_{source}(?))", text) == round(
            (moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)
        )
    assert one(database, "date_of_civil_registry(?)", text) == moment.astimezone(JAKARTA).date()


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)), st.booleans())
def test_an_instant_without_an_offset_is_jakarta_s(
    database: duckdb.DuckDBPyConnection, moment: datetime, day_first: bool
) -> None:
    moment = moment.replace(microsecond=0)
    text = moment.strftime("%d-%m-%Y %H:%M:%S") if day_first else moment.isoformat()
    read = one(database, "epoch(timestamp_of_civil_registry(?))", text)
    assert read == moment.replace(tzinfo=JAKARTA).timestamp()
    assert one(database, "date_of_civil_registry(?)", text) == moment.date()


@given(anything)
def test_no_text_stops_the_reading(database: duckdb.DuckDBPyConnection, text: str) -> None:
    for macro in (
        "as_integer", "date_of_family_survey", "date_of_civil_registry", "date_of_health_insurance",
        "timestamp_of_civil_registry", "timestamp_of_health_insurance",
    ):  # fmt: skip
        one(database, f"{macro}(clean(?))", text)


@given(st.dates(date(1800, 1, 1), date(2100, 1, 1)), st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(1, 130))
@example(date(1900, 2, 28), date(2020, 2, 29), 120)
@example(date(1904, 2, 29), date(2024, 2, 29), 120)
@example(date(2024, 2, 29), date(2029, 2, 28), 5)
@example(date(2024, 2, 29), date(2029, 3, 1), 5)
def test_more_than_n_years_before_means_the_anniversary_is_past(
    database: duckdb.DuckDBPyConnection, day: date, on: date, years: int
) -> None:
    passed = (on.year - day.year, on.month, on.day) > (years, day.month, day.day)
    assert one(database, f"older_than({years}, ?, ?)", day, on) is passed


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ((21, 4, 1, 1001), "2104011001"),
        ((21, 4, 1, 1), "2104010001"),
        ((121, 4, 1, 1001), None),
        ((21, 4, 1, 10001), None),
        ((21, -4, 1, 1001), None),
        ((21, None, 1, 1001), None),
    ],
)
def test_a_village_code_is_made_of_four_numbers(
    database: duckdb.DuckDBPyConnection, numbers: tuple[int | None, ...], code: str | None
) -> None:
    assert one(database, "village_code_of(?::int, ?::int, ?::int, ?::int)", *numbers) == code
