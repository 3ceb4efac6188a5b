"""Where a column comes from is read out of the SQL that makes it, through tables and views, down to the questions."""

import pytest

from kampungkb.scoring.reading import load_methodology
from kampungkb.settings import PROJECT_ROOT
from kampungkb.warehouse.lineage import Lineage, origins
from kampungkb.warehouse.staged_tables import MARTS_SQL, staged_columns

pytestmark = pytest.mark.unit


def test_a_column_is_followed_through_expressions_and_tables_to_its_leaves() -> None:
    tables = {
        "answers": {"family": "text", "asked": "integer", "yes": "integer"},
        "village": {"code": "text", "share": "double precision"},
        "best": {"code": "text", "share": "double precision"},
    }
    statements = {
        "village": "select family as code, sum(yes) / nullif(sum(asked), 0) as share from core.answers group by family",
        "best": "with good as (select * from mart.village where share > 0.5) select code, share from good",
    }
    read = Lineage(tables, statements)
    assert read.leaves(("best", "share")) == {("answers", "yes"), ("answers", "asked")}
    assert read.leaves(("best", "code")) == {("answers", "family")}
    assert read.leaves(("answers", "yes")) == {("answers", "yes")}


def test_a_table_that_reads_itself_does_not_turn_in_circles() -> None:
    tables = {"new": {"value": "integer"}, "history": {"value": "integer"}}
    read = Lineage(tables, {"history": "select value from history union all select value from new"})
    assert read.leaves(("history", "value")) == {("new", "value")}


def test_the_marts_lead_back_to_tables_whose_origin_is_known() -> None:
    statements = {path.stem: path.read_text(encoding="utf-8") for path in MARTS_SQL.glob("*.sql")}
    read = Lineage(staged_columns(), statements)
    known = origins(load_methodology())
    assert read.leaves(("village_index", "ketentraman")) == {("family_score", "ketentraman")}
    for column in (("indicator_coverage", "achieved"), ("sector_action", "persons"), ("life_cycle", "insured_share")):
        leaves = read.leaves(column) - {("dim_indicator", "position")}
        assert leaves and leaves <= set(known), column


def test_origins_name_the_questions_of_the_form() -> None:
    known = origins(load_methodology())
    assert str(known["family_score", "kebahagiaan"]) == "KELUARGA P.09, P.10, P.11, P.12"
    serenity = known["family_score", "ketentraman"].columns
    assert ("biodata_wni", "akta_lhr") in serenity and ("KELUARGA", "P.04") not in serenity
    assert "P.14, P.15, P.16, P.17, P.18" in str(known["programme_count", "participating"])
    contracts = (PROJECT_ROOT / "include" / "contracts" / "family_survey.yaml").read_text(encoding="utf-8")
    assert all(f"name: {question}" in contracts for question in ("P.04", "K.13", "NO_KK"))
