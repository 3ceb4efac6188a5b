"""The family survey as the families and the surveyors told it: rows of KELUARGA and ANGGOTA before they are typed.

Every row keeps where it comes from: `family` and (for members) `person` are positions in the batch, `workbook` is the
position of the village whose workbook holds it. `copied` rows repeat a family (rule F02).
"""

import numpy as np
from numpy.random import Generator

from kampungkb.sample.answers import NO, QUESTIONS, YES
from kampungkb.sample.batch import Batch
from kampungkb.sample.dirt import (
    change_each,
    damaged_number,
    first_of_january,
    mistaken_days,
    mistyped_number,
    not_after,
    other_village,
    swapped_days,
)
from kampungkb.sample.frames import Frame, Ints, Mask, concat, deal, draw, likely, rank_within, size, take, texts
from kampungkb.sample.households import CHILD, OTHER, SPOUSE, numbered
from kampungkb.sample.names import change, mistype
from kampungkb.sample.persons import MARRIED, NO_COVER, SINGLE


def _told_families(rng: Generator, batch: Batch) -> Frame:
    families, rates = batch.families, batch.parameters.errors
    rows = np.flatnonzero(families["surveyed"])
    told = {
        "family": rows,
        "workbook": families["village"][rows],
        "copied": np.zeros(len(rows), dtype=bool),
        "KODE_KELUARGA": families["kode"][rows],
        "NO_KK": families["no_kk"][rows],
        "KODE_DESA": batch.codes[families["village"][rows]],
        "RT": families["rt"][rows],
        "RW": families["rw"][rows],
        "ALAMAT": families["address"][rows],
        "TGL_PENDATAAN": families["visit"][rows],
        **{question: families[question][rows] for question in QUESTIONS},
    }
    claimed = (told["P.02"] == NO) & likely(rng, rates.marriage_claimed, len(rows))
    told["P.02"] = np.where(claimed, YES, told["P.02"])
    return told


def _told_members(rng: Generator, batch: Batch) -> Frame:
    members, families, rates = batch.members, batch.families, batch.parameters.errors
    # Whoever was born after the visit is unknown to the survey.
    met = families["surveyed"][members["family"]] & (members["birth"] <= families["visit"][members["family"]])
    own = numbered(take({**members, "person": np.arange(len(met))}, np.flatnonzero(met)))
    count = size(own)
    has = own["certificate"] | likely(rng, rates.certificate_claimed, count)
    uncovered = own["cover"] == NO_COVER
    cover = np.where(uncovered & likely(rng, rates.insurance_claimed, count), 1, own["cover"])
    cover = np.where(~uncovered & likely(rng, rates.insurance_unknown, count), NO_COVER, cover)
    outdated = likely(rng, rates.marital_status_outdated, count) & (own["marital"] != SINGLE)
    return {
        "person": own["person"],
        "family": own["family"],
        "workbook": families["village"][own["family"]],
        "copied": np.zeros(count, dtype=bool),
        "KODE_KELUARGA": families["kode"][own["family"]],
        "NO_URUT": own["number"],
        "K.01": own["nik"],
        "K.02": own["name"],
        "K.03": own["sex"],
        "K.04": own["birth"],
        "K.05": own["birth_place"],
        "K.07": np.where(outdated, MARRIED, own["marital"]),
        "K.09": np.where(has, YES, NO),
        "K.10": own["relation"],
        "K.11": own["mother"],
        "K.12": own["religion"],
        "K.13": own["education"],
        "K.14": own["occupation"],
        "K.15": cover,
    }


def _guests(rng: Generator, batch: Batch, families: Frame, members: Frame) -> Frame:
    """Members who are told again by another family, as its last member."""
    age = batch.age[members["person"]]
    moving = (members["K.10"] > SPOUSE) & (age >= 14) | (members["K.10"] == CHILD) & (age < 6)
    guests = take(members, draw(rng, moving, batch.parameters.errors.surveyed_twice))
    count = min(size(guests), size(families))
    guests = take(guests, np.arange(count))
    hosts = rng.permutation(size(families))[:count]
    fits = (families["family"][hosts] != guests["family"]) & (guests["K.04"] <= families["TGL_PENDATAAN"][hosts])
    guests, hosts = take(guests, fits), hosts[fits]
    last = np.zeros(size(batch.families), dtype=np.int64)
    np.maximum.at(last, members["family"], members["NO_URUT"])
    for column in ("family", "workbook", "KODE_KELUARGA"):
        guests[column] = families[column][hosts]
    every = np.ones(size(guests), dtype=np.int64)
    return {**guests, "NO_URUT": last[guests["family"]] + 1, "K.10": every * OTHER, "K.11": every * 0}


