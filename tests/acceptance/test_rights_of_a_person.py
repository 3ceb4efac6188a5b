"""One person's rights on whole loads: everything is handed out, or erased everywhere and for good."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import openpyxl
import pytest
from pydantic import SecretStr

from kampungkb.connections import connections_from_environment
from kampungkb.errors import ConfigurationError, DecisionError, KampungkbError
from kampungkb.landing import extract, read_manifest
from kampungkb.reporting.action_lists import write_action_lists
from kampungkb.rights.erasure import Erased, erase, look, resume
from kampungkb.rights.export import export
from kampungkb.rights.subject import Wanted
from kampungkb.rights.traces import fits, load_traces
from kampungkb.run import Run
from kampungkb.settings import PROJECT_ROOT, Settings
from kampungkb.warehouse.models import Base
from kampungkb.warehouse.place import place_of
from tests.acceptance.conftest import AS_OF, World, sampled

pytestmark = [pytest.mark.e2e, pytest.mark.integration]
NEXT, LATER = AS_OF + timedelta(days=1), AS_OF + timedelta(days=2)
ERASED: list[set[str]] = []
PYTHONPATH = f"{PROJECT_ROOT / 'plugins'}:{PROJECT_ROOT}"
BY, BECAUSE = "ani", "request 17"
SURVEY, REGISTRY, INSURANCE = "family_survey", "civil_registry", "health_insurance"
NAMES = {SURVEY: ("anggota", "K.02"), REGISTRY: ("biodata_wni", "nama_lgkp"), INSURANCE: ("peserta", "nama")}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two nights of a small sample, from its own servers; children in it name their parents, cards their heads."""
    with sampled(tmp_path_factory.mktemp("rights") / "home", "a key for tests only") as made:
        made.load()
        made.load(NEXT, force=True)
        yield made


def run_of(world: World) -> Run:
    return Run("rights", NEXT, world.settings, connections_from_environment(world.variables))


def lake_rows(world: World, query: str) -> list[tuple[str, ...]]:
    """A query over the lake, whose folder it names as {lake}."""
    with duckdb.connect() as reader:
        return reader.execute(query.format(lake=world.settings.lake)).fetchall()


def persons(world: World) -> list[dict[str, set[str]]]:
    """Of everybody in all three sources whose name stands in nobody else's: `key` and identifiers."""
    rows = world.rows("select person_key, source, source_key from vault.person_link order by 1, 2, 3")
    texts: dict[tuple[str, str], set[str]] = {}
    for source, (table, column) in NAMES.items():
        nik = {"anggota": "K.01", "biodata_wni": "nik", "peserta": "nik"}[table]
        path = f"{{lake}}/accepted/*/{source}/{table}.parquet"
        for key, number, name in lake_rows(world, f'select distinct source_key, "{nik}", "{column}" from \'{path}\''):
            texts.setdefault((source, key), set()).update({number, name} - {None})
    found: dict[str, dict[str, set[str]]] = {}
    for key, source, source_key in rows:
        person = found.setdefault(key, {"key": {key}, "sources": set(), "values": {key}})
        person["sources"].add(source)
        person["values"] |= texts[source, source_key] | ({source_key} if source != SURVEY else set())
    everything = [(key, value.casefold()) for key, person in found.items() for value in person["values"]]
    return [
        person
        for key, person in found.items()
        if len(person["sources"]) == len(NAMES)
        and not any(
            value.casefold() in text for value in person["values"] for other, text in everything if other != key
        )
    ]


def dump(world: World) -> str:
    """What `pg_dump` writes of the whole database."""
    program = place_of(world.settings).programs / "pg_dump"
    url = world.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    return subprocess.run([str(program), url], capture_output=True, text=True, check=True, timeout=120).stdout


