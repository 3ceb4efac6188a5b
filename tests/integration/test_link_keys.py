"""Person keys last from night to night, while records appear, vanish, return, merge and split."""

import random
from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from kampungkb.linkage import link
from kampungkb.run import Run
from kampungkb.settings import Settings
from tests.oracle.accepted import write_accepted
from tests.oracle.names import name_of
from tests.seeds import seeds

pytestmark = pytest.mark.integration

FIRST = date(2026, 11, 1)

A, B, C, D = "a", "b", "c", "d"


class Nights:
    """Loads one night after the other; sharing a birth date or a name makes two records one person."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tonight = 0

    def load(self, records: dict[str, tuple[int, int]], night: int | None = None) -> dict[str, str]:
        """Person keys by record name; a record's facts are the numbers of its birth date and of its name."""
        if night is None:
            self.tonight += 1
            night = self.tonight
        return dict(self.frame(records, night)["person_key"])

    def frame(self, records: dict[str, tuple[int, int]], night: int) -> pd.DataFrame:
        """The crosswalk of a night by record name."""
        run = Run(run_id=f"night-{night}", as_of=FIRST + timedelta(days=night), settings=self.settings)
        cards = [self._card(name, *facts) for name, facts in records.items()]
        reference = link(run, write_accepted(run, {"keluarga": [], "peserta": cards}))
        return pd.read_parquet(reference.path / "person_link.parquet").set_index("source_key")

    @staticmethod
    def _card(name: str, day: int, text: int) -> dict[str, Any]:
        born = date(1930 + day, 1 + 5 * day % 12, 1 + 11 * day % 28)
        return {"noKartu": name, "nik": "1" * 16, "tglLahir": born, "nama": name_of(text)}


@pytest.fixture
def nights(settings: Settings) -> Nights:
    return Nights(settings)


def test_a_key_stays_when_other_records_appear_and_vanish(nights: Nights) -> None:
    first = nights.load({B: (1, 1)})
    second = nights.load({A: (2, 2), B: (1, 1), C: (3, 3)})
    third = nights.load({B: (1, 1)})

    assert first[B] == second[B] == third[B]
    assert len(set(second.values())) == 3


def test_a_record_that_joins_a_person_takes_the_persons_key(nights: Nights) -> None:
    first = nights.load({B: (1, 1)})
    second = nights.load({A: (1, 2), B: (1, 1)})

    assert second == {A: first[B], B: first[B]}


def test_a_person_keeps_the_key_when_the_record_it_was_made_from_vanishes(nights: Nights) -> None:
    first = nights.load({A: (1, 1), B: (1, 2)})
    second = nights.load({B: (1, 2)})
    third = nights.load({A: (9, 9), B: (1, 2)})

    assert first[A] == second[B] == third[B]
    assert third[A] != first[A]


def test_a_merge_keeps_the_older_key(nights: Nights) -> None:
    first = nights.load({B: (2, 2)})
    nights.load({A: (1, 1), B: (2, 2)})
    third = nights.load({A: (2, 1), B: (2, 2)})

    assert third == {A: first[B], B: first[B]}


def test_a_split_leaves_the_key_with_the_larger_part_and_gives_the_other_a_new_one(nights: Nights) -> None:
    first = nights.load({A: (1, 1), B: (1, 2), C: (1, 3)})
    second = nights.load({A: (9, 1), B: (1, 2), C: (1, 3)})

    assert second[B] == second[C] == first[A]
    assert second[A] not in first.values()


def test_an_even_split_leaves_the_key_with_the_part_that_carried_it_longer(nights: Nights) -> None:
    first = nights.load({B: (1, 1)})
    nights.load({A: (1, 2), B: (1, 1)})
    third = nights.load({A: (2, 2), B: (1, 1)})

    assert third[B] == first[B]
    assert third[A] != first[B]


def test_a_key_given_up_in_a_merge_does_not_come_back_for_anybody(nights: Nights) -> None:
    first = nights.load({A: (1, 1), B: (2, 2)})
    nights.load({A: (1, 1), B: (1, 2)})
    third = nights.load({A: (1, 1), B: (2, 2)})

    assert third[A] == first[A]
    assert third[B] not in first.values()


def test_records_exchanged_between_two_persons_leave_each_its_key(nights: Nights) -> None:
    first = nights.load({A: (1, 1), B: (1, 2), C: (3, 3), D: (3, 4)})
    second = nights.load({A: (1, 1), B: (3, 2), C: (3, 3), D: (1, 4)})

    assert second[A] == second[D] == first[A]
    assert second[B] == second[C] == first[C]


