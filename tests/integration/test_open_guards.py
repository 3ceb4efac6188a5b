"""Each guard of `open` is needed: with it no attack succeeds; where it alone is taken out of the statement one does.

The attacker knows the method and all that is published, tries every population of small regencies, and looks for
figures that can only be about one to four families. The statements are those of `include/sql/marts`, run by PostgreSQL.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from kampungkb.warehouse.staged_tables import MARTS_SQL
from tests.conftest import AS_OF

pytestmark = pytest.mark.integration

SMALL = {1, 2, 3, 4}
SHAPES = ((2,), (1, 1), (3,), (1, 2), (1, 1, 1))  # villages of each district of a regency
MEASURES = ("ketentraman", "kemandirian", "kebahagiaan", "ibangga")
Population = tuple[int, ...]
Shape = tuple[int, ...]
Attack = Callable[[Engine, str], list[str]]


def statement(name: str) -> str:
    return (MARTS_SQL / f"{name}.sql").read_text(encoding="utf-8")


def indistinguishable(engine: Engine, count: str, shapes: tuple[Shape, ...]) -> dict[Shape, list[list[Population]]]:
    """All populations of 0 to 9 families a village, those together that `count` publishes alike."""
    tried = [(shape, counts) for shape in shapes for counts in itertools.product(range(10), repeat=sum(shape))]
    cells = [
        {"item": str(number), "village": f"2104{district:02d}{village:04d}", "families": families}
        for number, (shape, counts) in enumerate(tried)
        for village, (district, families) in enumerate(
            zip((d for d, size in enumerate(shape) for _ in range(size)), counts, strict=True)
        )
    ]
    with engine.connect() as connection:
        connection.execute(
            text(
                "create temp table open_cell (subject text, item text, cell text, village_code text,"
                " district_code text, regency_code text, families int)"
            )
        )
        insert = (
            "insert into open_cell values ('index', :item, 'rentan', :village, left(:village, 6), '2104', :families)"
        )
        connection.execute(text(insert), cells)
        seen: dict[int, set[tuple[str, int | None]]] = defaultdict(set)
        for row in connection.execute(text(count)).mappings():
            seen[int(row["item"])].add((row["region_code"], row["families"]))
    alike: dict[Any, list[Population]] = defaultdict(list)
    for number, (shape, counts) in enumerate(tried):
        alike[shape, frozenset(seen[number])].append(counts)
    return {shape: [found for (of, _), found in alike.items() if of == shape] for shape in shapes}


def sums(populations: list[Population]) -> dict[tuple[int, ...], set[int]]:
    """What each set of villages can be together."""
    villages = range(len(populations[0]))
    groups = [g for size in range(1, len(villages) + 1) for g in itertools.combinations(villages, size)]
    return {group: {sum(counts[v] for v in group) for counts in populations} for group in groups}


def small_sums(engine: Engine, count: str) -> list[str]:
    """Releases in which a set of villages can only have one to four families."""
    return [
        f"districts of {shape}: villages {group} are known to be {could_be}"
        for shape, classes in indistinguishable(engine, count, SHAPES).items()
        for populations in classes
        for group, could_be in sums(populations).items()
        if could_be <= SMALL
    ]


def small_differences(engine: Engine, count: str) -> list[str]:
    """Pairs of releases between which a set of villages can only have changed by one to four families."""
    found = []
    for shape, classes in indistinguishable(engine, count, SHAPES[:2]).items():
        for before, after in itertools.permutations([sums(populations) for populations in classes], 2):
            for group in before:
                changes = {b - a for a in before[group] for b in after[group]}
                if changes <= SMALL:
                    found.append(f"districts of {shape}: villages {group} grew by {changes}")
    return found


def release(engine: Engine, held: str, nights: list[dict[str, list[float | None]]]) -> list[dict[str, Any]]:
    """The means published night by night, of villages with families of these values (the same for all measures)."""
    shown = []
    with engine.connect() as connection:
        connection.execute(text("create schema core"))
        columns = ", ".join(f"{name} float8" for name in MEASURES)
        connection.execute(
            text(f"create table core.open_release (village_code text, means_of date, {columns}, fingerprints text[])")
        )
        connection.execute(
            text(f"create temp table family_score (family_key text, village_code text, basis text, {columns})")
        )
        for night, villages in enumerate(nights):
            connection.execute(text("delete from family_score"))
            families = [
                {"key": f"{village}-{n}", "village": village, "value": value}
                for village, values in villages.items()
                for n, value in enumerate(values)
            ]
            insert = "insert into family_score values (:key, :village, 'integrated', :value, :value, :value, :value)"
            connection.execute(text(insert), families)
            made = connection.execute(text(held), {"as_of": AS_OF + timedelta(night)}).mappings().all()
            shown.append({row["village_code"]: dict(row) for row in made})
            connection.execute(text("delete from core.open_release"))
            names = ("village_code", "means_of", *MEASURES, "fingerprints")
            keep = f"insert into core.open_release values ({', '.join(f':{name}' for name in names)})"
            for row in made:
                connection.execute(text(keep), dict(row))
    return shown


def means_of_few(engine: Engine, held: str) -> list[str]:
    """Means over one to four families."""
    villages: dict[str, list[float | None]] = {
        f"{valued}-{empty}": [50.0 + n for n in range(valued)] + [None] * empty
        for valued in range(8)
        for empty in (0, 6)
        if valued + empty
    }
    (shown,) = release(engine, held, [villages])
    return [
        f"{measure} of {village}: {row[measure]}"
        for village, row in shown.items()
        for measure in MEASURES
        if row[measure] is not None and int(village.split("-")[0]) in SMALL
    ]


def means_moved_by_few(engine: Engine, held: str) -> list[str]:
    """Means that moved although one to four families changed, came or went since they were published."""
    usual: list[float | None] = [10.0 * n for n in range(8)]
    changed: dict[str, list[float | None]] = {f"changed-{n}": [99.0] * n + usual[n:] for n in range(8)}
    came: dict[str, list[float | None]] = {f"came-{n}": usual + [99.0] * n for n in range(8)}
    went: dict[str, list[float | None]] = {f"went-{n}": usual[: 8 - n] for n in range(4)}
    tonight = {**changed, **came, **went}
    before, after = release(engine, held, [dict.fromkeys(tonight, usual), tonight])
    return [
        f"{village}: {row[measure]}"
        for village, row in after.items()
        for measure in MEASURES
        if row[measure] != before[village][measure] and int(village.split("-")[1]) in SMALL
    ]


@dataclass(frozen=True)
class Guard:
    """A guard, the statement that has it, what the statement is without it, and the attack that then succeeds."""

    name: str
    file: str
    without: dict[str, str]
    attack: Attack


STEPS = "families / 5 as steps"
SHOWN = "5 * floor(steps)"
EXACT_FROM_FIVE = "case when families < 5 then 0 else families / 5.0 end as steps"
EXACT_UNDER_FIVE = "case when families < 5 then families / 5.0 else families / 5 end as steps"
LIMITED = "least(sum(families) / 5, sum(steps) + 4 * (count(*) - 1) / 5) as steps\n    from {}"
UNLIMITED = "sum(families) / 5 as steps\n    from {}"
GUARDS = [
    Guard("suppression under five", "open_count", {STEPS: EXACT_UNDER_FIVE, SHOWN: "5 * steps"}, small_sums),
    Guard("rounding to five", "open_count", {STEPS: EXACT_FROM_FIVE, SHOWN: "5 * steps"}, small_differences),
    Guard(
        "limit on totals of districts",
        "open_count",
        {LIMITED.format("village"): UNLIMITED.format("village")},
        small_sums,
    ),
    Guard(
        "limit on totals of regencies",
        "open_count",
        {LIMITED.format("district"): UNLIMITED.format("district")},
        small_sums,
    ),
    *(
        Guard(
            f"five families with {measure}",
            "open_release",
            {f"case when count({measure}) >= 5 then": f"case when count({measure}) >= 1 then"},
            means_of_few,
        )
        for measure in MEASURES
    ),
    Guard(
        "means wait for five families",
        "open_release",
        {"where greatest(changed.gone, changed.new) < 5": "where greatest(changed.gone, changed.new) < 1"},
        means_moved_by_few,
    ),
]
ATTACKS = {guard.attack: guard.file for guard in GUARDS}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_no_attack_succeeds(warehouse_engine: Engine, attack: Attack) -> None:
    assert attack(warehouse_engine, statement(ATTACKS[attack])) == []


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name.replace(" ", "-"))
def test_without_one_guard_an_attack_succeeds(warehouse_engine: Engine, guard: Guard) -> None:
    mutated = statement(guard.file)
    for part, replacement in guard.without.items():
        assert mutated.count(part) == 1
        mutated = mutated.replace(part, replacement)
    assert guard.attack(warehouse_engine, mutated) != []


@pytest.mark.parametrize("guard", [g for g in GUARDS if "limit" in g.name], ids=lambda guard: guard.name)
def test_differences_are_safe_by_the_steps_alone(warehouse_engine: Engine, guard: Guard) -> None:
    """What a total without its limit gives away is known in each release; the change between two never is.

    A set of villages that is known within less than a step is known from above: it ends at the top of its steps. Two
    tops lie a multiple of five apart, and that multiple is then among the possible changes.
    """
    (change,) = guard.without.items()
    assert small_differences(warehouse_engine, statement(guard.file).replace(*change)) == []