def _dirty_identities(rng: Generator, batch: Batch, members: Frame) -> None:
    """Identity numbers missing, mistyped, damaged in number cells, or of the neighbour in the list."""
    rates = batch.parameters.errors.survey_nik
    numbers = members["K.01"]
    neighbour = np.zeros(len(numbers), dtype=bool)
    neighbour[1:] = members["family"][1:] == members["family"][:-1]
    other = draw(rng, neighbour, rates.of_other_member)
    clean = numbers.copy()
    free = np.ones(len(numbers), dtype=bool)
    free[other] = False
    fates = deal(
        rng, free, {"missing": rates.missing, "mistyped": rates.mistyped, "damaged": rates.damaged}
    )  # fmt: skip
    numbers[other] = clean[other - 1]
    numbers[fates["missing"]] = None
    change_each(numbers, fates["mistyped"], lambda number: mistyped_number(rng, number))
    change_each(numbers, fates["damaged"], damaged_number)


def _dirty_facts(rng: Generator, batch: Batch, members: Frame, visit: Ints) -> None:
    """Names and birth dates as they are told; no date becomes one that a rule would find."""
    rates, names = batch.parameters.errors, batch.names
    everyone = np.ones(size(members), dtype=bool)
    fates = deal(rng, everyone, {"mistyped": rates.survey_name.mistyped, "changed": rates.survey_name.changed})
    change_each(members["K.02"], fates["mistyped"], lambda name: mistype(rng, name))
    rows = fates["changed"]
    members["K.02"][rows] = texts(
        change(rng, names, name, int(sex))
        for name, sex in zip(members["K.02"][rows], members["K.03"][rows], strict=True)
    )
    birth = members["K.04"].copy()
    can_swap = (swapped_days(birth) != birth) & (swapped_days(birth) <= visit)
    swapped = draw(rng, can_swap, rates.survey_birth_date.swapped)
    others = everyone.copy()
    others[swapped] = False
    dates = rates.survey_birth_date
    fates = deal(rng, others, {"wrong": dates.wrong, "first": dates.first_of_january})
    members["K.04"][swapped] = swapped_days(birth[swapped])
    wrong = fates["wrong"]
    members["K.04"][wrong] = not_after(mistaken_days(rng, birth[wrong]), birth[wrong], visit[wrong])
    members["K.04"][fates["first"]] = first_of_january(birth[fates["first"]])


def _copies(rng: Generator, batch: Batch, families: Frame, members: Frame, readable: Mask) -> tuple[Frame, Frame]:
    """Families that stand twice under one code: again in the same workbook, or with their members in another."""
    fates = deal(
        rng,
        readable[families["workbook"]],
        {"same": batch.parameters.rules["F02"] / 2, "other": batch.parameters.rules["F02"] / 2},
    )
    rows = np.concatenate([fates["same"], fates["other"]])
    again = take(families, rows)
    count, places = len(rows), np.flatnonzero(readable)
    rank = np.searchsorted(places, again["workbook"])
    elsewhere = places[other_village(rng, rank, len(places))] if count else again["workbook"]
    moved = np.arange(count) >= len(fates["same"])
    again["workbook"] = np.where(moved, elsewhere, again["workbook"])
    again["KODE_DESA"] = batch.codes[again["workbook"]]
    again["copied"] = np.ones(count, dtype=bool)
    # An older copy stays within the year; a tie is decided by the order of reading.
    shift = rng.choice([-1, 0, 1], count, p=[0.45, 0.15, 0.4]) * rng.integers(3, 30, count)
    again["TGL_PENDATAAN"] = np.minimum(again["TGL_PENDATAAN"] + shift, batch.on - 1)
    for question in ("P.04", "P.06", "P.11"):
        again[question] = np.where(likely(rng, 0.5, count), YES + NO - again[question], again[question])
    target = np.full(size(batch.families), -1)
    copied_away = moved & (again["workbook"] != families["workbook"][rows])
    target[again["family"][copied_away]] = again["workbook"][copied_away]
    followers = take(members, np.flatnonzero(target[members["family"]] >= 0))
    followers["workbook"] = target[followers["family"]]
    followers["copied"] = np.ones(size(followers), dtype=bool)
    return again, followers


def tell(rng: Generator, batch: Batch, readable: Mask) -> tuple[Frame, Frame]:
    """The rows of KELUARGA and of ANGGOTA, workbook by workbook; `readable` workbooks may share families.

    Values are still plain: codes as numbers (0 blank), dates as days, a damaged identity number as an int.
    """
    families, members = _told_families(rng, batch), _told_members(rng, batch)
    members = concat([members, _guests(rng, batch, families, members)])
    members = take(members, np.lexsort((members["NO_URUT"], members["family"])))
    visit = batch.families["visit"][members["family"]]
    _dirty_identities(rng, batch, members)
    _dirty_facts(rng, batch, members, visit)
    again, followers = _copies(rng, batch, families, members, readable)
    families, members = concat([families, again]), concat([members, followers])
    families = take(families, np.lexsort((families["family"], families["copied"], families["workbook"])))
    order = np.lexsort((members["NO_URUT"], members["family"], members["copied"], members["workbook"]))
    return families, take(members, order)


def first_of_family(members: Frame) -> Mask:
    """Whether a member is the first of its family in its workbook."""
    return np.asarray(rank_within(members["workbook"], members["family"]) == 0)
