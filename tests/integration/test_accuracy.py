"""Accuracy: linked survey and insurance records held against the registry, in counts worked out by hand."""

import json
import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from kampungkb.errors import ConfigurationError, KampungkbError
from kampungkb.linkage import link
from kampungkb.run import Run
from kampungkb.settings import EXPECTATIONS
from kampungkb.validation import data_docs
from kampungkb.validation.results import read_results
from tests.integration.validation_landing import DABO, DABO_LAMA
from tests.oracle.accepted import Rows, write_accepted

pytestmark = pytest.mark.integration

BORN = date(1990, 1, 1)


def nik(number: int) -> str:
    return f"21040101019{number:05d}"


def member(number: int, **facts: Any) -> dict[str, Any]:
    own = {"K.01": nik(number), "K.02": f"Siti Aminah {number}", "K.03": 2, "K.04": BORN}
    return {"KODE_KELUARGA": "f", "NO_URUT": number, "village_code": DABO, **own, **facts}


def registered(number: int, **facts: Any) -> dict[str, Any]:
    own = {"nama_lgkp": f"SITI AMINAH {number}", "jenis_klmin": 2, "tgl_lhr": BORN, "village_code": DABO_LAMA}
    return {"nik": nik(number), **own, **facts}


def card(number: int, **facts: Any) -> dict[str, Any]:
    own = {"nik": nik(number), "nama": f"SITI AMINAH {number}", "sex": "P", "tglLahir": BORN, "village_code": DABO}
    return {"noKartu": f"{number:013d}", **own, **facts}


def checks(run: Run, expectations: Path = EXPECTATIONS, **tables: Rows) -> dict[tuple[str, str, str], tuple[int, int]]:
    """(source, rule, village) → (checked, failed)."""
    reference = link(run, write_accepted(run, {"keluarga": [], **tables}), expectations=expectations)
    rows = pq.read_table(reference.path / "checks.parquet").to_pylist()
    assert {(row["dimension"], row["severity"]) for row in rows} <= {("accuracy", "warning")}
    return {(r["source"], r["rule"], r["village_code"]): (r["checked"], r["failed"]) for r in rows}


def test_each_fact_of_a_linked_record_is_held_against_the_registry(run: Run) -> None:
    found = checks(
        run,
        biodata_wni=[registered(number) for number in range(1, 7)],
        anggota=[
            member(1),
            member(2, **{"K.02": "Aminah"}),
            member(3, **{"K.03": 1}),
            member(4, **{"K.04": date(1990, 1, 2)}, village_code=DABO_LAMA),
            member(7),  # nobody's in the registry
        ],
        peserta=[
            card(5, sex="L", nama="SITI AMINA"),
            card(6, tglLahir=date(1991, 1, 1), village_code=None),
            card(1, village_code="9999999999"),
        ],
    )
    assert found == {
        ("family_survey", "A01", DABO): (3, 1),
        ("family_survey", "A02", DABO): (3, 0),
        ("family_survey", "A03", DABO): (3, 1),
        ("family_survey", "A01", DABO_LAMA): (1, 0),
        ("family_survey", "A02", DABO_LAMA): (1, 1),
        ("family_survey", "A03", DABO_LAMA): (1, 0),
        ("health_insurance", "A01", DABO): (1, 1),
        ("health_insurance", "A02", DABO): (1, 0),
        ("health_insurance", "A03", DABO): (1, 1),
        ("health_insurance", "A01", "unknown"): (2, 0),
        ("health_insurance", "A02", "unknown"): (2, 1),
        ("health_insurance", "A03", "unknown"): (2, 0),
    }


def test_names_are_compared_in_upper_case_with_single_spaces(run: Run) -> None:
    found = checks(run, biodata_wni=[registered(1)], anggota=[member(1, **{"K.02": "  siti \t aminah   1 "})])
    assert found["family_survey", "A01", DABO] == (1, 0)


@pytest.mark.parametrize(
    ("survey", "registry", "rules"),
    [
        ({"K.04": None}, {}, {"A01", "A03"}),
        ({}, {"tgl_lhr": None}, {"A01", "A03"}),
        ({"K.03": None}, {}, {"A01", "A02"}),
        ({}, {"jenis_klmin": None}, {"A01", "A02"}),
    ],
)
def test_only_what_both_know_is_checked(
    run: Run, survey: dict[str, Any], registry: dict[str, Any], rules: set[str]
) -> None:
    found = checks(run, biodata_wni=[registered(1, **registry)], anggota=[member(1, **survey)])
    assert {rule for _, rule, _ in found} == rules


