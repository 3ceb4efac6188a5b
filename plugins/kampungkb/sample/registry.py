"""The civil registry's view of a batch: `biodata_wni` and `data_keluarga`, with the rules R01–R09 broken."""

import numpy as np
from numpy.random import Generator

from kampungkb.sample.batch import Batch
from kampungkb.sample.dirt import misshapen_number, other_village
from kampungkb.sample.frames import (
    Frame,
    Ints,
    Mask,
    Texts,
    concat,
    deal,
    digits,
    likely,
    parts,
    pick,
    size,
    take,
    texts,
    where_known,
)
from kampungkb.sample.households import CHILD, SPOUSE, YEAR
from kampungkb.sample.ledger import Ledger
from kampungkb.sample.names import FEMALE
from kampungkb.sample.persons import DIVORCED, MARRIED

NONE, HAS = 1, 2
NO_DAY = np.iinfo(np.int64).min
CODES = ("jenis_klmin", "akta_lhr", "stat_kwn", "akta_kwn", "stat_hbkel", "stat_hidup", "flag_status")
NEEDED = ("tgl_lhr", "jenis_klmin", "stat_kwn", "akta_lhr")
FIVE_YEARS = 5 * 366
_SECONDS = 86_400


def _recorded(rng: Generator, batch: Batch) -> Mask:
    """Who is in the registry; the rate for children under one year is part of the rate for all."""
    rates, under_one = batch.parameters.errors, batch.age < 1
    share = under_one.mean()
    others = max(0.0, (rates.not_in_registry - share * rates.not_in_registry_under_one) / max(1 - share, 1e-9))
    return ~likely(rng, np.where(under_one, rates.not_in_registry_under_one, others), len(under_one))


def _changed_at(rng: Generator, batch: Batch, birth: Ints) -> Ints:
    """Seconds of the last change: mostly of the last years, some over five years ago, never before the birth."""
    count = len(birth)
    days = batch.on - 1 - np.minimum(rng.exponential(420, count), FIVE_YEARS - 40).astype(np.int64)
    old = likely(rng, batch.parameters.rules["R09"], count)
    days = np.where(old, batch.on - rng.integers(FIVE_YEARS + 1, FIVE_YEARS + 900, count), days)
    days = np.minimum(np.maximum(days, birth), batch.on - 1)
    return np.asarray(days * _SECONDS + rng.integers(7 * 3600, 17 * 3600, count))


def _parents(batch: Batch, rows: Ints) -> dict[str, Texts]:
    """Identity numbers and names of the parents who live in the family of a child."""
    members, count = batch.members, len(batch.families["village"])
    adults = members["relation"] <= SPOUSE
    mother, father = np.full(count, -1), np.full(count, -1)
    women = members["sex"] == FEMALE
    mother[members["family"][adults & women]] = np.flatnonzero(adults & women)
    father[members["family"][adults & ~women]] = np.flatnonzero(adults & ~women)
    child, family = members["relation"][rows] == CHILD, members["family"][rows]
    columns: dict[str, Texts] = {}
    for suffix, of_family in (("ibu", mother), ("ayah", father)):
        parent = np.where(child, of_family[family], -1)
        known = parent >= 0
        for column, source in ((f"nik_{suffix}", "nik"), (f"nama_lgkp_{suffix}", "name")):
            columns[column] = where_known(known, members[source][parent])
    return columns


def _village_numbers(codes: Texts) -> dict[str, Ints]:
    numbers = codes.astype(np.int64)
    return {
        "no_prop": numbers // 10**8,
        "no_kab": numbers // 10**6 % 100,
        "no_kec": numbers // 10**4 % 100,
        "no_kel": numbers % 10**4,
    }


def _biodata(rng: Generator, batch: Batch) -> Frame:
    members, rates = batch.members, batch.parameters.errors
    rows = np.flatnonzero(_recorded(rng, batch))
    own = take(members, rows)
    count, family, age = len(rows), own["family"], batch.age[rows]
    lost = likely(rng, np.where(age < 18, rates.certificate_not_recorded, rates.certificate_not_recorded_adult), count)
    certificate = np.where(own["certificate"] & ~lost, HAS, NONE)
    married = own["marital"] == MARRIED
    documented = batch.families["P.02"][family] == 1
    recorded = married & documented & ~likely(rng, rates.marriage_not_recorded, count)
    wedding = np.minimum(
        own["birth"] + (rng.normal(24, 3.5, count).clip(17, 40) * YEAR).astype(np.int64), batch.on - 60
    )
    gone = likely(rng, rates.gone_in_registry, count)
    dead = gone & likely(rng, 0.5, count)
    village = batch.village_of_member[rows]
    moved = likely(rng, rates.moved_village, count)
    village = np.where(moved, other_village(rng, village, len(batch.villages)), village)
    changed = _changed_at(rng, batch, own["birth"])
    birth_year, _, _ = parts(own["birth"])
    serial = digits(rng.integers(1, 99_999, count), 5)
    divorced = own["marital"] == DIVORCED
    paper = np.array(["2104-LT-"], dtype=object) + digits(birth_year, 4) + "-" + serial
    return {
        "person": rows,
        "nik": own["nik"],
        "no_kk": batch.families["no_kk"][family],
        "nama_lgkp": own["name"],
        "jenis_klmin": own["sex"],
        "tmpt_lhr": own["birth_place"],
        "tgl_lhr": own["birth"],
        "akta_lhr": certificate,
        "no_akta_lhr": where_known(certificate == HAS, paper),
        "agama": own["religion"],
        "stat_kwn": own["marital"],
        "akta_kwn": np.where(recorded, HAS, NONE),
        "no_akta_kwn": where_known(recorded, serial + "/KUA/" + digits(parts(wedding)[0], 4)),
        "tgl_kwn": np.where(married, wedding, NO_DAY),
        "akta_crai": np.where(divorced, HAS, NONE),
        "no_akta_crai": where_known(divorced, serial + "/AC/PA"),
        "tgl_crai": np.where(divorced, np.minimum(wedding + 2500, batch.on - 30), NO_DAY),
        "stat_hbkel": own["kin"],
        "pddk_akh": own["education"],
        "jenis_pkrjn": own["occupation"],
        **_parents(batch, rows),
        "stat_hidup": np.where(dead, 2, 1),
        "flag_status": np.where(gone & ~dead, 1, 0),
        **_village_numbers(batch.codes[village]),
        "tgl_entri": np.maximum(changed - rng.integers(0, 700, count) * _SECONDS, own["birth"] * _SECONDS),
        "tgl_ubah": changed,
    }


