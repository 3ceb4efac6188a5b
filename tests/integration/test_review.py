"""Doubtful pairs: listed with what speaks for and against them, decided, and settled when no doubt is left."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from duckdb import DuckDBPyConnection
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from kampungkb import lake
from kampungkb.cli import app
from kampungkb.connections import WAREHOUSE, Connection
from kampungkb.engine.accepted import SOURCE_OF_PERSONS, attach
from kampungkb.engine.duckdb import connect
from kampungkb.errors import DecisionError, WarehouseError
from kampungkb.linkage.decisions import Decision, Pair, Record, decide, decisions_for, in_force, undo
from kampungkb.linkage.model import PARAMETERS, Model, Parameters, load_model, parse_definition, write_parameters
from kampungkb.linkage.output import Output
from kampungkb.linkage.records import read_records
from kampungkb.linkage.review import create_decisions, find_decided, find_repeated, looked_at, read_facts, write_review
from kampungkb.linkage.state import STATE
from kampungkb.refs import Linked
from kampungkb.run import Run
from kampungkb.settings import Settings
from tests.integration.linked_nights import FIRST, LinkedNights
from tests.oracle.accepted import write_accepted

pytestmark = pytest.mark.integration

NIK, CARD = "2104017012710001", "0000000000001"
FAMILY = "210401100100000001"
SITI, TWIN, REGISTERED = f"{FAMILY}-1", f"{FAMILY}-2", NIK
SURVEY, REGISTRY = "family_survey", "civil_registry"
COMPARISONS = """
comparisons:
  - name: name
    label: {id: nama, en: name}
    levels:
      - {id: missing, when: "name_l is null", missing: true, label: {id: kosong, en: missing}}
      - {id: same, when: "name_l = name_r", label: {id: sama, en: same}}
      - {id: different, when: else, label: {id: berbeda, en: different}}
  - name: sex
    label: {id: jenis kelamin, en: sex}
    levels:
      - {id: same, when: "sex_l = sex_r", label: {id: sama, en: same}}
      - {id: different, when: else, label: {id: berbeda, en: different}}
