"""Data Docs: made from what validation found, readable by themselves, and without a value of anybody."""

import logging
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from typer.testing import CliRunner

from kampungkb.cli import app
from kampungkb.errors import ConfigurationError, KampungkbError
from kampungkb.refs import Published
from kampungkb.settings import EXPECTATIONS
from kampungkb.validation import data_docs
from kampungkb.validation.reference import rules
from kampungkb.validation.results import Results, read_results, site_folder
from kampungkb.validation.suites import read_suite
from tests.integration.validation_landing import (
    Row,
    good_card,
    good_entry,
    good_family,
    good_member,
    good_person,
    land,
    run_in,
    run_validation,
)

pytestmark = pytest.mark.integration

TABLES = ("workbooks", "keluarga", "anggota", "family_heads", "biodata_wni", "peserta")
NAME = "SITI <b>RAHASIA</b>"
LANDED: dict[str, dict[str, list[Row]]] = {
    "family_survey": {
        "keluarga": [good_family(1), good_family(2, KODE_DESA="9999999999"), good_family(3, **{"P.19": "77777"})],
        "anggota": [good_member(1, **{"K.02": NAME}), good_member(3, **{"K.01": "21040105038"}), good_member(7)],
    },
    "civil_registry": {
        "biodata_wni": [good_person(1, nama_lgkp=NAME), good_person(1), good_person(2, jenis_klmin="88888")],
        "data_keluarga": [good_card()],
    },
    "health_insurance": {
        "peserta": [good_entry(1, nama=NAME), good_entry(2, nama=None), good_entry(3, nama=" ")],
    },
}


class Parts(HTMLParser):
    """The tags of a page, what it leads to and what it says."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.leads: list[str] = []
        self.words = ""
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.leads += [value for name, value in attrs if name in ("href", "src", "action", "srcset", "data") and value]

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one validated night of all sources, and its site."""
    home = tmp_path_factory.mktemp("docs") / "home"
    run = run_in(home)
    for source, tables in LANDED.items():
        run_validation(run, land(run, source, **tables))
    data_docs.build(run.settings)
    return home


@pytest.fixture(scope="module")
def site(home: Path) -> Path:
    return site_folder(run_in(home).settings)


def page_of(site: Path, table: str) -> Path:
    [page] = (site / "validations" / table).rglob("*.html")
    return page


def results_of(home: Path, source: str) -> Results:
    [path] = (home / "lake" / "accepted").glob(f"*/{source}/results.json")
    return read_results(path)


def test_the_results_count_for_each_expectation_the_rows_looked_at_and_those_that_break_it(home: Path) -> None:
    [peserta] = results_of(home, "health_insurance").tables
    by_rule = {
        (each.meta.rule, each.column): outcome
        for each, outcome in zip(peserta.suite.expectations, peserta.outcomes, strict=True)
    }
    named = by_rule["J03", "nama"]
    assert (named.elements, named.unexpected) == (3, 2)
    repeated = by_rule["J02", "place"]
    assert (repeated.elements, repeated.unexpected) == (1, 0)  # among the rows that no other rule rejects
    assert peserta.suite == read_suite(EXPECTATIONS, "peserta")


def test_every_table_with_rules_has_a_page_for_the_night_and_the_index_leads_to_it(site: Path) -> None:
    leads = {unquote(lead) for lead in Parts(site / "index.html").leads}
    for table in TABLES:
        assert page_of(site, table).relative_to(site).as_posix() in leads
        assert f"expectations/{table}.html" in leads


@pytest.mark.parametrize("table", TABLES)
def test_a_page_shows_every_rule_in_both_languages_with_its_condition(site: Path, table: str) -> None:
    for page in (page_of(site, table), site / "expectations" / f"{table}.html"):
        words = " ".join(Parts(page).words.split())
        for rule in rules():
            if rule.suite.name == table:
                for each in rule.expectations:
                    assert f"{rule.id} {each.meta.id}" in words
                    assert each.meta.en in words
                    assert " ".join(str(each.kwargs.get("condition", "")).split()) in words


def test_a_page_counts_the_rows_that_break_a_rule(site: Path) -> None:
    words = " ".join(Parts(page_of(site, "peserta")).words.split())
    assert re.search(r"J03 .*?2 unexpected values found\. .*?66\.\d+% of 3 total rows", words)
    assert "Failed" in words
    assert "unexpected values" not in Parts(page_of(site, "workbooks")).words