def test_a_record_that_returns_takes_its_key_back(nights: Nights) -> None:
    first = nights.load({A: (1, 1), B: (2, 2), C: (2, 3)})
    nights.load({A: (1, 1)})
    nights.load({A: (1, 1)})
    fourth = nights.load({A: (1, 1), B: (2, 2), C: (2, 3)})

    assert fourth == first


def test_a_returning_record_does_not_take_a_key_that_others_carried_on(nights: Nights) -> None:
    first = nights.load({A: (1, 1), B: (1, 2)})
    nights.load({B: (1, 2)})
    nights.load({C: (3, 3)})
    fourth = nights.load({A: (1, 1), C: (3, 3)})

    assert fourth[A] not in first.values()


def test_a_returning_older_key_does_not_replace_the_key_in_force(nights: Nights) -> None:
    nights.load({A: (1, 1)})
    second = nights.load({B: (2, 2)})
    third = nights.load({A: (2, 1), B: (2, 2)})

    assert third == {A: second[B], B: second[B]}


def test_linked_since_is_the_date_since_which_a_record_carries_its_key(nights: Nights) -> None:
    nights.frame({A: (1, 1)}, 1)
    frame = nights.frame({A: (1, 1), B: (1, 2)}, 5)

    assert list(frame["linked_since"]) == [FIRST + timedelta(days=1), FIRST + timedelta(days=5)]


def test_a_night_run_again_gives_the_same_crosswalk_also_after_later_nights(nights: Nights) -> None:
    records = {1: {A: (1, 1), B: (2, 2)}, 2: {A: (1, 1), B: (1, 2)}, 3: {A: (1, 1), B: (2, 2), C: (2, 3)}}
    once = {night: nights.frame(rows, night) for night, rows in records.items()}
    again = {night: nights.frame(rows, night) for night, rows in records.items()}

    for night in records:
        pd.testing.assert_frame_equal(once[night], again[night])


def test_keys_differ_between_homes_with_different_secrets(nights: Nights, settings: Settings) -> None:
    other = Settings(home=settings.home / "other", pseudonym_key="another key")  # type: ignore[arg-type]

    assert nights.load({A: (1, 1)}) != Nights(other).load({A: (1, 1)})


@pytest.mark.parametrize("seed", seeds(3))
def test_over_many_random_nights_no_key_changes_without_reason(nights: Nights, seed: int) -> None:
    dice = random.Random(seed)
    world = {f"{number:03d}": (dice.randrange(60), dice.randrange(60)) for number in range(60)}
    last_holders: dict[str, set[str]] = {}
    before: dict[str, str] = {}
    for _ in range(12):
        for name in dice.sample(sorted(world), 8):  # corrected birth dates and names: merges and splits
            day, text = world[name]
            world[name] = dice.choice([(dice.randrange(60), text), (day, dice.randrange(60))])
        present = {name: facts for name, facts in world.items() if dice.random() < 0.85}
        keys = nights.load(present)
        persons: dict[str, set[str]] = defaultdict(set)
        for name, key in keys.items():
            persons[key].add(name)
        assert_one_key_a_person(present, persons)
        assert_kept(before, keys, persons)
        for key, names in persons.items():
            assert not last_holders.get(key) or last_holders[key] & names, "a key came back for somebody else"
            last_holders[key] = names
        before = keys


def assert_one_key_a_person(present: dict[str, tuple[int, int]], persons: dict[str, set[str]]) -> None:
    facts_of = [
        {f"day {day}" for day, _ in map(present.__getitem__, names)}
        | {f"name {text}" for _, text in map(present.__getitem__, names)}
        for names in persons.values()
    ]
    assert sum(len(facts) for facts in facts_of) == len(set().union(*facts_of)), "a fact is shared by two persons"


def assert_kept(before: dict[str, str], keys: dict[str, str], persons: dict[str, set[str]]) -> None:
    """A key may leave a record only where the person merged or split."""
    for name, key in before.items():
        if name not in keys or keys[name] == key:
            continue
        still_here = {other for other, other_key in before.items() if other_key == key and other in keys}
        merged = {before[other] for other in persons[keys[name]] if other in before} != {key}
        split = len({keys[other] for other in still_here}) > 1
        assert merged or split