def _older_copies(rng: Generator, batch: Batch, rows: Frame, which: Ints) -> tuple[Frame, Mask]:
    """Second rows of the same persons, and whether each is the one that has to go (else its original has)."""
    copies, count = take(rows, which), len(which)
    kind = rng.choice(3, count, p=[0.7, 0.2, 0.1])  # an older row, one of the same instant, one without an instant
    birth_second = copies["tgl_lhr"] * _SECONDS
    copies["tgl_ubah"] = np.where(
        kind == 0,
        np.maximum(
            copies["tgl_ubah"] - rng.integers(1, 300, count) * _SECONDS,
            np.minimum(birth_second, copies["tgl_ubah"] - 1),
        ),
        np.where(kind == 1, copies["tgl_ubah"], NO_DAY),
    )
    copies["akta_lhr"] = NONE + HAS - copies["akta_lhr"]
    # At the same instant the row that sorts last stays: akta_lhr is the first column in which the two differ.
    goes = (kind != 1) | (copies["akta_lhr"] == NONE)
    return copies, goes


def _break(rng: Generator, batch: Batch, rows: Frame) -> tuple[Frame, Ledger]:
    rules, ledger, count = batch.parameters.rules, Ledger("biodata_wni"), size(rows)
    fates = deal(
        rng,
        np.ones(count, dtype=bool),
        {rule: rules[rule] for rule in ("R01", "R02", "R03", "R04", "R05", "R06", "R07", "R08")},
    )
    copies, goes = _older_copies(rng, batch, rows, fates["R02"])
    ledger.add("R02", "row", np.where(goes, count + np.arange(len(goes)), fates["R02"]), "nik")
    for row in fates["R01"]:
        rows["nik"][row] = (misshapen_number(rng, rows["nik"][row])[:16], rows["nik"][row][:15], None)[
            int(rng.integers(3))
        ]
    ledger.add("R01", "row", fates["R01"], "nik")
    rows["nama_lgkp"][fates["R03"]] = pick(rng, (None, "", "   "), len(fates["R03"]))
    ledger.add("R03", "row", fates["R03"], "nama_lgkp")
    late = likely(rng, 0.5, len(fates["R04"]))
    rows["tgl_lhr"][fates["R04"]] = np.where(
        late, batch.on + rng.integers(30, 400, len(late)), batch.on - rng.integers(45_000, 60_000, len(late))
    )
    ledger.add("R04", "value", fates["R04"], "tgl_lhr")
    columns = [str(column) for column in pick(rng, CODES, len(fates["R05"]))]
    for row, column in zip(fates["R05"], columns, strict=True):
        rows[column][row] = 99
    ledger.add("R05", "value", fates["R05"], columns)
    rows["no_kk"][fates["R06"]] = texts(f"{card[:6]}999999{card[12:]}" for card in rows["no_kk"][fates["R06"]])
    ledger.add("R06", "count", fates["R06"], "no_kk")
    rows["no_kel"][fates["R07"]] = 9999
    ledger.add("R07", "count", fates["R07"], "no_kel")
    columns = [str(column) for column in pick(rng, NEEDED, len(fates["R08"]))]
    for row, column in zip(fates["R08"], columns, strict=True):
        rows[column][row] = NO_DAY
    ledger.add("R08", "count", fates["R08"], columns)
    every = concat([rows, copies])
    aged = (every["tgl_ubah"] != NO_DAY) & (every["tgl_ubah"] < (batch.on - FIVE_YEARS) * _SECONDS)
    ledger.add("R09", "count", np.flatnonzero(aged), "tgl_ubah")
    return every, ledger


def record_persons(rng: Generator, batch: Batch) -> tuple[Frame, Ledger]:
    """`biodata_wni` with `person` (position in the batch) beside; dates are days, timestamps seconds, `NO_DAY` null."""
    return _break(rng, batch, _biodata(rng, batch))


def record_cards(rng: Generator, batch: Batch) -> Frame:
    """`data_keluarga`: one row for each family of the batch."""
    families, members = batch.families, batch.members
    count = size(families)
    head = np.full(count, None, dtype=object)
    heads = members["relation"] == 1
    head[members["family"][heads]] = members["name"][heads]
    return {
        "no_kk": families["no_kk"],
        "nama_kep": head,
        "alamat": families["address"],
        "no_rt": families["rt"].astype(np.int64),
        "no_rw": families["rw"].astype(np.int64),
        **_village_numbers(batch.codes[families["village"]]),
        "tgl_ubah": _changed_at(rng, batch, np.full(count, batch.on - FIVE_YEARS * 2)),
    }
