"""Dividing records that cannot all be one person: the most evidence is kept, and what must be apart is."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kampungkb.linkage import conflicts
from kampungkb.linkage.conflicts import EXACT_UP_TO, UNKNOWN, Pair, divide

pytestmark = pytest.mark.unit

TINY = 1e-6


def partitions(records: list[int]) -> list[dict[int, int]]:
    """All ways to make persons of the records, each record with the smallest of its person."""
    if not records:
        return [{}]
    first, *rest = records
    made = []
    for others in partitions(rest):
        made.append({first: first, **others})
        for person in sorted(set(others.values())):
            made.append({first: first, **{record: first if own == person else own for record, own in others.items()}})
    return made


def worth(person: dict[int, int], weights: dict[Pair, float]) -> float:
    return sum(
        weights.get(pair, UNKNOWN) for pair in combinations(sorted(person), 2) if person[pair[0]] == person[pair[1]]
    )


def allowed(person: dict[int, int], apart: set[Pair]) -> bool:
    return all(person[one] != person[two] for one, two in apart)


PAIRS = list(combinations(range(1, 7), 2))


@given(
    weights=st.dictionaries(st.sampled_from(PAIRS), st.floats(-30, 30).map(lambda w: round(w, 3)), max_size=15),
    apart=st.sets(st.sampled_from(PAIRS), max_size=5),
)
def test_no_other_partition_keeps_more_evidence(weights: dict[Pair, float], apart: set[Pair]) -> None:
    found = divide(range(1, 7), weights, apart)
    best = max(worth(person, weights) for person in partitions(list(range(1, 7))) if allowed(person, apart))

    assert allowed(found, apart)
    assert worth(found, weights) >= best - TINY


def test_a_greedy_choice_would_lose() -> None:
    """Two registry records 1 and 2, a survey record 3 and a card 4: the heaviest pair alone costs two good ones."""
    weights = {(1, 3): 20.0, (2, 3): 22.0, (1, 4): 5.0, (2, 4): 21.0, (3, 4): -8.0}
    assert divide([1, 2, 3, 4], weights, {(1, 2)}) == {1: 1, 3: 1, 2: 2, 4: 2}


def test_records_of_which_nothing_is_known_stay_alone() -> None:
    assert divide([1, 2, 3], {(1, 2): 9.0}, set()) == {1: 1, 2: 1, 3: 3}


def test_the_order_of_the_records_does_not_matter() -> None:
    weights = {(1, 2): 5.0, (2, 3): 5.0, (1, 4): 5.0, (3, 4): 5.0}
    apart = {(1, 3)}
    assert divide([4, 3, 2, 1], weights, apart) == divide([1, 2, 3, 4], dict(reversed(weights.items())), apart)


@given(
    st.dictionaries(st.sampled_from(list(combinations(range(40), 2))), st.integers(-9, 30).map(float), max_size=120),
    st.sets(st.sampled_from(list(combinations(range(40), 2))), max_size=40),
)
def test_a_large_component_is_divided_within_bounds(weights: dict[Pair, float], apart: set[Pair]) -> None:
    assert EXACT_UP_TO < 40
    found = divide(range(40), weights, apart)

    assert sorted(found) == list(range(40))
    assert allowed(found, apart)
    assert all(min(record for record in found if found[record] == person) == person for person in found.values())


def test_ten_thousand_records_in_conflict_take_no_time() -> None:
    chain = {(number, number + 1): 10.0 for number in range(10_000)}
    found = conflicts.divide(range(10_001), chain, {(0, 10_000)})
    assert len(set(found.values())) == 2