blocking: [{key: nik}]
decision: {review: 0.2, accept: 0.9}
training: {rules: ["true"], certain: ["true"], certain_share: 0.8}
"""
MODEL = Model(
    definition=parse_definition(COMPARISONS, "model.yaml"),
    parameters=Parameters(compared="", records=4, prior=0.1, levels={}),
)
TABLES: dict[str, list[dict[str, Any]]] = {
    "keluarga": [{"KODE_KELUARGA": FAMILY, "NO_KK": "2104010000000001"}],
    "anggota": [
        {**{"KODE_KELUARGA": FAMILY, "NO_URUT": n, "K.02": name, "K.03": 2, "K.04": date(1990, 1, 1), "K.11": 3}}
        for n, name in ((1, "Siti Aminah"), (2, "Siti Aminih"), (3, "Aisyah"))
    ],
    "biodata_wni": [
        {"nik": NIK, "nama_lgkp": "SITI AMINAH", "jenis_klmin": 2, "tgl_lhr": date(1971, 12, 30), "no_kk": "2" * 16}
    ],
}


class Candidates:
    """A link step over the small village above, with candidate pairs written by the test."""

    def __init__(self, connection: DuckDBPyConnection, run: Run, nights: LinkedNights) -> None:
        self.connection = connection
        self.run = run
        self.nights = nights

    def load(self, *pairs: tuple[str, str, float], decisions: list[Decision] | None = None, night: int = 1) -> None:
        """Review the pairs (survey key or NIK, the same, probability) and publish what is left to people."""
        linked = self.nights.load(TABLES, night)
        self.review(linked, *pairs, decisions=decisions or [])
        run = Run(run_id=f"review-{night}", as_of=FIRST + timedelta(days=night), settings=self.run.settings)
        self.nights.publish(run, linked)

    def review(self, linked: Linked, *pairs: tuple[str, str, float], decisions: list[Decision]) -> None:
        for (table,) in self.connection.execute("select table_name from duckdb_tables() where temporary").fetchall():
            self.connection.execute(f"drop table {table}")
        read_records(self.connection)
        self.connection.execute(
            "create temp table record_label as "
            "select record_id, min(record_id) over (partition by person_key) as label "
            "from person_record inner join read_parquet(?) using (source, source_key)",
            [str(linked.path / "person_link.parquet")],
        )
        self.connection.execute(
            "create temp table candidate_pair (left_id bigint, right_id bigint, match_weight double, "
            "probability double, level_name integer, weight_name double, level_sex integer, weight_sex double)"
        )
        for one, other, probability in pairs:
            self.connection.execute(
                "insert into candidate_pair select min(record_id), max(record_id), 3.0, ?, 1, 12.5, 0, -2.0 "
                "from person_record where source_key in (?, ?)",
                [probability, one, other],
            )
        create_decisions(self.connection, decisions)
        find_decided(self.connection)
        self.connection.read_parquet(str(linked.path / STATE)).create_view("record_state")
        find_repeated(self.connection)
        read_facts(self.connection, looked_at(MODEL.definition))
        write_review(self.connection, MODEL, Output(self.connection, linked.path))
        (linked.path / STATE).unlink()  # the next night has nothing to do with these pairs


@pytest.fixture
def nights(settings: Settings, warehouse_engine: Engine) -> LinkedNights:
    return LinkedNights(settings, warehouse_engine)


@pytest.fixture
def candidates(run: Run, nights: LinkedNights) -> Iterator[Candidates]:
    with connect(run) as connection:
        attach(connection, write_accepted(run, TABLES), "keluarga", *SOURCE_OF_PERSONS)
        yield Candidates(connection, run, nights)


PAIR = Pair.of(Record(SURVEY, SITI), Record(REGISTRY, REGISTERED))


def listed(nights: LinkedNights) -> dict[str, tuple[str, str | None]]:
    """State and doubt of every pair, by its survey record."""
    return {
        key: (state, doubt)
        for key, state, doubt in nights.rows("select right_key, state, doubt from vault.match_review")
    }


def test_a_pair_between_the_thresholds_is_listed_with_both_records_and_the_comparison(candidates: Candidates) -> None:
    candidates.load((SITI, REGISTERED, 0.6))
    [row] = candidates.nights.rows(
        "select left_source, left_key, left_name, left_family_card, right_source, right_key, right_name, right_sex,"
        " right_family_code, right_family_card, right_mother_name, probability, model_version, state, doubt,"
        " first_seen, comparison from vault.match_review"
    )
    assert row[:15] == (
        *(REGISTRY, NIK, "SITI AMINAH", "2" * 16, SURVEY, SITI, "Siti Aminah", 2, FAMILY, "2104010000000001", "Aisyah"),
        *(0.6, MODEL.version, "open", "between_thresholds"),
    )
    assert row[15] == FIRST + timedelta(days=1)
    name, sex = row[16]
    assert name == {
        **{"comparison": "name", "level": 1, "weight": 12.5},
        **{"title": {"id": "nama", "en": "name"}, "label": {"id": "sama", "en": "same"}},
    }
    assert (sex["comparison"], sex["level"], sex["weight"]) == ("sex", 0, -2.0)


def test_only_pairs_that_leave_a_doubt_are_listed(candidates: Candidates) -> None:
    candidates.load((SITI, REGISTERED, 0.95), (TWIN, REGISTERED, 0.1), (SITI, TWIN, 0.9))
    assert listed(candidates.nights) == {SITI: ("open", "conflict")}


def test_a_pair_is_open_until_it_is_decided_and_settled_when_no_doubt_is_left(candidates: Candidates) -> None:
    nights = candidates.nights
    candidates.load((SITI, REGISTERED, 0.6), (TWIN, REGISTERED, 0.3))
    decide(nights.engine, PAIR, "different", "Rina", "another birth certificate")
    assert listed(nights) == {SITI: ("decided", "between_thresholds"), TWIN: ("open", "between_thresholds")}

    with nights.engine.connect() as connection:
        decisions = in_force(connection)
    candidates.load((SITI, REGISTERED, 0.97), decisions=decisions, night=2)
    assert listed(nights) == {SITI: ("decided", None), TWIN: ("settled", None)}
    seen = dict(nights.rows("select right_key, last_seen - first_seen from vault.match_review"))  # type: ignore[arg-type]
    assert seen == {SITI: 1, TWIN: 0}

    counts = nights.rows("select village_code, state, decision, pairs from ops.match_review_count order by state")
    assert counts == [("unknown", "decided", "different", 1), ("unknown", "settled", None, 1)]


def test_a_pair_leaves_the_vault_with_its_record_and_the_decision_stays(candidates: Candidates) -> None:
    nights = candidates.nights
    candidates.load((SITI, REGISTERED, 0.6))
    decide(nights.engine, PAIR, "same", "Rina", "the family card was shown")
    nights.load({**TABLES, "biodata_wni": []}, night=2)

    assert nights.rows("select * from vault.match_pair") == []
    assert nights.rows("select state, review_key, decision from vault.match_review") == [("decided", None, "same")]


def test_the_last_decision_on_a_pair_is_in_force_and_all_are_kept(nights: LinkedNights) -> None:
    first = decide(nights.engine, PAIR, "same", "Rina", "first look")
    second = decide(nights.engine, PAIR, "different", "Budi", "called the family")
    with nights.engine.connect() as connection:
        assert [(each.decision_id, each.verdict, each.decided_by) for each in in_force(connection)] == [
            (second, "different", "Budi")
        ]
    undo(nights.engine, PAIR, "Budi", "wrong family")
    with nights.engine.connect() as connection:
        assert in_force(connection) == []
    kept = nights.rows("select decision_id, decision from vault.match_decision order by 1")
    assert kept == [(first, "same"), (second, "different"), (second + 1, "undone")]
    with pytest.raises(DecisionError, match="nothing to undo"):
        undo(nights.engine, PAIR, "Budi", "again")


def test_a_decision_that_contradicts_others_is_refused_by_their_numbers(nights: LinkedNights) -> None:
    twins = Pair.of(Record(SURVEY, SITI), Record(SURVEY, TWIN))
    one = decide(nights.engine, PAIR, "same", "Rina", "the card was shown")
    two = decide(nights.engine, twins, "different", "Rina", "two girls stood there")
    other = Pair.of(Record(SURVEY, TWIN), Record(REGISTRY, REGISTERED))
    with pytest.raises(DecisionError, match=rf"no\. {one}, no\. {two}") as refused:
        decide(nights.engine, other, "same", "Budi", "a guess")
    assert not any(value in str(refused.value) for value in (NIK, FAMILY))
    assert nights.rows("select count(*) from vault.match_decision") == [(2,)]
    with pytest.raises(DecisionError, match="by whom and why"):
        decide(nights.engine, PAIR, "unsure", "Budi", " ")


def test_linkage_reads_the_decisions_and_writes_down_which_it_used(
    settings: Settings, warehouse_engine: Engine, warehouse_connection: Connection
) -> None:
    nights = LinkedNights(settings, warehouse_engine, {WAREHOUSE: warehouse_connection})
    number = decide(warehouse_engine, PAIR, "same", "Rina", "the card was shown")
    linked = nights.load(TABLES)
    used = pd.read_parquet(linked.path / "decisions.parquet").to_dict("records")
    assert used == [
        {
            **{"decision_id": number, "left_source": REGISTRY, "left_key": NIK, "right_source": SURVEY},
            **{"right_key": SITI, "decision": "same"},
        }
    ]


@pytest.mark.parametrize("prior", [1e-12, 1e-4, 0.9])
def test_no_model_overrules_a_decision(
    prior: float, settings: Settings, warehouse_engine: Engine, warehouse_connection: Connection
) -> None:
    nights = LinkedNights(settings, warehouse_engine, {WAREHOUSE: warehouse_connection})
    copy = {"noKartu": CARD, "nik": NIK, "nama": "SITI AMINAH", "tglLahir": date(1971, 12, 30), "sex": "P"}
    tables = {**TABLES, "peserta": [copy]}
    nights.load(tables)
    keys = nights.keys()
    assert keys[REGISTRY, NIK] == keys["health_insurance", CARD] != keys[SURVEY, TWIN]

    decide(warehouse_engine, Pair.of(Record(REGISTRY, NIK), Record("health_insurance", CARD)), "different", "Rina", "a")
    decide(warehouse_engine, Pair.of(Record(REGISTRY, NIK), Record(SURVEY, TWIN)), "same", "Rina", "b")
    shipped = load_model(settings)
    other = shipped.parameters.model_copy(update={"prior": prior})
    write_parameters(other, lake.private_folder(settings.root / "reference") / PARAMETERS)
    assert load_model(settings).version != shipped.version
    nights.load(tables)

    keys = nights.keys()
    assert keys[REGISTRY, NIK] == keys[SURVEY, TWIN] != keys["health_insurance", CARD]
    states = nights.rows("select state, decision, linked from vault.match_review where decision is not null order by 2")
    assert states == [("decided", "different", False), ("decided", "same", True)]


def test_the_first_night_has_no_decisions_and_a_warehouse_out_of_reach_is_a_fault(
    run: Run, settings: Settings, warehouse_connection: Connection
) -> None:
    assert decisions_for(run) == []
    assert not (settings.root / "postgres").exists(), "no server is started to find that out"
    assert decisions_for(Run("r", run.as_of, settings, {WAREHOUSE: warehouse_connection})) == []
    gone = warehouse_connection.model_copy(update={"port": 9})
    with pytest.raises(WarehouseError, match="unreachable"):
        decisions_for(Run("r", run.as_of, settings, {WAREHOUSE: gone}))


class Steward:
    """The command line, on the warehouse of the test."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        address = engine.url.set(drivername="postgres", query={}).render_as_string(hide_password=False)
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", address)

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["review", *arguments])

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        found = self("list", "--as-json", *arguments)
        assert found.exit_code == 0, found.output
        return list(json.loads(found.stdout))


