"""What is true of each person: identity, marital status, schooling, certificate and insurance cover."""

import numpy as np
from numpy.random import Generator

from kampungkb.sample.frames import (
    Array,
    Frame,
    Ints,
    Mask,
    Texts,
    ages,
    digits,
    draw,
    likely,
    parts,
    pick,
    rank_within,
)
from kampungkb.sample.households import CHILD, HEAD, KIN_PARENT, KINDS, OTHER, SPOUSE, YEAR
from kampungkb.sample.names import FEMALE, MALE, draw_names
from kampungkb.sample.parameters import Names, Parameters

SINGLE, MARRIED, DIVORCED, WIDOWED = 1, 2, 3, 4
NO_COVER = 4
SERIALS = 9_999


def log_odds(share: Array | float) -> Array:
    """ln(p / (1 − p))."""
    return np.asarray(np.log(share) - np.log1p(-np.asarray(share)))


def good(rng: Generator, parameters: Parameters, answer: str, standard: Array) -> Mask:
    """Whether the good answer holds, by the standard of living of each family or member."""
    told = parameters.answers[answer]
    chance = 1 / (1 + np.exp(-(log_odds(told.good) + told.slope * standard)))
    return likely(rng, chance, len(standard))


def _marital(rng: Generator, families: Frame, members: Frame, age: Ints) -> Ints:
    kind = families["kind"][members["family"]]
    couple = np.array([kind.couple for kind in KINDS])[kind]
    young_single, count = kind == len(KINDS) - 1, len(age)
    alone = np.where(
        young_single,
        pick(rng, (SINGLE, DIVORCED, WIDOWED), count, (0.68, 0.26, 0.06)),
        np.where(
            kind == len(KINDS) - 2,
            pick(rng, (WIDOWED, DIVORCED, SINGLE), count, (0.78, 0.17, 0.05)),
            pick(rng, (WIDOWED, DIVORCED), count, (0.52, 0.48)),
        ),
    )
    other = np.where(
        members["kin"] == KIN_PARENT,
        WIDOWED,
        np.where((age >= 25) & likely(rng, 0.3, count), DIVORCED, SINGLE),
    )
    status = np.full(count, SINGLE)
    status = np.where(members["relation"] == HEAD, np.where(couple, MARRIED, alone), status)
    status = np.where(members["relation"] == SPOUSE, MARRIED, status)
    return np.asarray(np.where(members["relation"] == OTHER, other, status)).astype(np.int64)


def _education(rng: Generator, age: Ints, standard: Array) -> Ints:
    """Codes of K.13 by age; dropping out is likelier in poor families."""
    count = len(age)
    kept = likely(rng, 1 / (1 + np.exp(-(2.9 + 0.7 * standard))), count)
    level = np.clip(
        np.round(rng.normal(np.where(age > 55, 0.6, np.where(age > 35, 1.7, 2.4)) + 0.5 * standard, 0.9)), 0, 4
    )
    adult = np.array([1, 3, 5, 7, 9])[level.astype(np.int64)]
    student = (age <= 24) & (adult == 9)
    adult = np.where(student, 8, adult)
    stages = [(age < 7, 10), (age <= 12, np.where(kept, 2, 10)), (age <= 15, np.where(kept, 4, 3))]
    code = np.where(age <= 18, np.where(kept, 6, 5), adult)
    for under, value in reversed(stages):
        code = np.where(under, value, code)
    return np.asarray(code).astype(np.int64)


def _occupation(rng: Generator, age: Ints, sex: Ints) -> Ints:
    """Codes of K.14: 1 none, 2 student, 3 household, 4 fishing, 5 farming, others trade, wages and the rest."""
    men = pick(rng, range(1, 13), len(age), (4, 0, 0, 30, 14, 12, 16, 6, 4, 6, 5, 3)).astype(np.int64)
    women = pick(rng, range(1, 13), len(age), (3, 0, 58, 2, 4, 12, 6, 5, 3, 3, 2, 2)).astype(np.int64)
    return np.asarray(np.where(age < 6, 1, np.where(age < 18, 2, np.where(sex == MALE, men, women))))


def _insurance(rng: Generator, parameters: Parameters, families: Frame, members: Frame) -> Ints:
    """Codes of K.15: families are mostly insured together; the better off contribute themselves."""
    told = parameters.insurance
    pull = np.array([-0.4, 0.8, 1.0, -0.1])
    weight = np.log(np.array(told.shares)) + families["standard"][:, None] * pull
    family = np.argmax(weight + rng.gumbel(size=weight.shape), axis=1) + 1
    own = family[members["family"]]
    return np.asarray(np.where(likely(rng, told.alone, len(own)), NO_COVER, own))


