"""The health insurer's view of a batch: one entry a card, with the rules J01–J09 broken."""

import numpy as np
from numpy.random import Generator

from kampungkb.sample.batch import Batch
from kampungkb.sample.dirt import (
    change_each,
    misshapen_number,
    mistaken_days,
    mistyped_number,
    not_after,
    other_village,
)
from kampungkb.sample.frames import (
    Frame,
    Ints,
    Texts,
    blank_rows,
    concat,
    deal,
    digits,
    draw,
    likely,
    pick,
    size,
    take,
    texts,
    where_known,
)
from kampungkb.sample.ledger import Ledger
from kampungkb.sample.names import MALE, mistype
from kampungkb.sample.persons import NO_COVER

PBI, PRIVATE = 1, 3
ACTIVE = "0"
STATUS = {ACTIVE: "AKTIF", "1": "NON AKTIF", "2": "NON AKTIF PREMI", "6": "PENANGGUHAN PEMBAYARAN"}
KINDS = {"21": "PBI (APBN)", "22": "PBI (APBD)", "3": "PEGAWAI SWASTA", "14": "PEKERJA MANDIRI", "1": "PNS PUSAT"}
_CARDS = 10**9
_SPREAD = 387_420_489  # coprime to 10^9: distinct numbers stay distinct


def card_numbers(ordinal: Ints) -> Texts:
    """Card numbers of 13 digits, a different one for each ordinal below 10^9."""
    return np.asarray(np.array(["0001"], dtype=object) + digits((ordinal * _SPREAD + 20_140_101) % _CARDS, 9))


def _iso(days: Ints) -> Texts:
    return np.datetime_as_string(days.astype("datetime64[D]")).astype(object)


def _instants(seconds: Ints) -> Texts:
    return np.asarray(np.datetime_as_string(seconds.astype("datetime64[s]")).astype(object) + "+07:00")


def _inactive(rng: Generator, count: int) -> Texts:
    return pick(rng, ("1", "2", "6"), count, (0.5, 0.35, 0.15))


def _entries(rng: Generator, batch: Batch) -> Frame:
    members, rates = batch.members, batch.parameters.errors
    rows = np.flatnonzero(~likely(rng, rates.no_insurance_record, size(members)))
    own, count = take(members, rows), len(rows)
    active = (own["cover"] != NO_COVER) & (own["cover"] != PRIVATE)
    subsidised = np.where(active, own["cover"] == PBI, likely(rng, 0.5, count))
    kind = np.where(
        subsidised, pick(rng, ("21", "22"), count, (0.75, 0.25)), pick(rng, ("3", "14", "1"), count, (0.4, 0.5, 0.1))
    )
    begun = np.maximum(batch.on - rng.integers(200, 4200, count), np.minimum(own["birth"], batch.on - 1))
    # Some stay "active" with a cover that has run out: the date decides.
    run_out = ~active & likely(rng, 0.06, count)
    ended = np.maximum(begun, batch.on - rng.integers(5, 900, count))
    open_end = np.where(active, likely(rng, 0.7, count), ~run_out & likely(rng, 0.3, count))
    ends = _iso(np.where(active, batch.on + rng.integers(30, 3000, count), ended))
    village = batch.village_of_member[rows]
    moved = likely(rng, rates.moved_village, count)
    village = np.where(moved, other_village(rng, village, len(batch.villages)), village)
    provider = rng.integers(0, len(batch.names.providers), count)
    updated = (batch.on - rng.integers(2, 330, count)) * 86_400 + rng.integers(0, 86_400, count)
    birth = own["birth"].copy()
    wrong = draw(rng, np.ones(count, dtype=bool), rates.insurance_birth_date_wrong)
    birth[wrong] = not_after(mistaken_days(rng, birth[wrong]), birth[wrong], batch.on - 1)
    names, numbers = own["name"].copy(), own["nik"].copy()
    change_each(
        names, draw(rng, np.ones(count, dtype=bool), rates.insurance_name_mistyped), lambda name: mistype(rng, name)
    )
    fates = deal(
        rng,
        np.ones(count, dtype=bool),
        {"missing": rates.insurance_nik.missing, "mistyped": rates.insurance_nik.mistyped},
    )
    numbers[fates["missing"]] = None
    change_each(numbers, fates["mistyped"], lambda number: mistyped_number(rng, number))
    status = np.where(active | run_out, ACTIVE, _inactive(rng, count)).astype(object)
    return {
        "person": rows,
        "noKartu": card_numbers(2 * (batch.first_person + rows)),
        "nik": numbers,
        "nama": names,
        "sex": np.where(own["sex"] == MALE, "L", "P").astype(object),
        "tglLahir": _iso(birth),
        "statusPeserta.kode": status,
        "jenisPeserta.kode": kind.astype(object),
        "hakKelas.kode": np.where(subsidised, "3", pick(rng, ("1", "2", "3"), count, (0.2, 0.3, 0.5))).astype(object),
        "provUmum.kdProvider": digits(3_210_401 + provider, 8),
        "provUmum.nmProvider": texts(batch.names.providers)[provider],
        "kodeDesa": batch.codes[village],
        "tglTMT": _iso(begun),
        "tglTAT": where_known(~open_end, ends),
        "updatedAt": _instants(updated),
        "kodeKabupaten": np.full(count, batch.codes[0][:4], dtype=object),
    }