def test_every_record_of_a_person_is_checked_once(run: Run) -> None:
    elsewhere = member(2, **{"KODE_KELUARGA": "g", "K.01": nik(1), "K.02": "Aminah"})
    found = checks(run, biodata_wni=[registered(1)], anggota=[member(1), elsewhere])
    assert found["family_survey", "A01", DABO] == (2, 1)


def test_without_registry_nothing_is_checked(run: Run) -> None:
    assert checks(run, anggota=[member(1)], peserta=[card(1)]) == {}


def changed(folder: Path, **change: Any) -> Path:
    suites = shutil.copytree(EXPECTATIONS, folder / "expectations")
    path = suites / "linked_pair.json"
    suite = json.loads(path.read_text(encoding="utf-8"))
    expectation = {**suite["expectations"][0], **{k: v for k, v in change.items() if k != "meta"}}
    expectation["meta"] = {**expectation["meta"], **change.get("meta", {})}
    suite["expectations"].append(expectation)
    path.write_text(json.dumps(suite), encoding="utf-8")
    return suites


def test_a_rule_added_to_the_json_is_checked(run: Run, tmp_path: Path) -> None:
    family_name = {"column": "name", "condition": "split_part(name, ' ', 1) = split_part(registry_name, ' ', 1)"}
    suites = changed(tmp_path, kwargs=family_name, meta={"rule": "A04", "severity": "warning"})
    found = checks(
        run,
        suites,
        biodata_wni=[registered(1), registered(2, village_code=DABO)],
        anggota=[member(1, **{"K.02": "Siti"}), member(2, **{"K.02": "Ani"})],
    )
    assert found["family_survey", "A01", DABO] == (2, 2)
    assert found["family_survey", "A04", DABO] == (2, 1)


def test_a_rule_added_to_the_json_judges_those_too_who_did_not_change(run: Run, tmp_path: Path) -> None:
    tables: dict[str, Rows] = {"biodata_wni": [registered(1), registered(2)], "anggota": [member(1), member(2)]}
    checks(run, **tables)
    tomorrow = replace(run, run_id="2", as_of=run.as_of + timedelta(days=1))
    no_two = {"column": "name", "condition": "not ends_with(name, '2')"}
    found = checks(tomorrow, changed(tmp_path, kwargs=no_two, meta={"rule": "A04"}), **tables)
    assert found["family_survey", "A04", DABO] == (2, 1)


def test_a_rule_that_asks_for_the_date_is_refused_for_its_verdicts_are_carried_over(run: Run, tmp_path: Path) -> None:
    this_year = {"column": "birth_date", "condition": "year(birth_date) < year(as_of())"}
    with pytest.raises(ConfigurationError, match=r"linked_pair\.json may not ask for the date"):
        checks(run, changed(tmp_path, kwargs=this_year, meta={"rule": "A04"}), biodata_wni=[registered(1)])


def test_a_rule_that_would_reject_linked_persons_is_refused(run: Run, tmp_path: Path) -> None:
    suites = changed(tmp_path, meta={"rule": "A04", "effect": "reject"})
    with pytest.raises(ConfigurationError, match=r"linked_pair\.json may only count"):
        checks(run, suites, biodata_wni=[registered(1)], anggota=[member(1)])


def test_a_rule_that_cannot_be_checked_is_named_and_nothing_is_written(run: Run, tmp_path: Path) -> None:
    suites = changed(tmp_path, kwargs={"column": "name", "condition": "no_such_column = name"}, meta={"rule": "A04"})
    with pytest.raises(KampungkbError, match=r"linked_pair\.json .* A04 on name"):
        checks(run, suites, biodata_wni=[registered(1)], anggota=[member(1)])
    assert not (run.settings.lake / "persons" / run.as_of.isoformat()).exists()


def test_data_docs_show_how_many_linked_records_differ_and_no_value(run: Run) -> None:
    checks(
        run,
        biodata_wni=[registered(1), registered(2, village_code=DABO)],
        anggota=[member(1), member(2, **{"K.02": "RAHASIA SEKALI"})],
    )
    [path] = (run.settings.lake / "persons").glob("*/*.results.json")
    [table] = read_results(path).tables
    assert (table.outcomes[0].elements, table.outcomes[0].unexpected) == (2, 1)
    [page] = (data_docs.build(run.settings).parent / "validations" / "linked_pair").rglob("family_survey.html")
    shown = page.read_text(encoding="utf-8")
    assert "A01" in shown and "1 unexpected values found" in shown
    assert "RAHASIA" not in shown + path.read_text(encoding="utf-8")