def identity_numbers(region: Texts, birth: Ints, sex: Ints, first_serial: int) -> Texts:
    """NIK: the region's 6 digits, ddmmyy of the birth date (day + 40 for women), a serial from 0001."""
    year, month, day = parts(birth)
    born = (day + np.where(sex == FEMALE, 40, 0)) * 10_000 + month * 100 + year % 100
    serial = first_serial + rank_within(region.astype(np.int64), born) + 1
    return np.asarray(region + digits(born, 6) + digits(serial, 4))


def _origins(rng: Generator, names: Names, families: int) -> tuple[Ints, Ints]:
    origin = rng.choice(len(names.origins), families, p=np.array([kind.share for kind in names.origins]))
    religion = np.empty(families, dtype=np.int64)
    for place, kind in enumerate(names.origins):
        rows = origin == place
        religion[rows] = pick(rng, list(kind.religions), int(rows.sum()), list(kind.religions.values())).astype(
            np.int64
        )
    return origin, religion


def _plant_twins(rng: Generator, names: Names, members: Frame, share: float) -> None:
    child = members["relation"] == CHILD
    follows = np.zeros(len(child), dtype=bool)
    follows[1:] = child[1:] & child[:-1] & (members["family"][1:] == members["family"][:-1])
    for row in draw(rng, follows, share / 2):
        members["birth"][row] = members["birth"][row - 1]
        members["sex"][row] = members["sex"][row - 1]
        pairs = names.twins["male" if members["sex"][row] == MALE else "female"]
        first = members["name"][row - 1].split()[0]
        for place, second in zip((row - 1, row), pairs[int(rng.integers(len(pairs)))], strict=True):
            members["name"][place] = f"{first} {second}"


def _plant_namesakes(rng: Generator, families: Frame, members: Frame, share: float) -> None:
    """Pairs of the same sex, name and village, of different families and born within a year of each other."""
    village = families["village"][members["family"]]
    order = np.lexsort((members["birth"], members["sex"], village))
    fits = np.zeros(len(order), dtype=bool)
    left, right = order[:-1], order[1:]
    fits[1:] = (
        (village[left] == village[right])
        & (members["sex"][left] == members["sex"][right])
        & (members["family"][left] != members["family"][right])
        & (members["birth"][right] - members["birth"][left] < 365)
    )
    for place in draw(rng, fits, share / 2):
        members["name"][order[place]] = members["name"][order[place - 1]]


def complete_persons(
    rng: Generator,
    parameters: Parameters,
    names: Names,
    families: Frame,
    members: Frame,
    districts: Texts,
    on: int,
    serial: int,
) -> Frame:
    """The members with everything that is true of them.

    Adds `religion`, `name`, `birth_place`, `marital`, `education`, `occupation`, `certificate`, `cover`, `nik`.
    `districts` are the 6 digits of each village's district, `serial` the offset of this batch's serial numbers.
    """
    origin, religion = _origins(rng, names, len(families["village"]))
    family, age = members["family"], ages(members["birth"], on)
    standard = families["standard"][family]
    members = {
        **members,
        "religion": religion[family],
        "name": draw_names(rng, names, origin[family], members["sex"], age > 40, family),
    }
    _plant_twins(rng, names, members, parameters.errors.twins)
    _plant_namesakes(rng, families, members, parameters.errors.namesakes)
    count = len(family)
    local = likely(rng, np.where(members["relation"] == CHILD, 0.97, 0.82), count)
    region = np.where(local, districts[families["village"][family]], pick(rng, names.migrant_regions, count))
    places = names.birth_places
    # Adults' certificates came late to the islands: fewer of the older have one.
    older = -2.6 * np.clip((on - members["birth"]) / YEAR - 18, 0, 40) / 40
    return {
        **members,
        "birth_place": np.where(local, pick(rng, places.here, count), pick(rng, places.elsewhere, count)),
        "marital": _marital(rng, families, members, age),
        "education": _education(rng, age, standard),
        "occupation": _occupation(rng, age, members["sex"]),
        "certificate": good(rng, parameters, "birth_certificate", standard + older),
        "cover": _insurance(rng, parameters, families, members),
        "nik": identity_numbers(region, members["birth"], members["sex"], serial),
    }
