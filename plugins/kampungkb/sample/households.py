"""Who lives together: families by kind, and their members with sex, birth date and relation to the head.

One row a family: `village` (position), `surveyed`, `kind`, `standard` (of living, in standard deviations).
One row a member: `family` (position), `relation` (codes of K.10), `kin` (codes of stat_hbkel), `sex`, `birth` (day).
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from kampungkb.sample.frames import Frame, Ints, concat, likely, rank_within, take
from kampungkb.sample.names import FEMALE, MALE

HEAD, SPOUSE, CHILD, OTHER = 1, 2, 3, 4
KIN_HEAD, KIN_HUSBAND, KIN_WIFE, KIN_CHILD, KIN_GRANDCHILD, KIN_PARENT, KIN_OTHER = 1, 2, 3, 4, 6, 7, 9
YEAR = 365.25


class Kind(NamedTuple):
    """A kind of family: its share, whether it has a couple and children, the head's age and the share of men."""

    share: float
    couple: bool
    children: bool
    age: tuple[float, float, int, int]  # mean, standard deviation, least, greatest
    male: float


KINDS = (
    Kind(0.585, True, True, (42, 9, 21, 68), 0.985),
    Kind(0.04, True, False, (28, 4, 20, 40), 0.985),
    Kind(0.105, True, False, (61, 8, 45, 88), 0.985),
    Kind(0.085, False, True, (47, 10, 22, 74), 0.0),
    Kind(0.025, False, True, (48, 9, 25, 74), 1.0),
    Kind(0.115, False, False, (67, 9, 45, 97), 0.27),
    Kind(0.045, False, False, (34, 9, 19, 60), 0.65),
)
_TABLE = np.array([(kind.couple, kind.children, *kind.age, kind.male) for kind in KINDS])


def draw_families(rng: Generator, surveyed: Ints, others: Ints) -> Frame:
    """The families of each village, in order of village: so many that are surveyed, then the others."""
    village = np.repeat(np.arange(len(surveyed)), surveyed + others)
    count, of_village = len(village), rng.normal(0, 0.45, len(surveyed))
    return {
        "village": village,
        "surveyed": rank_within(village) < surveyed[village],
        "kind": rng.choice(len(KINDS), count, p=np.array([kind.share for kind in KINDS])),
        "standard": of_village[village] + rng.normal(0, 0.9, count),
    }


def _members(family: Ints, relation: int, kin: Ints | int, sex: Ints | int, birth: Ints) -> Frame:
    every = np.ones(len(family), dtype=np.int64)
    return {"family": family, "relation": every * relation, "kin": every * kin, "sex": every * sex, "birth": birth}


def _birth(rng: Generator, age: Ints, on: int) -> Ints:
    return np.asarray(on - (age * YEAR + rng.integers(3, 365, len(age))).astype(np.int64))


def _heads(rng: Generator, families: Frame, on: int) -> Frame:
    _, _, mean, deviation, least, greatest, male = _TABLE[families["kind"]].T
    age = np.clip(rng.normal(mean, deviation), least, greatest).astype(np.int64)
    sex = np.where(likely(rng, male, len(age)), MALE, FEMALE)
    return _members(np.arange(len(age)), HEAD, KIN_HEAD, sex, _birth(rng, age, on))


def _spouses(rng: Generator, families: Frame, heads: Frame, on: int) -> Frame:
    family = np.flatnonzero(_TABLE[families["kind"], 0])
    head_age = (on - heads["birth"][family]) / YEAR
    sex = np.where(heads["sex"][family] == MALE, FEMALE, MALE)
    younger = np.where(sex == FEMALE, rng.normal(4, 3.5, len(family)), rng.normal(-3, 3, len(family)))
    least = np.where(_TABLE[families["kind"][family], 1] > 0, 19, 17)
    age = np.clip(head_age - younger, least, 90)
    kin = np.where(sex == FEMALE, KIN_WIFE, KIN_HUSBAND)
    return _members(family, SPOUSE, kin, sex, _birth(rng, age.astype(np.int64), on))


def _children(rng: Generator, families: Frame, heads: Frame, spouses: Frame, on: int) -> Frame:
    mother_birth = heads["birth"].copy()
    wives = spouses["sex"] == FEMALE
    mother_birth[spouses["family"][wives]] = spouses["birth"][wives]
    family = np.flatnonzero(_TABLE[families["kind"], 1])
    oldest_possible = np.minimum(25.5 * YEAR, on - mother_birth[family] - 17.8 * YEAR)
    youngest_possible = np.maximum(5, on - mother_birth[family] - 44 * YEAR)
    oldest = rng.uniform(np.minimum(youngest_possible, oldest_possible - 1), oldest_possible)
    wanted = 1 + rng.binomial(5, 0.24, len(family))
    repeated = np.repeat(family, wanted)
    place = rank_within(repeated)
    gaps = np.where(place > 0, 380 + rng.exponential(800, len(repeated)), 0)
    later = np.cumsum(gaps)
    first = np.repeat(later[place == 0], wanted)
    age = np.repeat(oldest, wanted) - (later - first)
    keep = (age >= np.repeat(np.minimum(youngest_possible, oldest), wanted)) | (place == 0)
    sex = np.where(likely(rng, 0.512, len(repeated)), MALE, FEMALE)
    birth = (on - np.maximum(age, 5)).astype(np.int64)
    return take(_members(repeated, CHILD, KIN_CHILD, sex, birth), keep)


def _others(rng: Generator, heads: Frame, on: int) -> Frame:
    family = np.flatnonzero(likely(rng, 0.10, len(heads["birth"])))
    head_age = (on - heads["birth"][family]) / YEAR
    fate = rng.random(len(family))
    grandchild, parent = (head_age > 48) & (fate < 0.6), (head_age < 60) & (fate >= 0.35)
    kin = np.where(grandchild, KIN_GRANDCHILD, np.where(parent, KIN_PARENT, KIN_OTHER))
    age = np.where(
        grandchild,
        rng.integers(0, 15, len(family)),
        np.where(
            parent, np.minimum(head_age + rng.integers(20, 34, len(family)), 97), rng.integers(14, 42, len(family))
        ),
    ).astype(np.int64)
    sex = np.where(likely(rng, np.where(parent, 0.35, 0.5), len(family)), MALE, FEMALE)
    return _members(family, OTHER, kin, sex, _birth(rng, age, on))


def draw_members(rng: Generator, families: Frame, on: int) -> Frame:
    """All members, family by family: the head, the spouse, the children from the oldest on, others.

    `number` is their place (NO_URUT), `mother` the place of a child's mother (0 where she is not in the family).
    """
    heads = _heads(rng, families, on)
    spouses = _spouses(rng, families, heads, on)
    members = concat([heads, spouses, _children(rng, families, heads, spouses, on), _others(rng, heads, on)])
    members = take(members, np.lexsort((members["birth"], members["relation"], members["family"])))
    return numbered(members)


def numbered(members: Frame) -> Frame:
    """The members with `number` and `mother` set anew from their order."""
    number = rank_within(members["family"]) + 1
    adults = (members["relation"] <= SPOUSE) & (members["sex"] == FEMALE)
    of_family = np.zeros(int(members["family"].max()) + 1, dtype=np.int64)
    of_family[members["family"][adults]] = number[adults]
    mother = np.where(members["relation"] == CHILD, of_family[members["family"]], 0)
    return {**members, "number": number, "mother": mother}
