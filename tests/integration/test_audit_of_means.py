"""The audit holds the mean of a village against its sums: digits that only a double has stop no publication."""

import json

import pytest
from sqlalchemy import create_engine, text

from kampungkb.connections import WAREHOUSE
from kampungkb.run import Run
from kampungkb.settings import EXPECTATIONS
from kampungkb.warehouse.connect import url

pytestmark = pytest.mark.integration

SAME = "families, categories and mean are those of village_index"
COUNTS = {"as_of": "2026-11-24", "village_code": "2104011001", "basis": "survey", "families": 3}
CATEGORIES = {"rentan": 1, "berkembang": 1, "tangguh": 1}


@pytest.mark.parametrize(
    ("families", "total", "mean", "stops"),
    [
        (3, "150.0000000015", "50.00000000049999", False),  # either side of where nine digits are rounded
        (3, "150", "50.001", True),
        (3, "150", "null", True),
        (0, "0", "null", False),
        (0, "0", "50", True),
    ],
)
def test_the_mean_of_a_village_is_that_of_its_sums(
    warehouse_run: Run, families: int, total: str, mean: str, stops: bool
) -> None:
    suite = json.loads((EXPECTATIONS / "warehouse_fact_village_day.json").read_text(encoding="utf-8"))
    (query,) = (each["kwargs"]["unexpected_rows_query"] for each in suite["expectations"] if each["notes"] == SAME)
    shared = ", ".join(f"'{value}' as {name}" for name, value in (COUNTS | CATEGORIES).items())
    engine = create_engine(url(warehouse_run.connections[WAREHOUSE]))
    with engine.connect() as connection:
        connection.execute(
            text(f"create temp table village_index as select {shared}, cast({mean} as double precision) as ibangga")
        )
        connection.execute(
            text(
                f"create temp table measured as select {shared}, "
                f"cast({total} as numeric) as ibangga_sum, {families} as ibangga_families"
            )
        )
        found = connection.execute(text(query.format(batch="measured"))).all()
    engine.dispose()
    assert bool(found) is stops
