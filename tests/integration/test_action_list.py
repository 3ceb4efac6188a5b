"""Action lists by name: what they hold, who gets them, and that every read is recorded with its purpose."""

import csv
import io
from typing import Any

import pytest
from sqlalchemy import Engine, text

from kampungkb.run import Run
from kampungkb.warehouse import publish
from kampungkb.warehouse.service import export_actions
from tests.integration.warehouse_lake import BATU_BERDAUN, DABO, INDICATORS, night

pytestmark = pytest.mark.integration


def exported(engine: Engine, village: str, sector: str | None = None) -> list[dict[str, str]]:
    out = io.StringIO()
    export_actions(engine, out, village, sector, "housing round 2026")
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def test_the_list_names_each_family_with_what_it_lacks(warehouse_run: Run, warehouse_engine: Engine) -> None:
    made = night(4, 30)
    publish(warehouse_run, *made.write(warehouse_run))
    found = exported(warehouse_engine, DABO)
    expected = {
        (f.code, name)
        for f in made.families
        if f.village == DABO
        for state, (name, _, _) in zip(f.integrated, INDICATORS, strict=True)
        if state == "0"
    }
    assert {(row["family_code"], row["need"]) for row in found} == expected
    by_code: dict[str, Any] = {f.code: f for f in made.families}
    for row in found:
        family = by_code[row["family_code"]]
        head = "" if family.members == 0 else f"Nama {family.code} {min(family.members, 2)}"
        assert (row["head_name"], row["address"], row["rt"]) == (head, f"Jalan {family.code}", "001")
    assert {row["village_code"] for row in exported(warehouse_engine, "210401")} == {DABO, BATU_BERDAUN}
    assert exported(warehouse_engine, DABO, "health") == []
    assert len(exported(warehouse_engine, DABO, "housing")) == len(found)
    with warehouse_engine.connect() as connection:
        recorded = connection.execute(text("select distinct subject, purpose from ops.access_log")).all()
        count = connection.execute(text("select count(*) from ops.access_log")).scalar_one()
    assert ([tuple(row) for row in recorded], count) == ([("service.action_list", "housing round 2026")], 4)


def test_a_reader_of_the_view_is_recorded_too(warehouse_run: Run, warehouse_engine: Engine) -> None:
    publish(warehouse_run, *night(4, 30).write(warehouse_run))
    with warehouse_engine.begin() as connection:
        connection.execute(text("set local role kkb_steward"))
        assert connection.execute(text("select count(*) from service.action_list")).scalar_one() > 0
    with warehouse_engine.connect() as connection:
        recorded = connection.execute(text("select role, subject from ops.access_log")).all()
    assert [tuple(row) for row in recorded] == [("kkb_steward", "service.family_contact")]
