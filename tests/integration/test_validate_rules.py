"""Rules are data: editing the JSON is enough, and a rule that cannot be checked is named. Faults of the landing."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kampungkb import lake
from kampungkb.errors import ConfigurationError, ContractError, KampungkbError, ReconciliationError
from kampungkb.run import Run
from kampungkb.settings import EXPECTATIONS
from kampungkb.validation import validate
from kampungkb.validation.results import Outcome
from tests.integration.validation_landing import (
    DABO,
    good_card,
    good_entry,
    good_family,
    good_person,
    land,
    run_validation,
)

SECRET = "2104010503809999"


@pytest.fixture
def suites(tmp_path: Path) -> Path:
    """The project's suites, to be edited."""
    return shutil.copytree(EXPECTATIONS, tmp_path / "expectations")


def edit(folder: Path, name: str, change: Callable[[list[dict[str, Any]]], object]) -> None:
    path = folder / f"{name}.json"
    suite = json.loads(path.read_text(encoding="utf-8"))
    change(suite["expectations"])
    path.write_text(json.dumps(suite), encoding="utf-8")


def rule(kind: str, kwargs: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "kwargs": kwargs,
        "meta": {
            "rule": "J20", "dimension": "consistency", "severity": "warning", "effect": "reject", "columns": ["nama"],
            "id": "Nama tidak boleh berangka.", "en": "A name holds no digits.", **meta,
        },
    }  # fmt: skip


SATISFY = "expect_column_values_to_satisfy_sql"


def test_a_rule_added_to_the_json_rejects_rows_and_counts(run: Run, suites: Path) -> None:
    added = rule(SATISFY, {"column": "nama", "condition": "not regexp_matches(nama, '[0-9]')"})
    edit(suites, "peserta", lambda expectations: expectations.append(added))
    snapshot = land(
        run, "health_insurance", peserta=[good_entry(1), good_entry(2, nama="R2D2"), good_entry(3, nama="50%")]
    )
    outcome = run_validation(run, snapshot, suites)
    assert [row[1:] for row in outcome.quarantine("peserta")] == [("J20", "row", "nama")] * 2
    assert outcome.failed() == {("J20", DABO): 2}
    assert outcome.rows("select distinct dimension, severity, checked from checks where rule = 'J20'") == [
        ("consistency", "warning", 3)
    ]
    assert outcome.rows("select distinct reason from quarantine") == [
        ("Nama tidak boleh berangka. / A name holds no digits.",)
    ]


def test_a_code_added_to_the_json_is_accepted(run: Run, suites: Path) -> None:
    def allow(expectations: list[dict[str, Any]]) -> None:
        (roof,) = [e for e in expectations if e["meta"]["rule"] == "F06" and e["meta"]["columns"] == ["P.19"]]
        roof["kwargs"]["value_set"].append("7")

    rows = [good_family(1, **{"P.19": "7"})]
    assert run_validation(run, land(run, "family_survey", keluarga=rows, anggota=[])).quarantine("keluarga")
    edit(suites, "keluarga", allow)
    outcome = run_validation(run, land(run, "family_survey", keluarga=rows, anggota=[]), suites)
    assert outcome.quarantine("keluarga") == []
    assert [row["P.19"] for row in outcome.dicts("keluarga")] == [7]


def test_a_rule_changed_from_null_to_reject_rejects(run: Run, suites: Path) -> None:
    def harden(expectations: list[dict[str, Any]]) -> None:
        for expectation in expectations:
            if expectation["meta"]["rule"] == "R04":
                expectation["meta"]["effect"] = "reject"

    edit(suites, "biodata_wni", harden)
    snapshot = land(
        run, "civil_registry", biodata_wni=[good_person(1, tgl_lhr="x"), good_person(2)], data_keluarga=[good_card()]
    )
    outcome = run_validation(run, snapshot, suites)
    assert [row[1:] for row in outcome.quarantine("biodata_wni")] == [("R04", "row", "tgl_lhr")]


def test_a_standard_expectation_works_without_code(run: Run, suites: Path) -> None:
    added = rule(
        "expect_column_value_lengths_to_be_between", {"column": "nama", "min_value": 3, "max_value": 60}, effect="null"
    )
    edit(suites, "peserta", lambda expectations: expectations.append(added))
    outcome = run_validation(
        run, land(run, "health_insurance", peserta=[good_entry(1, nama="Al"), good_entry(2)]), suites
    )
    assert [row[1:] for row in outcome.quarantine("peserta")] == [("J20", "value", "nama")]
    assert sorted(str(row["nama"]) for row in outcome.dicts("peserta")) == ["NAMA CONTOH", "None"]


