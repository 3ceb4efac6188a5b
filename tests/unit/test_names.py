"""Names: the table of cases, what holds for any text, and tables that anybody may extend."""

import csv
import shutil
import string
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from kampungkb.engine.duckdb import sql_text
from kampungkb.errors import ConfigurationError
from kampungkb.linkage.names import FOLDER, create_macros

pytestmark = pytest.mark.unit


def table(name: str, folder: Path = FOLDER) -> list[dict[str, str]]:
    with (folder / f"name_{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


CASES = table("cases")
KNOWN = sorted(
    {row["title"] for row in table("titles")}
    | {row["particle"] for row in table("particles")}
    | {row["abbreviation"] for row in table("abbreviations")}
    | {word for row in table("spellings") for word in [row["name"], *row["written"].split()]}
    | {row["nickname"] for row in table("nicknames")}
)
WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
LIKE_NAMES = st.lists(
    st.sampled_from(KNOWN) | st.text(string.ascii_letters, min_size=1, max_size=6), min_size=1, max_size=6
).map(" ".join)


Names = dict[str | None, tuple[str | None, str | None]]


@pytest.fixture(scope="module")
def names() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        create_macros(connection)
        yield connection


def normalised(names: duckdb.DuckDBPyConnection, texts: Iterable[str | None]) -> Names:
    """Name and key of every text, in one statement."""
    names.register("given", pa.table({"raw": pa.array(list(texts), pa.string())}))
    rows = names.execute("select raw, name_clean(raw), name_key(name_clean(raw)) from given").fetchall()
    return {raw: (name, key) for raw, name, key in rows}


@pytest.fixture(scope="module")
def of_cases(names: duckdb.DuckDBPyConnection) -> Names:
    return normalised(names, [case["raw"] for case in CASES])


@pytest.mark.parametrize("case", CASES, ids=[case["raw"] for case in CASES])
def test_the_table_of_cases(of_cases: Names, case: dict[str, str]) -> None:
    assert of_cases[case["raw"]] == (case["normalised"], case["key"]), case["why"]


@pytest.mark.parametrize(
    "name", ["titles", "particles", "abbreviations", "spellings", "letters", "nicknames", "sounds"]
)
def test_every_row_names_its_source(name: str) -> None:
    assert [row for row in table(name) if not row["source"].strip()] == []


def test_every_written_form_becomes_the_name_of_its_row(names: duckdb.DuckDBPyConnection) -> None:
    forms = [(written, row["name"]) for row in table("spellings") for written in row["written"].split()]
    found = normalised(names, [each for form in forms for each in form])
    wrong = [(written, name) for written, name in forms if found[written][0] != found[name][0]]
    assert wrong == []
    assert len({written for written, _ in forms}) == len(forms), "a form stands in two rows"
    assert {written for written, _ in forms}.isdisjoint(name for _, name in forms)


def test_every_title_and_particle_goes(names: duckdb.DuckDBPyConnection) -> None:
    titles, particles = table("titles"), table("particles")
    expected = {f"{row['title']} Budiman": "BUDIMAN" for row in titles if row["position"] != "after"}
    expected |= {f"Budiman, {row['title']}": "BUDIMAN" for row in titles if row["position"] != "before"}
    expected |= {f"Budiman {row['particle']} Darto": "BUDIMAN DARTO" for row in particles if row["role"] == "between"}
    assert {raw: name for raw, (name, _) in normalised(names, expected).items()} == expected


@settings(max_examples=6, deadline=None, phases=WITHOUT_SHRINKING)
@given(st.lists(LIKE_NAMES, min_size=40, max_size=80))
def test_cleaning_a_clean_name_changes_nothing(names: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
    once = normalised(names, texts)
    again = normalised(names, [name for name, _ in once.values()])
    changed = {raw: (name, again[name]) for raw, (name, key) in once.items() if again[name] != (name, key)}
    assert changed == {}


@settings(max_examples=6, deadline=None, phases=WITHOUT_SHRINKING)
@given(st.lists(LIKE_NAMES, min_size=20, max_size=40))
def test_case_and_white_space_mean_nothing(names: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
    other = {
        changed: text
        for text in texts
        for changed in (text.lower(), text.upper(), f"\t {text.replace(' ', '  ')}\n", text.replace(" ", "\x00\u00a0"))
    }
    found = normalised(names, [*other, *texts])
    assert {changed: found[changed] for changed, text in other.items() if found[changed] != found[text]} == {}


@settings(max_examples=6, deadline=None, phases=WITHOUT_SHRINKING)
@given(st.lists(st.text(max_size=40), min_size=40, max_size=80))
def test_any_text_gives_a_name_and_a_key_unless_it_is_blank(names: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
    found = normalised(names, texts)
    for raw, (name, key) in found.items():
        assert (name is None) == (key is None)
        assert name != "" and key != ""
        assert name is not None or not any(character.isalnum() for character in raw or "")
        assert name is None or (name == name.strip() and "  " not in name)
    again = normalised(names, [name for name, _ in found.values()])
    assert all(raw == name for raw, (name, _) in again.items())


@settings(max_examples=20, deadline=None, phases=WITHOUT_SHRINKING)
@given(st.lists(st.text("Sti'é \t\n\u00a0\u2003", max_size=12), min_size=1, max_size=200))
def test_a_name_as_a_source_has_it_is_upper_case_with_single_spaces(texts: list[str]) -> None:
    with duckdb.connect() as connection:
        connection.execute(sql_text("link_one_spaced"))
        found = connection.execute("select one_spaced(unnest(?::varchar[]))", [texts]).fetchall()
    assert [name for (name,) in found] == [" ".join(text.upper().split()) or None for text in texts]


@pytest.mark.parametrize("blank", [None, "", "   ", "\t\n", "\u00a0"])
def test_a_blank_name_is_missing(names: duckdb.DuckDBPyConnection, blank: str | None) -> None:
    assert normalised(names, [blank]) == {blank: (None, None)}


def test_a_new_row_is_enough_for_a_new_title(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "linkage")
    with (tmp_path / "linkage" / "name_titles.csv").open("a", encoding="utf-8") as file:
        file.write("Tok Batin,before,no,village elder,local usage\n")
    with duckdb.connect() as connection:
        create_macros(connection, tmp_path / "linkage")
        assert connection.execute("select name_clean('Tok Batin Salim')").fetchall() == [("SALIM",)]


@pytest.mark.parametrize("damage", ["empty", "gone", "columns"])
def test_a_table_that_cannot_be_used_is_named(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "linkage"
    shutil.copytree(FOLDER, folder)
    file = folder / "name_titles.csv"
    if damage == "gone":
        file.unlink()
    elif damage == "empty":
        file.write_text("title,position,joined\nH.,,yes\n", encoding="utf-8")
    else:
        file.write_text("name,source\nH.,usage\n", encoding="utf-8")
    with duckdb.connect() as connection, pytest.raises(ConfigurationError, match=r"name_titles\.csv"):
        create_macros(connection, folder)


def test_three_hundred_thousand_names_take_seconds(names: duckdb.DuckDBPyConnection) -> None:
    written = [row["raw"].replace("'", "''") for row in CASES]
    listed = ", ".join(f"'{each}'" for each in written)
    names.execute(
        f"create or replace table many as select list_value({listed})[1 + i % {len(written)}] || ' ' || (i % 9973) "
        "as raw from range(300000) as numbers(i)"
    )
    started = time.process_time()
    names.execute("select max(name_clean(raw)) from many").fetchall()
    assert time.process_time() - started < 10