def found_in(world: World, values: Iterable[str]) -> dict[str, set[str]]:
    """Where values stand: in a file of the lake, its bytes and its cells, or in a dump of the warehouse."""
    folded = {value.casefold() for value in values}
    hits: dict[str, set[str]] = {}
    with duckdb.connect() as reader:
        for path in sorted(path for path in world.settings.lake.rglob("*") if path.is_file()):
            text = path.read_bytes().decode("utf-8", "replace")
            if path.suffix == ".parquet":
                rows = reader.execute("select * from read_parquet(?)", [str(path)]).fetchall()
                text += "\n".join(map(str, rows))
            hits[path.relative_to(world.settings.lake).as_posix()] = {v for v in folded if v in text.casefold()}
    written = dump(world).casefold()
    hits["dump"] = {value for value in folded if value in written}
    return {place: values for place, values in hits.items() if values}


def landed(world: World, without: set[str]) -> Counter[tuple[str, ...]]:
    """The landed rows of members, registry and insurance that hold none of the values, and how often."""
    rows: Counter[tuple[str, ...]] = Counter()
    for source, (table, _) in NAMES.items():
        for row in lake_rows(world, f"select * from '{{lake}}/landing/{source}/*/{table}.parquet'"):
            if not without & {str(cell) for cell in row}:
                rows[row] += 1
    return rows


def erase_now(world: World, key: str, values: set[str]) -> list[Erased]:
    """Erase a person, and see that nothing is left."""
    assert found_in(world, values)
    done = erase(run_of(world), Wanted(person_key=key), BY, BECAUSE)
    ERASED.append(values)
    assert found_in(world, values) == {}
    return done


def links(world: World, key: str) -> set[tuple[str, str, str]]:
    """The links of everybody else."""
    rows = world.rows("select source, source_key, person_key from vault.person_link")
    return {tuple(row) for row in rows if row.person_key != key}


def test_an_erased_person_is_nowhere(world: World) -> None:
    person = persons(world)[0]
    (key,), values = person["key"], person["values"]
    before = found_in(world, values)
    for place in (f"landing/{SURVEY}/{NEXT}.1/anggota.parquet", f"accepted/{AS_OF}/{REGISTRY}/biodata_wni.parquet"):
        assert before[place]
    assert before["dump"] >= {key.casefold()}
    others, figures, linked = landed(world, values), world.dump("mart"), links(world, key)

    listed = write_action_lists(run_of(world), "meeting", "", "").path

    (done,) = erase_now(world, key, values)

    assert not list(listed.iterdir())
    assert landed(world, values) == others
    assert links(world, key) == linked
    unmoved = ("mart.village_index", "mart.district_index", "mart.indicator_coverage", "mart.life_cycle")
    assert {name: world.dump("mart")[name] for name in unmoved} == {name: figures[name] for name in unmoved}
    (record,) = world.rows("select * from ops.erasure")
    assert (record.requested_by, record.reason, record.counts["warehouse"]) == (BY, BECAUSE, done.warehouse)
    assert world.rows("select * from vault.erasure_subject") == []


def test_the_same_erasure_again_finds_nothing(world: World) -> None:
    key = next(iter(persons(world)[0]["key"]))
    erase(run_of(world), Wanted(person_key=key), BY, BECAUSE)
    with pytest.raises(KampungkbError, match="Nothing is held"):
        erase(run_of(world), Wanted(person_key=key), BY, BECAUSE)
    assert resume(run_of(world)) == []


def test_rows_of_others_do_not_name_the_person_any_more(world: World) -> None:
    """Registry rows of the children name a parent, the card its head; they stay, without the name."""
    named = {str(cell) for row in lake_rows(world, NAMED) for cell in row}
    person = next(p for p in persons(world) if len(p["values"] & named) > 1)
    (key,), values = person["key"], person["values"]
    children = {row for row in lake_rows(world, CHILDREN) if values & {str(cell) for cell in row}}
    assert children
    erase_now(world, key, values)
    left = {row[0] for row in lake_rows(world, CHILDREN)}
    assert {row[0] for row in children if row[0] not in values} <= left