@pytest.fixture
def steward(warehouse_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Steward:
    return Steward(warehouse_engine, monkeypatch)


def test_a_steward_lists_shows_decides_and_undoes(candidates: Candidates, steward: Steward) -> None:
    candidates.load((SITI, REGISTERED, 0.6), (TWIN, REGISTERED, 0.3))
    assert [row["probability"] for row in steward.rows("--sort", "probability")] == [0.6, 0.3]
    assert steward.rows("--source", "health_insurance") == steward.rows("--village", "2104011001") == []
    [key] = [row["review_key"][:8] for row in steward.rows("--limit", "1", "--sort", "probability")]
    assert "Siti Aminah" in steward("list").output

    shown = steward("show", key).output
    for part in ("Siti Aminah", "SITI AMINAH", NIK, "nama / name", "sama / same", "+12,5", "60,0 %", "Aisyah"):
        assert part in shown
    assert "≠" in shown and "█" in shown

    assert steward("decide", key, "same", "--by", "Rina", "--because", "seen").exit_code == 0
    [row] = steward.rows("--state", "decided")
    assert (row["decision"], row["decided_by"], row["reason"]) == ("same", "Rina", "seen")
    assert "Rina" in steward("show", f"family_survey:{SITI}=civil_registry:{NIK}").output
    assert steward("undo", key, "--by", "Rina", "--because", "hasty").exit_code == 0
    assert len(steward.rows()) == 2


def test_whoever_looks_at_pairs_is_on_record_as_steward(candidates: Candidates, steward: Steward) -> None:
    candidates.load((SITI, REGISTERED, 0.6))
    steward.rows("--by", "Rina, Dinas")
    query = "select distinct role, subject, purpose from ops.access_log where subject = 'vault.match_pair'"
    assert candidates.nights.rows(query) == [("kkb_steward", "vault.match_pair", "review, Rina, Dinas")]


def test_what_a_steward_names_wrongly_is_explained(nights: LinkedNights, steward: Steward) -> None:
    assert "No pair for review begins with abcdef" in steward("show", "abcdef").stderr
    assert "source:key=source:key" in steward("show", "=").stderr
    assert "first 4 or more characters" in steward("show", "Siti").stderr
    assert "weather is no source" in steward("list", "--source", "weather").stderr
    assert steward("show", f"family_survey:{SITI}=civil_registry:{NIK}").exit_code == 0


def test_an_export_keeps_identity_numbers_as_text_for_its_owner_alone(
    candidates: Candidates, steward: Steward, tmp_path: Path
) -> None:
    candidates.load((SITI, REGISTERED, 0.6))
    file = tmp_path / "pairs.xlsx"
    assert steward("export", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    heads, values = openpyxl.load_workbook(file).active.iter_rows(values_only=True)
    row = dict(zip(heads, values, strict=True))
    assert (row["left_nik"], row["right_key"], row["probability"]) == (NIK, SITI, "0.6")
    assert row["comparison"].startswith("name: sama (+12.5); sex: berbeda (-2.0)")
    assert "cannot be written" in steward("export", str(tmp_path / "missing" / "pairs.xlsx")).stderr
