"""Decisions of stewards never contradict each other: one that would is refused when it is made."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kampungkb.errors import DecisionError
from kampungkb.linkage.decisions import Decision, Pair, Record, Verdict, contradicted
from kampungkb.review.query import records_of

pytestmark = pytest.mark.unit

A, B, C, D = (Record("family_survey", name) for name in "abcd")


def decided(*verdicts: tuple[Record, Record, Verdict]) -> list[Decision]:
    return [
        Decision(number, Pair.of(one, other), verdict, "a steward", datetime.now(UTC), "seen")
        for number, (one, other, verdict) in enumerate(verdicts, start=1)
    ]


def test_two_records_joined_through_a_third_cannot_be_different() -> None:
    before = decided((A, B, "same"), (B, C, "same"), (C, D, "different"))
    assert contradicted(before, Pair.of(A, C), "different") == [1, 2]
    assert contradicted(before, Pair.of(A, C), "same") == []
    assert contradicted(before, Pair.of(A, D), "different") == []


def test_two_records_kept_apart_cannot_be_joined_through_others() -> None:
    before = decided((A, B, "same"), (C, D, "same"), (A, D, "different"))
    assert contradicted(before, Pair.of(B, C), "same") == [1, 2, 3]
    assert contradicted(before, Pair.of(B, C), "different") == []


def test_unsure_contradicts_nothing_and_joins_nothing() -> None:
    before = decided((A, B, "same"), (B, C, "unsure"))
    assert contradicted(before, Pair.of(A, B), "unsure") == []
    assert contradicted(before, Pair.of(A, C), "different") == []


verdicts = st.tuples(st.integers(0, 6), st.integers(0, 6), st.sampled_from(["same", "different", "unsure"]))


@given(st.lists(verdicts.filter(lambda v: v[0] != v[1]), max_size=25))
def test_what_is_accepted_can_all_be_true_together(asked: list[tuple[int, int, Verdict]]) -> None:
    accepted: dict[Pair, Verdict] = {}
    for one, other, verdict in asked:
        pair = Pair.of(Record("family_survey", str(one)), Record("civil_registry", str(other)))
        others = [(p.left, p.right, v) for p, v in accepted.items() if p != pair]
        if not contradicted(decided(*others), pair, verdict):
            accepted[pair] = verdict
        else:
            assert not can_all_be_true({**accepted, pair: verdict})
        assert can_all_be_true(accepted)


def can_all_be_true(verdicts: dict[Pair, Verdict]) -> bool:
    """Written from the meaning: give every record its person, joining those that are the same."""
    person = {record: record for pair in verdicts for record in (pair.left, pair.right)}
    for _ in verdicts:
        for pair, verdict in verdicts.items():
            if verdict == "same":
                person[pair.left] = person[pair.right] = min(person[pair.left], person[pair.right])
    return all(person[pair.left] != person[pair.right] for pair, v in verdicts.items() if v == "different")


def test_a_pair_is_the_same_whichever_record_is_named_first() -> None:
    assert records_of("family_survey:x-1=civil_registry:y") == records_of("civil_registry:y=family_survey:x-1")


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("family_survey:x", "source:key=source:key"),
        ("family_survey:x=family_survey:x", "the same one"),
        ("weather:x=family_survey:y", "weather is no source"),
        ("family_survey:x=civil_registry:y=health_insurance:z", "source:key=source:key"),
    ],
)
def test_records_that_make_no_pair_are_refused(named: str, said: str) -> None:
    with pytest.raises(DecisionError, match=said):
        records_of(named)