def test_a_family_of_one_goes_with_its_member(world: World) -> None:
    """The number of the family card, too, says who it was."""
    alone = lake_rows(world, ALONE)
    people = {next(iter(p["key"])): p for p in persons(world)}
    family, card, key = next(row for row in alone if row[2] in people)
    values = {*people[key]["values"], family, card}
    assert f"landing/{SURVEY}/{NEXT}.1/keluarga.parquet" in found_in(world, {family})
    assert look(run_of(world), Wanted(person_key=key)).families_alone == 1
    erase_now(world, key, values)


def test_nobody_comes_back_with_the_nights_that_follow(world: World) -> None:
    """The same sources: replayed, read where they changed, and read in full."""
    for person in persons(world)[: max(0, 3 - len(ERASED))]:
        erase_now(world, next(iter(person["key"])), person["values"])
    erased, everybody = set().union(*ERASED), links(world, "")
    for night, force in ((NEXT, False), (LATER, False), (LATER + timedelta(days=1), True)):
        loaded = world.load(night, force=force)
        assert found_in(world, erased) == {}
        assert links(world, "") == everybody
    assert all(read_manifest(snapshot.path).blocked > 0 for snapshot in loaded.snapshots.values())


def test_killed_anywhere_it_is_resumed(world: World) -> None:
    """Each try is killed within a folder; what is done stays done, and the last one ends."""
    person = persons(world)[0]
    (key,), values = person["key"], person["values"]
    run = run_of(world)
    environ = {**os.environ, **world.variables, "PYTHONPATH": PYTHONPATH, "KAMPUNGKB_HOME": str(run.settings.root)}
    environ["KAMPUNGKB_PSEUDONYM_KEY"] = "a key for tests only"
    command = [sys.executable, "-m", "tests.acceptance.erase_child", key]
    codes = []
    for after in (0, 1, 2, 3, 2):
        done = subprocess.run([*command, str(after)], env=environ, cwd=PROJECT_ROOT, capture_output=True, check=False)
        codes.append(done.returncode)
    assert codes == [-signal.SIGKILL] * 5
    assert world.rows("select from ops.erasure where finished_at is null")
    (done,) = resume(run)
    assert found_in(world, values) == {}
    assert not list(run.settings.lake.rglob(".partial-*"))
    for source in NAMES:
        extract(replace(run, as_of=LATER), source)  # replays: each manifest fits its files


def test_a_load_under_another_key_stops_before_it_lands_anybody(world: World) -> None:
    """Also where the lake is a new one and only the warehouse knows the key that was in force."""
    erase(run_of(world), Wanted(person_key=next(iter(persons(world)[0]["key"]))), BY, BECAUSE)
    other = SecretStr("another key")
    for settings in (
        Settings(home=world.home, pseudonym_key=other),
        Settings(home=world.home / "n", pseudonym_key=other),
    ):
        run = replace(run_of(world), settings=settings, as_of=LATER + timedelta(days=9))
        with pytest.raises(ConfigurationError, match="KAMPUNGKB_PSEUDONYM_KEY is not the key"):
            extract(run, REGISTRY)
        assert not list((settings.lake / "landing" / REGISTRY).glob(f"{run.as_of}.*"))


def test_the_record_may_not_say_who_it_was(world: World) -> None:
    person, name = next((p, v) for p in persons(world) for v in sorted(p["values"]) if " " in v)
    (key,) = person["key"]
    for reason in (f"{name.lower()} asks", "NIK 2104010101900001", " "):
        with pytest.raises(DecisionError):
            erase(run_of(world), Wanted(person_key=key), BY, reason)
    assert look(run_of(world), Wanted(person_key=key)).records


