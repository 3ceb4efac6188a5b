"""The pages about rules: made from the suites, complete, and of use to whoever has to correct a row."""

import json
import re
from pathlib import Path

import pytest

from kampungkb.errors import ConfigurationError
from kampungkb.settings import EXPECTATIONS, INCLUDE
from kampungkb.validation.reference import FOLDER, INDEX, WEIGHT, Rule, pages, rules
from kampungkb.validation.suites import read_suite


def test_the_pages_are_the_ones_made_from_the_suites() -> None:
    stored = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert stored == pages(rules()), "run `python -m kampungkb.validation.reference` after a change of a suite"


def test_every_rule_of_a_suite_has_one_page_and_stands_in_the_index() -> None:
    suites = [path.stem for path in EXPECTATIONS.glob("*.json") if not path.name.startswith("warehouse_")]
    ids = {each.meta.rule for suite in suites for each in read_suite(EXPECTATIONS, suite).expectations}
    made = pages(rules())
    assert made.keys() == {INDEX, *(f"{rule}.md" for rule in ids)}
    assert all(f"[{rule}]({rule}.md)" in made[INDEX] for rule in ids)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_a_page_holds_every_sentence_condition_and_column_of_its_rule_and_says_what_to_do(rule: Rule) -> None:
    page = pages([rule])[f"{rule.id}.md"]
    for each in rule.expectations:
        assert each.meta.id in page and each.meta.en in page
        assert all(f"`{column}`" in page for column in each.meta.columns)
        assert each.kwargs.get("condition", "") in page and (each.kwargs.get("where") or "") in page
        assert all(f"`{code}`" in page for code in each.kwargs.get("value_set", ()) if not each.meta.repetition)
        assert all(order in page for order in (each.meta.repetition.stays_first if each.meta.repetition else ()))
    assert f"| severity | {rule.meta.severity}" in page
    assert rule.fix is not None, f"meta.fixes of {rule.suite.name}.json says nothing about {rule.id}"
    assert rule.fix.id in page and rule.fix.en in page


def test_the_weights_are_those_of_the_score() -> None:
    score = (INCLUDE / "sql" / "marts" / "data_quality.sql").read_text(encoding="utf-8")
    assert {severity: int(weight) for severity, weight in re.findall(r"\('(\w+)', (\d)\)", score)} == WEIGHT


def test_a_rule_of_a_type_that_the_page_has_no_words_for_is_shown_as_it_stands(tmp_path: Path) -> None:
    for path in EXPECTATIONS.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    suite = json.loads((tmp_path / "peserta.json").read_text(encoding="utf-8"))
    meta = {"rule": "J99", "severity": "info", "effect": "count", "columns": ["nama"], "id": "Baru.", "en": "New."}
    kwargs = {"column": "nama", "like_pattern": "A%"}
    suite["expectations"].append({"type": "expect_column_values_to_match_like_pattern", "kwargs": kwargs, "meta": meta})
    (tmp_path / "peserta.json").write_text(json.dumps(suite), encoding="utf-8")
    page = pages(rules(tmp_path))["J99.md"]
    assert '`nama` must meet `expect_column_values_to_match_like_pattern` with `{"like_pattern": "A%"}`.' in page


def test_advice_about_a_rule_that_is_not_there_is_refused(tmp_path: Path) -> None:
    suite = json.loads((EXPECTATIONS / "peserta.json").read_text(encoding="utf-8"))
    suite["meta"]["fixes"]["J77"] = {"id": "Perbaiki.", "en": "Correct it."}
    (tmp_path / "peserta.json").write_text(json.dumps(suite), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"peserta\.json cannot be used: .*J77"):
        read_suite(tmp_path, "peserta")