def test_no_value_of_a_landed_row_stands_in_the_site_or_in_the_results(home: Path, site: Path) -> None:
    values = {
        str(value)
        for tables in LANDED.values()
        for rows in tables.values()
        for row in rows
        for value in row.values()
        if value is not None and len(str(value)) >= 5 and value not in ("KELUARGA", "ANGGOTA")
    }
    assert len(values) > 20
    kept = [*site.rglob("*.html"), *(home / "lake" / "accepted").rglob("results.json")]
    texts = {path: path.read_text(encoding="utf-8") for path in kept}
    assert [(path.name, value) for path, text in texts.items() for value in values if value in text] == []


def test_a_page_loads_nothing_runs_nothing_and_leads_only_to_pages_of_the_site(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert [path for path in site.rglob("*") if path.is_file() and path not in pages] == []
    for page in pages:
        parts = Parts(page)
        assert not parts.tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
        assert "default-src 'none'; style-src 'unsafe-inline'" in page.read_text(encoding="utf-8")
        targets = [unquote(lead.partition("#")[0]) for lead in parts.leads]
        assert [target for target in targets if target and not (page.parent / target).is_file()] == []


def test_the_site_is_for_the_owner_alone(site: Path) -> None:
    assert site.stat().st_mode & 0o077 == 0


def test_the_newest_three_nights_are_shown(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home / "lake" / "accepted", copy / "lake" / "accepted")
    nights = copy / "lake" / "accepted"
    for day in (20, 21, 22, 23):
        shutil.copytree(nights / "2026-11-24", nights / f"2026-11-{day}")
        for path in (nights / f"2026-11-{day}").glob("*/results.json"):
            path.write_text(path.read_text(encoding="utf-8").replace("2026-11-24", f"2026-11-{day}"), encoding="utf-8")
    index = data_docs.build(run_in(copy).settings)
    shown = {path.name for path in (index.parent / "validations" / "peserta").iterdir()}
    assert shown == {"2026-11-22", "2026-11-23", "2026-11-24"}


def test_what_a_suite_says_is_shown_as_text(tmp_path: Path) -> None:
    run = run_in(tmp_path / "home")
    suites = tmp_path / "suites"
    shutil.copytree(EXPECTATIONS, suites)
    text = (suites / "peserta.json").read_text(encoding="utf-8")
    harm = "<script>alert(1)</script> & $PARAMETER $x"
    (suites / "peserta.json").write_text(text.replace('"Nama kosong."', f'"{harm}"'), encoding="utf-8")
    run_validation(run, land(run, "health_insurance", peserta=[good_entry(1)]), expectations=suites)
    page = page_of(data_docs.build(run.settings).parent, "peserta")
    assert harm in " ".join(Parts(page).words.split())
    assert "script" not in Parts(page).tags


def test_a_page_that_would_load_something_is_refused_and_the_earlier_site_stands(
    home: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in site.rglob("*.html")}
    monkeypatch.setattr(data_docs, "TEMPLATES", tmp_path)  # Great Expectations' own pages, then
    with pytest.raises(KampungkbError, match=r"holds `<link`.*earlier Data Docs stand"):
        data_docs.build(run_in(home).settings)
    assert {path: path.read_bytes() for path in site.rglob("*.html")} == before


def test_results_of_another_version_are_named_and_fail_no_load(
    home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = run_in(tmp_path / "home")
    settings = run.settings
    shutil.copytree(home / "lake" / "accepted", settings.lake / "accepted")
    [path] = settings.lake.glob("accepted/*/civil_registry/results.json")
    path.write_text('{"nik": "2104010101010001"}', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"results\.json was written by another version"):
        data_docs.build(settings)
    with caplog.at_level(logging.WARNING):
        data_docs.refresh(run, Published(as_of=run.as_of, latest=True, changed={}))
    assert "Data Docs were not built" in caplog.text and "2104010101010001" not in caplog.text


def test_the_command_prints_where_the_site_stands_and_builds_one_that_is_missing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "home"
    monkeypatch.setenv("KAMPUNGKB_HOME", str(copy))
    nothing = CliRunner().invoke(app, ["data-docs"])
    assert nothing.exit_code == 1 and "Load first" in nothing.output
    shutil.copytree(home / "lake" / "accepted", copy / "lake" / "accepted")
    built = CliRunner().invoke(app, ["data-docs"])
    assert built.exit_code == 0
    assert Path(built.stdout.strip()) == copy / "data-docs" / "index.html"
    assert Path(built.stdout.strip()).is_file()