def test_a_nik_is_typed_and_stands_in_no_argument_and_no_output(world: World) -> None:
    niks = [(p, {v for v in p["values"] if re.fullmatch(r"\d{16}", v)}) for p in persons(world)]
    person, (nik,) = next((person, found) for person, found in niks if len(found) == 1)
    environ = {**os.environ, **world.variables, "PYTHONPATH": PYTHONPATH, "KAMPUNGKB_HOME": str(world.home)}
    environ["KAMPUNGKB_PSEUDONYM_KEY"] = "a key for tests only"
    command = [sys.executable, "-m", "kampungkb", "person", "erase", "--by", BY, "--because", BECAUSE, "--yes"]
    done = subprocess.run(command, env=environ, input=f"{nik}\n", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\.xlsx", done.stdout)  # the workbook that the office must correct
    assert not [value for value in person["values"] if value.casefold() in (done.stdout + done.stderr).casefold()]
    assert found_in(world, person["values"]) == {}


def test_an_export_has_every_place_and_nobody_elses_identifiers(world: World, tmp_path: Path) -> None:
    everybody = persons(world)
    person, others = everybody[0], everybody[1:]
    (key,), values = person["key"], person["values"]
    held = export(run_of(world), Wanted(person_key=key), tmp_path / "out", BY, BECAUSE)
    file, book = tmp_path / "out" / "person.json", tmp_path / "out" / "person.xlsx"
    assert {oct(path.stat().st_mode & 0o777) for path in (file, book)} == {"0o600"}
    written = file.read_text(encoding="utf-8")
    assert {place.removesuffix(".parquet") for place in found_in(world, values)} - {"dump"} <= {
        place.removesuffix(".parquet") for place in json.loads(written)
    }
    assert all(value in written for value in values)
    numbers = {v for other in others for v in other["values"] if v.isdigit()}
    assert not [number for number in numbers if number in written]
    cells = {str(c) for sheet in openpyxl.load_workbook(book) for row in sheet.iter_rows(values_only=True) for c in row}
    assert values <= cells and set(held) <= cells
    recorded = world.rows("select purpose from ops.access_log where subject = 'person export'")
    assert [row.purpose for row in recorded] == [f"{BY}: {BECAUSE}"]


def test_every_file_and_table_is_declared_and_what_is_kept_names_nobody(world: World) -> None:
    """Held against reality: a file or table that nobody declared, or wrongly, fails here."""
    traces = load_traces()
    assert set(traces.warehouse) == {name for name in Base.metadata.tables if not name.startswith(("mart.", "open."))}
    identifiers = {value for person in persons(world) for value in person["values"]}
    assert len(identifiers) > 300
    places = found_in(world, identifiers)
    for path in (path for path in world.settings.lake.rglob("*") if path.is_file()):
        place = path.relative_to(world.settings.lake).as_posix()
        (trace,) = [trace for pattern, trace in traces.lake.items() if fits(place, pattern)]
        assert trace.kinds or place not in places, place
    for name in Base.metadata.tables:
        text = "\n".join(world.dump(name.partition(".")[0])[name]).casefold()
        kept = name not in traces.warehouse or not traces.warehouse[name].kinds
        assert not kept or not [value for value in identifiers if value.casefold() in text], name


NAMED = """
select nik_ibu from '{lake}/landing/civil_registry/*/biodata_wni.parquet' where nik_ibu is not null
union select nama_lgkp_ibu from '{lake}/landing/civil_registry/*/biodata_wni.parquet' where nik_ibu is not null
"""
CHILDREN = "select distinct nik, nik_ibu, nama_lgkp_ibu from '{lake}/accepted/*/civil_registry/biodata_wni.parquet'"
ALONE = """
with member as (select * from '{lake}/accepted/2026-11-25/family_survey/anggota.parquet'),
family as (select * from '{lake}/accepted/2026-11-25/family_survey/keluarga.parquet'),
person as (select * from '{lake}/accepted/2026-11-25/civil_registry/biodata_wni.parquet'),
link as (select * from '{lake}/persons/2026-11-25/person_link.parquet' where source = 'family_survey')
select family.source_key, family."NO_KK", any_value(link.person_key)
from member
inner join family on member."KODE_KELUARGA" = family.source_key
inner join link on member.source_key = link.source_key
where (select count(*) from person where person.no_kk = family."NO_KK") = 1
group by all having count(*) = 1 order by all
"""