def _second_cards(rng: Generator, batch: Batch, rows: Frame) -> Frame:
    again = take(rows, draw(rng, np.ones(size(rows), dtype=bool), batch.parameters.errors.two_cards))
    count = size(again)
    again["noKartu"] = card_numbers(2 * (batch.first_person + again["person"]) + 1)
    other = again["statusPeserta.kode"] == ACTIVE
    again["statusPeserta.kode"] = np.where(other, _inactive(rng, count), ACTIVE).astype(object)
    return again


def _differing_copies(rng: Generator, rows: Frame, which: Ints) -> tuple[Frame, Ints]:
    """Second entries of the same cards, and the place of each that stays: 1 the original, 0 the copy."""
    copies, count = take(rows, which), len(which)
    was_active = copies["statusPeserta.kode"] == ACTIVE
    copies["statusPeserta.kode"] = np.where(was_active, _inactive(rng, count), ACTIVE).astype(object)
    kind = rng.choice(3, count, p=[0.7, 0.2, 0.1])  # an older entry, one of the same instant, one without an instant
    instants = texts(value[:19] for value in copies["updatedAt"]).astype("datetime64[s]").astype(np.int64)
    older = _instants(instants - rng.integers(1, 30 * 86_400, count))
    copies["updatedAt"] = where_known(kind != 2, np.where(kind == 0, older, copies["updatedAt"]))
    # At the same instant the entry that sorts last stays: the status is the first column in which the two differ.
    original_stays = (kind != 1) | (copies["statusPeserta.kode"] == ACTIVE)
    return copies, original_stays.astype(np.int64)


def _break(rng: Generator, batch: Batch, rows: Frame) -> tuple[Frame, Ledger]:
    rules, ledger, count = batch.parameters.rules, Ledger("peserta"), size(rows)
    fates = deal(
        rng,
        np.ones(count, dtype=bool),
        {rule: rules[rule] for rule in ("J01", "J02", "J03", "J04", "J05", "J06", "J07", "J08", "J09")},
    )
    copies, original_stays = _differing_copies(rng, rows, fates["J02"])
    ledger.add(
        "J02", "row", np.where(original_stays == 1, count + np.arange(len(original_stays)), fates["J02"]), "noKartu"
    )
    for row in fates["J01"]:
        rows["noKartu"][row] = (rows["noKartu"][row][:12], misshapen_number(rng, rows["noKartu"][row]), None)[
            int(rng.integers(3))
        ]
    ledger.add("J01", "row", fates["J01"], "noKartu")
    rows["nama"][fates["J03"]] = pick(rng, (None, "", "  "), len(fates["J03"]))
    ledger.add("J03", "row", fates["J03"], "nama")
    true_numbers = batch.members["nik"][rows["person"][fates["J04"]]]
    rows["nik"][fates["J04"]] = texts(misshapen_number(rng, number) for number in true_numbers)
    ledger.add("J04", "value", fates["J04"], "nik")
    wrong = pick(
        rng,
        [
            ("sex", "X"),
            ("tglLahir", "1985-02-30"),
            ("tglLahir", "00-00-0000"),
            ("tglTMT", "segera"),
            ("updatedAt", "kemarin"),
        ],
        len(fates["J05"]),
    )
    for row, (column, value) in zip(fates["J05"], wrong, strict=True):
        rows[column][row] = value
    ledger.add("J05", "value", fates["J05"], [column for column, _ in wrong])
    begun = texts(rows["tglTMT"][fates["J06"]]).astype("datetime64[D]").astype(np.int64)
    rows["tglTAT"][fates["J06"]] = _iso(begun - rng.integers(1, 400, len(begun)))
    ledger.add("J06", "value", fates["J06"], "tglTMT")
    ledger.add("J06", "value", fates["J06"], "tglTAT")
    rows["kodeDesa"][fates["J07"]] = batch.codes[0][:6] + "9999"
    ledger.add("J07", "count", fates["J07"], "kodeDesa")
    columns = [str(column) for column in pick(rng, ("tglLahir", "kodeDesa"), len(fates["J08"]))]
    for row, column in zip(fates["J08"], columns, strict=True):
        rows[column][row] = None
    ledger.add("J08", "count", fates["J08"], columns)
    long_ago = (batch.on - rng.integers(400, 1200, len(fates["J09"]))) * 86_400 + 36_000
    rows["updatedAt"][fates["J09"]] = _instants(long_ago)
    ledger.add("J09", "count", fates["J09"], "updatedAt")
    every = concat([rows, copies])
    ledger.add("J08", "count", blank_rows(every["nik"]), "nik")
    return every, ledger


def list_entries(rng: Generator, batch: Batch) -> tuple[Frame, Ledger]:
    """The insurer's entries with dotted names, and `person` (position in the batch) beside."""
    rows = _entries(rng, batch)
    rows, ledger = _break(rng, batch, concat([rows, _second_cards(rng, batch, rows)]))
    told = {
        "statusPeserta": STATUS,
        "jenisPeserta": KINDS,
        "hakKelas": {"1": "KELAS I", "2": "KELAS II", "3": "KELAS III"},
    }
    for field, words in told.items():
        rows[f"{field}.keterangan"] = texts(words[code] for code in rows[f"{field}.kode"])
    return rows, ledger
