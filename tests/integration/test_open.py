"""What is published in `open`: an attacker who knows the method and every figure learns of no group of 1-4 families."""

import dataclasses
import itertools
import random
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, text

from kampungkb.run import Run
from kampungkb.warehouse import publish
from kampungkb.warehouse.staged_tables import MARTS_SQL
from tests.conftest import AS_OF
from tests.integration.warehouse_lake import BATU_BERDAUN, DABO, Family, Night, night, random_families

pytestmark = pytest.mark.integration

Counts = tuple[int, ...]
Rows = list[dict[str, Any]]
SMALL = set(range(1, 5))
# Villages by district: every shape of up to five villages in a regency that brute force can try in full.
SHAPES: list[tuple[int, ...]] = [(1,), (2,), (3,), (1, 1), (1, 2), (2, 2), (1, 3), (2, 3), (5,), (1, 1, 1, 1)]


def published(counts: Iterable[int], shape: tuple[int, ...]) -> list[Counts]:
    """Steps of villages, districts and the regency for one or many populations (rows), written from the rule."""
    table = np.atleast_2d(np.array(list(counts) if not isinstance(counts, np.ndarray) else counts))
    steps, district_families, district_steps, start = table // 5, [], [], 0
    for size in shape:
        part, part_steps = table[:, start : start + size], steps[:, start : start + size]
        district_families.append(part.sum(axis=1))
        district_steps.append(np.minimum(part.sum(axis=1) // 5, part_steps.sum(axis=1) + 4 * (size - 1) // 5))
        start += size
    sums = np.column_stack(district_steps)
    regency = np.minimum(sum(district_families) // 5, sums.sum(axis=1) + 4 * (len(shape) - 1) // 5)
    return [tuple(row) for row in np.column_stack([steps, sums, regency]).tolist()]


def possible(shown: Counts, shape: tuple[int, ...]) -> np.ndarray:
    """Every population that would have been published in the same way."""
    villages = sum(shape)
    tried = np.array(list(itertools.product(*(range(5 * step, 5 * step + 5) for step in shown[:villages]))))
    same = np.array([row == shown for row in published(tried, shape)])
    found: np.ndarray = tried[same]
    return found


def groups(villages: int) -> list[list[int]]:
    """Every set of villages, each of which is a sum that could be formed."""
    return [list(g) for size in range(1, villages + 1) for g in itertools.combinations(range(villages), size)]


def population(rng: random.Random, shape: tuple[int, ...]) -> Counts:
    return tuple(rng.choice((rng.randint(0, 4), rng.randint(3, 12), rng.choice((4, 9, 14)))) for _ in range(sum(shape)))


@pytest.fixture
def populations() -> list[tuple[tuple[int, ...], Counts]]:
    rng = random.Random(20)
    return [(shape, population(rng, shape)) for shape in SHAPES for _ in range(30)]


def test_no_sum_of_published_counts_is_about_one_to_four_families(
    populations: list[tuple[tuple[int, ...], Counts]],
) -> None:
    for shape, counts in populations:
        could_be = possible(published(counts, shape)[0], shape)
        assert len(could_be) > 1
        for group in groups(sum(shape)):
            sums = set(could_be[:, group].sum(axis=1).tolist())
            assert not sums <= SMALL, f"{counts} in districts of {shape}: villages {group} are known to be {sums}"


def test_no_difference_between_two_releases_is_about_one_to_four_families(
    populations: list[tuple[tuple[int, ...], Counts]],
) -> None:
    rng = random.Random(21)
    for shape, counts in populations:
        later = tuple(max(0, n + rng.choice((0, 0, 1, -1, 3, -4))) for n in counts)
        first, second = (possible(published(c, shape)[0], shape) for c in (counts, later))
        for group in groups(sum(shape)):
            before, after = (set(table[:, group].sum(axis=1).tolist()) for table in (first, second))
            changes = {b - a for a in before for b in after}
            assert not changes <= SMALL and not changes <= {-n for n in SMALL}, (
                f"{counts} -> {later}: {group} {changes}"
            )


def test_the_statement_follows_the_rule(
    warehouse_engine: Engine, populations: list[tuple[tuple[int, ...], Counts]]
) -> None:
    rows, expected = [], {}
    for number, (shape, counts) in enumerate(populations):
        districts = [d for d, size in enumerate(shape) for _ in range(size)]
        villages = [f"2104{d:02d}{v:04d}" for v, d in enumerate(districts)]
        regions = [*villages, *(f"2104{d:02d}" for d in range(len(shape))), "2104"]
        shown = published(counts, shape)[0]
        expected |= {(str(number), region): 5 * step or None for region, step in zip(regions, shown, strict=True)}
        rows += [
            {"item": str(number), "village": v, "district": v[:6], "families": n}
            for v, n in zip(villages, counts, strict=True)
        ]
    with warehouse_engine.begin() as connection:
        connection.execute(
            text(
                "create temp table open_cell (subject text, item text, cell text, village_code text,"
                " district_code text, regency_code text, families int)"
            )
        )
        insert = "insert into open_cell values ('index', :item, 'rentan', :village, :district, '2104', :families)"
        connection.execute(text(insert), rows)
        made = connection.execute(text((MARTS_SQL / "open_count.sql").read_text(encoding="utf-8"))).mappings().all()
    assert {(row["item"], row["region_code"]): row["families"] for row in made} == expected


def rows(engine: Engine, query: str) -> Rows:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(query)).mappings()]


def changed(families: list[Family], count: int) -> list[Family]:
    """The same families, of which `count` of Dabo now give another answer."""
    of_dabo = [family for family in families if family.village == DABO]
    moved = {f.code: dataclasses.replace(f, integrated="1111111110", survey="1111111110") for f in of_dabo[:count]}
    return [moved.get(family.code, family) for family in families]


def test_counts_under_five_are_not_shown_and_all_others_in_steps(warehouse_run: Run, warehouse_engine: Engine) -> None:
    publish(warehouse_run, *night(5, 70).write(warehouse_run))
    truth = {
        row["village_code"]: row
        for row in rows(warehouse_engine, "select * from mart.village_index where basis = 'integrated'")
    }
    shown = rows(warehouse_engine, "select * from open.village_index")
    assert len(shown) == len(truth)
    for row in shown:
        for name in ("rentan", "berkembang", "tangguh"):
            assert row[name] == (5 * (truth[row["village_code"]][name] // 5) or None)
        if row["families"]:
            assert row["families"] == sum(row[name] or 0 for name in ("rentan", "berkembang", "tangguh"))
    answers = rows(
        warehouse_engine,
        "select shown.*, exact.achieved as exact_yes, exact.applicable - exact.achieved as exact_no"
        " from open.indicator_coverage as shown join mart.indicator_coverage as exact"
        " on exact.village_code = region_code and exact.indicator = shown.indicator and basis = 'integrated'",
    )
    assert len(answers) == 20
    for row in answers:
        assert row["achieved"] == (5 * (row["exact_yes"] // 5) or None)
        assert row["not_achieved"] == (5 * (row["exact_no"] // 5) or None)
        both = row["achieved"] and row["not_achieved"]
        assert row["share"] == (round(row["achieved"] / row["applicable"], 2) if both else None)
    areas = [
        row
        for table in ("district_index", "regency_index")
        for row in rows(warehouse_engine, f"select * from open.{table}")
    ]
    counts = [row[name] for row in [*areas, *shown] for name in ("families", "rentan", "berkembang", "tangguh")]
    assert all(count is None or (count >= 5 and count % 5 == 0) for count in counts)


def test_a_mean_is_over_five_families_at_least(warehouse_run: Run, warehouse_engine: Engine) -> None:
    families = random_families(8, 9)
    families = [
        dataclasses.replace(f, village=DABO if n < 4 else BATU_BERDAUN, integrated="1101101100")
        for n, f in enumerate(families)
    ]
    publish(warehouse_run, *night(families=families).write(warehouse_run))
    found = {row["village_code"]: row for row in rows(warehouse_engine, "select * from open.village_index")}
    assert (found[DABO]["ibangga"], found[DABO]["ketentraman"], found[DABO]["category"]) == (None, None, None)
    assert (found[BATU_BERDAUN]["ibangga"], found[BATU_BERDAUN]["category"]) == (66.7, "berkembang")
    (district,) = rows(warehouse_engine, "select * from open.district_index")
    assert (district["ibangga"], district["families"]) == (66.7, 5)


def test_means_move_once_five_families_have_changed(warehouse_run: Run, warehouse_engine: Engine) -> None:
    def load(day: int, lake_of: Night) -> dict[str, Any]:
        run = dataclasses.replace(warehouse_run, run_id=f"night-{day}", as_of=AS_OF.replace(day=day))
        publish(run, *lake_of.write(run))
        (row,) = rows(warehouse_engine, f"select * from open.village_index where village_code = '{DABO}'")
        return row

    first = night(7, 60)
    published_means = load(10, first)
    for day, count in ((11, 2), (12, 4)):
        row = load(day, dataclasses.replace(first, families=changed(first.families, count)))
        assert (row["ibangga"], row["means_of"]) == (published_means["ibangga"], AS_OF.replace(day=10))
    row = load(13, dataclasses.replace(first, families=changed(first.families, 6)))
    assert row["means_of"] == AS_OF.replace(day=13)
    (exact,) = rows(
        warehouse_engine,
        f"select ibangga from mart.village_index where village_code = '{DABO}' and basis = 'integrated'"
        f" and as_of = '{AS_OF.replace(day=13)}'",
    )
    assert row["ibangga"] == pytest.approx(exact["ibangga"], abs=0.05)


def test_the_same_night_again_and_a_backfill_leave_open_alone(warehouse_run: Run, warehouse_engine: Engine) -> None:
    def contents() -> list[Rows]:
        tables = ("open.village_index", "open.regency_index", "open.indicator_coverage", "core.open_release")
        return [sorted(rows(warehouse_engine, f"select xmin::text, t.* from {t} t"), key=repr) for t in tables]

    publish(warehouse_run, *night(7, 60).write(warehouse_run))
    before = contents()
    publish(warehouse_run, *night(7, 60).write(warehouse_run))
    assert contents() == before
    earlier = dataclasses.replace(warehouse_run, run_id="earlier", as_of=AS_OF.replace(day=1))
    publish(earlier, *night(9, 80).write(earlier))
    assert contents() == before
