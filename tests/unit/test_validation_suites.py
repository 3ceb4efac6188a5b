"""The suites: coherent with the contracts, complete against SOURCES, and named where they are wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kampungkb.contracts import Contract, contract
from kampungkb.errors import ConfigurationError
from kampungkb.settings import EXPECTATIONS
from kampungkb.validation.staging import TABLES, contract_table
from kampungkb.validation.suites import Suite, read_suite

SUITES: list[tuple[str, str, Suite]] = [
    (source, table, read_suite(EXPECTATIONS, table)) for source, tables in TABLES.items() for table in tables
]

# SOURCES §4: rule → dimension, severity. SOURCES §1–3: what a rule does.
RULES = {
    **dict.fromkeys(("M04", "R03", "J03"), ("completeness", "critical", "reject")),
    **dict.fromkeys(("F07", "M11", "R08", "J08"), ("completeness", "warning", "count")),
    **dict.fromkeys(("F01", "F04", "F05", "M08", "R01", "J01"), ("validity", "critical", "reject")),
    **dict.fromkeys(
        ("F03", "F06", "M03", "M05", "M06", "M07", "R04", "R05", "J04", "J05"), ("validity", "warning", "null")
    ),
    **dict.fromkeys(("F08", "M12"), ("validity", "info", "count")),
    **dict.fromkeys(("F02", "M02", "R02", "J02"), ("uniqueness", "critical", "reject")),
    "M01": ("consistency", "critical", "reject"),
    "M09": ("consistency", "warning", "count"),
    "J06": ("consistency", "warning", "null"),
    **dict.fromkeys(("M10", "R06", "R07", "J07"), ("consistency", "info", "count")),
    **dict.fromkeys(("F09", "R09", "J09"), ("currentness", "info", "count")),
    "F00": (None, "critical", "file"),
    **dict.fromkeys(("A01", "A02", "A03"), ("accuracy", "warning", "count")),
}
LINKED = read_suite(EXPECTATIONS, "linked_pair")


def test_every_rule_of_the_sources_is_there_with_its_dimension_severity_and_effect() -> None:
    found = {
        e.meta.rule: (e.meta.dimension, e.meta.severity, e.meta.effect)
        for suite in [*(suite for _, _, suite in SUITES), LINKED]
        for e in suite.expectations
    }
    assert found.items() >= RULES.items()


def test_code_lists_agree_with_the_contracts() -> None:
    compared = 0
    for source, table, suite in SUITES:
        declared = contract_table(source, table)
        columns = {column.name: column for column in declared.columns} if declared else {}
        for expectation in suite.expectations:
            column = columns.get(expectation.meta.columns[0])
            if expectation.type == "expect_column_values_to_be_in_set" and column and column.codes:
                assert expectation.kwargs["value_set"] == [str(code) for code in column.codes], column.name
                compared += 1
    assert compared == sum(
        len(table.of_kind("code", "label")) for source in TABLES for table in contract(source).tables
    )


def test_identity_numbers_have_the_digits_of_the_contracts() -> None:
    for source, table, suite in SUITES:
        declared = contract_table(source, table)
        digits = {column.name: column.digits for column in declared.columns} if declared else {}
        for expectation in suite.expectations:
            column = expectation.meta.columns[0]
            condition = expectation.kwargs.get("condition", "")
            if "[0-9]{" in condition and column in digits:
                assert f"[0-9]{{{digits[column]}}}" in condition, (table, expectation.meta.rule)


def test_rules_speak_of_columns_of_their_contract() -> None:
    for source, table, suite in SUITES:
        declared = contract_table(source, table)
        if declared is not None:
            for expectation in suite.expectations:
                assert set(expectation.meta.columns) <= set(declared.names), (table, expectation.meta.rule)


def test_every_contract_table_has_a_suite() -> None:
    contracts: list[Contract] = [contract(source) for source in TABLES]
    assert {table.name.lower() for c in contracts for table in c.tables} <= {table for _, table, _ in SUITES}


def changed(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    suite = json.loads((EXPECTATIONS / "peserta.json").read_text(encoding="utf-8"))
    change(suite)
    (tmp_path / "peserta.json").write_text(json.dumps(suite), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda s: s["expectations"][0]["meta"].update(effect="drop"), r"expectations.0.meta.effect"),
        (lambda s: s["expectations"][0]["meta"].update(rule="one"), r"expectations.0.meta.rule"),
        (lambda s: s["expectations"][0]["meta"].update(sentence="x"), r"expectations.0.meta.sentence"),
        (lambda s: s["expectations"][0]["meta"].pop("id"), r"expectations.0.meta.id"),
        (lambda s: s["expectations"][0]["meta"].update(severity="info"), r"J01 has two"),
        (lambda s: s["expectations"][0]["kwargs"].update(mostly=0.9), r"mostly is not supported"),
        (lambda s: s["expectations"][0]["kwargs"].update(row_condition="x"), r"row_condition is not supported"),
        (lambda s: s["expectations"].append(s["expectations"][2]), r"one repetition rule"),
        (lambda s: s.pop("expectations"), r"expectations"),
    ],
)
def test_a_wrong_suite_is_refused_with_file_and_fault(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"peserta\.json cannot be used: .*" + complaint):
        read_suite(changed(tmp_path, change), "peserta")


def test_a_suite_that_is_no_json_or_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"anggota\.json is missing"):
        read_suite(tmp_path, "anggota")
    (tmp_path / "anggota.json").write_text('{\n"name": ', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"anggota\.json is not JSON: .* in line 2"):
        read_suite(tmp_path, "anggota")
