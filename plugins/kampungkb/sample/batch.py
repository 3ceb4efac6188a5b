"""A batch: whole districts with everything that is true there. Bigger samples are made batch by batch."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from kampungkb.sample.answers import true_answers
from kampungkb.sample.frames import Frame, Ints, Texts, ages, digits, likely, parts, pick, rank_within, size, texts
from kampungkb.sample.households import draw_families, draw_members
from kampungkb.sample.parameters import Names, Parameters
from kampungkb.sample.persons import SERIALS, complete_persons
from kampungkb.sample.regions import Village

FIRST_ROUND = 16_436  # 2015-01-01; an older visit would break F05


@dataclass(frozen=True)
class Batch:
    """The true population of some villages.

    `on` is `as_of` as a day; `first_family` and `first_person` are the numbers of the first family and person in
    the whole sample. `families` has one row a family, `members` one a person (its `family` is a position).
    """

    villages: list[Village]
    codes: Texts
    families: Frame
    members: Frame
    on: int
    first_family: int
    first_person: int
    names: Names
    parameters: Parameters

    @property
    def village_of_member(self) -> Ints:
        """The position of each member's village."""
        return np.asarray(self.families["village"][self.members["family"]])

    @property
    def age(self) -> Ints:
        """Full years of each member on `as_of`."""
        return ages(self.members["birth"], self.on)


def _cards(rng: Generator, district: Texts, on: int, serial: int) -> Texts:
    """Family card numbers: district, day of issue, serial."""
    issued = on - rng.integers(30, 4300, len(district))
    year, month, day = parts(issued)
    stamp = day * 10_000 + month * 100 + year % 100
    number = serial + rank_within(district.astype(np.int64), stamp) + 1
    return np.asarray(district + digits(stamp, 6) + digits(number, 4))


def _visits(rng: Generator, families: Frame, villages: int, on: int, old: float) -> Ints:
    """Days of the survey visit: each village in its own weeks of the year before `on`, some families long before."""
    start = on - rng.integers(45, 290, villages)
    visit = start[families["village"]] + rng.integers(0, 35, size(families))
    long_ago = likely(rng, old, size(families))
    early = np.maximum(on - rng.integers(370, 900, size(families)), FIRST_ROUND)
    return np.asarray(np.where(long_ago, early, visit))


def make_batch(
    rng: Generator,
    parameters: Parameters,
    names: Names,
    villages: list[Village],
    surveyed: Ints,
    on: int,
    *,
    first_family: int,
    first_person: int,
    place: int,
    batches: int,
) -> Batch:
    """Draw the true population of a batch; `surveyed` are the surveyed families by village.

    `place` of `batches` keeps serial numbers of batches apart.
    """
    serial = place * (SERIALS // batches)
    others = rng.binomial(surveyed, parameters.errors.not_surveyed)
    families = draw_families(rng, surveyed, others)
    codes, districts = texts(village.code for village in villages), texts(village.district for village in villages)
    members = draw_members(rng, families, on)
    members = complete_persons(rng, parameters, names, families, members, districts, on, serial)
    count = size(families)
    families |= true_answers(rng, parameters, families, members, on)
    families |= {
        "kode": codes[families["village"]] + digits(rank_within(families["village"]) + 1, 8),
        "no_kk": _cards(rng, districts[families["village"]], on, serial),
        "visit": _visits(rng, families, len(villages), on, parameters.rules["F09"]),
        "rt": digits(rng.integers(1, 9, count), 3),
        "rw": digits(rng.integers(1, 5, count), 3),
        "address": pick(rng, names.streets, count) + " NO. " + rng.integers(1, 150, count).astype(str).astype(object),
    }
    return Batch(villages, codes, families, members, on, first_family, first_person, names, parameters)