@pytest.mark.parametrize(
    ("kind", "kwargs", "complaint"),
    [
        (SATISFY, {"column": "nama", "condition": "namma <> ''"}, r'J20 on nama \(Binder Error: .*"namma"'),
        (SATISFY, {"column": "nama", "condition": "nama <> ("}, r"J20 on nama \(Parser Error: "),
        (SATISFY, {"column": "namma", "condition": "true"}, r'J20 on namma \(The column "namma" .*does not exist'),
        (SATISFY, {"column": "nama", "condition": "cast(nama || nik as integer) > 0"}, r"J20 on nama \(the SQL fails"),
    ],
)
def test_a_rule_that_cannot_be_checked_is_named_and_no_value_is(
    run: Run, suites: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str],
    kind: str, kwargs: dict[str, Any], complaint: str,
) -> None:  # fmt: skip
    edit(suites, "peserta", lambda expectations: expectations.append(rule(kind, kwargs)))
    snapshot = land(run, "health_insurance", peserta=[good_entry(1, nik=SECRET)])
    with caplog.at_level(logging.DEBUG), pytest.raises(KampungkbError, match=complaint) as raised:
        validate(run, snapshot, expectations=suites)
    assert "peserta.json" in str(raised.value)
    captured = capsys.readouterr()
    assert SECRET not in f"{raised.value} {raised.value.__cause__} {caplog.text} {captured.out} {captured.err}"
    assert "J01" not in str(raised.value)
    assert not lake.accepted(run.settings, run.as_of, "health_insurance").exists()


@pytest.mark.parametrize(
    "added",
    [
        rule("expect_column_values_to_be_lovely", {"column": "nama"}),
        rule("expect_table_row_count_to_equal", {"value": 1, "column": "nama"}),
        rule(SATISFY, {"column": "nama"}),
    ],
)
def test_an_expectation_that_is_none_is_named(run: Run, suites: Path, added: dict[str, Any]) -> None:
    edit(suites, "peserta", lambda expectations: expectations.append(added))
    with pytest.raises(ConfigurationError, match=r"Rule J20 of the suite peserta\.json uses"):
        validate(run, land(run, "health_insurance", peserta=[good_entry(1)]), expectations=suites)


def test_a_count_that_differs_from_great_expectations_fails_the_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from kampungkb.validation import gx_duckdb

    real = gx_duckdb.check

    def one_too_many(*args: Any) -> dict[int, Outcome]:
        outcomes = real(*args)
        return {**outcomes, 0: outcomes[0].model_copy(update={"unexpected": outcomes[0].unexpected + 1})}

    monkeypatch.setattr(gx_duckdb, "check", one_too_many)
    with pytest.raises(ReconciliationError, match=r"Rule J01 of the suite peserta\.json .* counts 1 .* finds 0"):
        validate(run, land(run, "health_insurance", peserta=[good_entry(1)]))
    assert not lake.accepted(run.settings, run.as_of, "health_insurance").exists()


def test_counts_that_differ_from_the_extraction_fail_the_run(run: Run) -> None:
    snapshot = land(run, "health_insurance", peserta=[good_entry(1)])
    with pytest.raises(ReconciliationError, match=r"health_insurance\.peserta: 2 rows extracted, 1 landed"):
        validate(run, snapshot.model_copy(update={"read": {"peserta": 2}}))


def test_a_landing_without_a_table_or_column_says_so(run: Run) -> None:
    import pyarrow.parquet as pq

    snapshot = land(run, "health_insurance", peserta=[good_entry(1)])
    path = snapshot.path / "peserta.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["nik"]), path)
    with pytest.raises(ContractError, match=r"peserta of health_insurance lacks the columns nik"):
        validate(run, snapshot)
    path.unlink()
    with pytest.raises(ContractError, match=r"by-hand of health_insurance has no table peserta"):
        validate(run, snapshot)


def test_a_broken_region_reference_says_so(run: Run) -> None:
    own = run.settings.root / "reference" / "regions.csv"
    own.parent.mkdir(parents=True)
    own.write_text("kode;nama\n2104011001;Dabo\n")
    with pytest.raises(ConfigurationError, match=r"region reference regions\.csv cannot be read"):
        validate(run, land(run, "health_insurance", peserta=[good_entry(1)]))


def test_empty_sources_are_validated(run: Run) -> None:
    for source in ("family_survey", "civil_registry", "health_insurance"):
        outcome = run_validation(run, land(run, source))
        assert set(outcome.result.accepted.values()) == {0}
        assert outcome.rows("select count(*) from quarantine") == [(0,)]


def test_nothing_is_left_outside_the_lake(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.chdir(scratch)
    run_validation(run, land(run, "health_insurance", peserta=[good_entry(1)]))
    assert list(scratch.iterdir()) == []
    assert list((run.settings.root / "tmp").iterdir()) == []
