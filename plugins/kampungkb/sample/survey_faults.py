"""Break the rules of the family survey on purpose, in cells, and keep the book of it."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.random import Generator

from kampungkb.sample.batch import Batch
from kampungkb.sample.cells import EPOCH, not_a_code, not_a_date
from kampungkb.sample.dirt import damaged_number, misshapen_number
from kampungkb.sample.frames import (
    Frame,
    Ints,
    Mask,
    Texts,
    blank_rows,
    deal,
    draw,
    pick,
    rank_within,
    size,
    texts,
)
from kampungkb.sample.households import HEAD, OTHER, SPOUSE
from kampungkb.sample.ledger import Action, Ledger

NEEDED_ANSWERS = (
    *(f"P.{number:02d}" for number in range(1, 3)),
    *("P.03A", "P.03B", "P.03C", "P.03D"),
    *(f"P.{number:02d}" for number in range(4, 14)),
    *(f"P.{number:02d}" for number in range(19, 27)),
)
MEMBER_CODES = ("K.07", "K.09", "K.12", "K.13", "K.14", "K.15")
MEMBER_NEEDED = ("K.03", "K.04", "K.07", "K.09", "K.13", "K.15")


@dataclass(frozen=True)
class Sheet:
    """One sheet of all workbooks together: the plain `rows`, their `cells` and the book of planted faults."""

    rows: Frame
    cells: Frame
    ledger: Ledger


def _blank(rng: Generator, count: int) -> Texts:
    return pick(rng, (None, "", "  "), count)


def _in_some_column(
    rng: Generator, sheet: Sheet, rule: str, action: Action, rows: Ints, columns: tuple[str, ...], values: Texts
) -> None:
    chosen = [str(column) for column in pick(rng, columns, len(rows))]
    for row, column, value in zip(rows, chosen, values, strict=True):
        sheet.cells[column][row] = value
    sheet.ledger.add(rule, action, rows, chosen)


def _losers(families: Frame) -> Ints:
    """Of each repeated family code the row that has to go: all but the latest visit, then the last read."""
    order = np.lexsort((np.arange(size(families)), families["TGL_PENDATAAN"], families["family"]))
    same_as_next = families["family"][order][:-1] == families["family"][order][1:]
    return np.sort(order[:-1][same_as_next])


def repeated(families: Frame) -> Mask:
    """Whether a row's family stands in more than one row."""
    return np.asarray(np.isin(families["family"], families["family"][families["copied"]]))


def break_families(rng: Generator, batch: Batch, sheet: Sheet) -> None:
    """F01–F09, each on rows of its own; F02 and F09 stand in the rows already and are only noted."""
    rules, cells, rows, ledger = batch.parameters.rules, sheet.cells, sheet.rows, sheet.ledger
    twice = repeated(rows)
    ledger.add("F02", "row", _losers(rows), "KODE_KELUARGA")
    ledger.add("F09", "count", np.flatnonzero(rows["TGL_PENDATAAN"] < batch.on - 365), "TGL_PENDATAAN")
    fates = deal(rng, ~twice, {rule: rules[rule] for rule in ("F01", "F04", "F05", "F03", "F06", "F07", "F08")})

    broken = fates["F01"]
    codes = rows["KODE_KELUARGA"][broken]
    kinds = rng.integers(0, 4, len(broken))
    cells["KODE_KELUARGA"][broken] = texts(
        (misshapen_number(rng, code), damaged_number(code), code[:-1], None)[kind]
        for code, kind in zip(codes, kinds, strict=True)
    )
    ledger.add("F01", "row", broken, "KODE_KELUARGA")

    regency = batch.codes[0][:4]
    cells["KODE_DESA"][fates["F04"]] = pick(
        rng, (f"{regency}019999", f"{regency[:2]}.{regency[2:]}.01", None, "Dabo"), len(fates["F04"])
    )
    ledger.add("F04", "row", fates["F04"], "KODE_DESA")

    count = len(fates["F05"])
    future = EPOCH + timedelta(days=batch.on + 40)
    out_of_range = pick(rng, ("2014-12-31", future, future.isoformat(), None), count)
    cells["TGL_PENDATAAN"][fates["F05"]] = np.where(rng.random(count) < 0.5, not_a_date(rng, count), out_of_range)
    ledger.add("F05", "row", fates["F05"], "TGL_PENDATAAN")

    cards = rows["NO_KK"]
    cells["NO_KK"][fates["F03"]] = texts(misshapen_number(rng, card) for card in cards[fates["F03"]])
    ledger.add("F03", "value", fates["F03"], "NO_KK")
    cells["NO_KK"][fates["F08"]] = texts(damaged_number(card) for card in cards[fates["F08"]])
    ledger.add("F08", "count", fates["F08"], "NO_KK")
    _in_some_column(rng, sheet, "F06", "value", fates["F06"], NEEDED_ANSWERS, not_a_code(rng, len(fates["F06"])))
    blanks = _blank(rng, len(fates["F07"]))
    _in_some_column(rng, sheet, "F07", "count", fates["F07"], ("NO_KK", *NEEDED_ANSWERS), blanks)


def orphans(families: Sheet, members: Frame) -> Mask:
    """Whether a member's family has no accepted row in the member's workbook."""
    accepted = ~families.ledger.rejected(size(families.rows))
    span = int(max(families.rows["family"].max(), members["family"].max(initial=0))) + 1
    held = families.rows["workbook"][accepted] * span + families.rows["family"][accepted]
    return np.asarray(~np.isin(members["workbook"] * span + members["family"], held))


def _repeat_numbers(rng: Generator, sheet: Sheet, rows: Ints, intact: Mask) -> None:
    """NO_URUT blank, no whole number, or that of the member before (where that one stays)."""
    cells, members = sheet.cells, sheet.rows
    after_intact = np.zeros(len(intact), dtype=bool)
    after_intact[1:] = intact[:-1]
    can_repeat = after_intact[rows] & (rank_within(members["workbook"], members["family"])[rows] > 0)
    wrong = pick(rng, (None, 0, "dua", 1.5, -1), len(rows))
    repeat = can_repeat & (rng.random(len(rows)) < 0.6)
    cells["NO_URUT"][rows] = wrong
    cells["NO_URUT"][rows[repeat]] = texts(int(number) for number in members["NO_URUT"][rows[repeat] - 1])


def _dates_against_the_visit(rng: Generator, batch: Batch, sheet: Sheet, rows: Ints) -> None:
    count = len(rows)
    visit = batch.families["visit"][sheet.rows["family"][rows]]
    # Copies of a family may be of a later visit, hence the distance.
    after = texts(EPOCH + timedelta(days=int(day) + 60) for day in visit)
    kinds = rng.integers(0, 3, count)
    old = pick(rng, ("1889-03-09", "17-08-1895"), count)
    sheet.cells["K.04"][rows] = np.where(kinds == 0, after, np.where(kinds == 1, old, not_a_date(rng, count)))


def break_members(rng: Generator, batch: Batch, sheet: Sheet, families: Sheet) -> None:
    """M01–M12: the members of rejected families first, then each rule on rows of its own."""
    rules, cells, rows, ledger = batch.parameters.rules, sheet.cells, sheet.rows, sheet.ledger
    orphaned = orphans(families, rows)
    ledger.add("M01", "row", np.flatnonzero(orphaned), "KODE_KELUARGA")
    twice = np.isin(rows["family"], families.rows["family"][repeated(families.rows)])
    free = ~orphaned & ~twice
    in_couple = free & (rows["K.10"] <= SPOUSE)
    leaderless = draw(rng, in_couple, rules["M09"])
    free[leaderless] = False
    named = ("M01", "M02", "M04", "M08", "M03", "M05", "M06", "M07", "M11")
    fates = deal(rng, free, {rule: rules[rule] for rule in named})

    cells["K.10"][leaderless] = texts(int(code) for code in np.where(rows["K.10"][leaderless] == HEAD, OTHER, HEAD))
    ledger.add("M09", "count", leaderless, "K.10")

    codes = rows["KODE_KELUARGA"][fates["M01"]]
    kinds = rng.integers(0, 2, len(codes))
    cells["KODE_KELUARGA"][fates["M01"]] = texts(
        (f"{code[:10]}9{code[11:]}", damaged_number(code))[kind] for code, kind in zip(codes, kinds, strict=True)
    )
    ledger.add("M01", "row", fates["M01"], "KODE_KELUARGA")

    intact = ~orphaned
    for rule in ("M01", "M02", "M04", "M08"):
        intact[fates[rule]] = False
    _repeat_numbers(rng, sheet, fates["M02"], intact)
    ledger.add("M02", "row", fates["M02"], "NO_URUT")

    cells["K.02"][fates["M04"]] = _blank(rng, len(fates["M04"]))
    ledger.add("M04", "row", fates["M04"], "K.02")
    # Some rows break two rules at once, and quarantine must name both.
    both = fates["M04"][::5]
    unrelated = np.concatenate([fates["M08"], both])
    cells["K.10"][unrelated] = pick(rng, (None, 5, "Keponakan", "0", 9), len(unrelated))
    ledger.add("M08", "row", unrelated, "K.10")

    numbers = batch.members["nik"][rows["person"][fates["M03"]]]
    cells["K.01"][fates["M03"]] = texts(misshapen_number(rng, number) for number in numbers)
    ledger.add("M03", "value", fates["M03"], "K.01")
    cells["K.03"][fates["M05"]] = pick(rng, ("X", 3, "Pria", "L/P", 0), len(fates["M05"]))
    ledger.add("M05", "value", fates["M05"], "K.03")
    _dates_against_the_visit(rng, batch, sheet, fates["M06"])
    ledger.add("M06", "value", fates["M06"], "K.04")
    _in_some_column(rng, sheet, "M07", "value", fates["M07"], MEMBER_CODES, not_a_code(rng, len(fates["M07"])))
    _in_some_column(rng, sheet, "M11", "count", fates["M11"], MEMBER_NEEDED, _blank(rng, len(fates["M11"])))
    in_number_cell = np.flatnonzero(np.fromiter((type(cell) is int for cell in cells["K.01"]), dtype=bool))
    ledger.add("M12", "count", in_number_cell, "K.01")
    ledger.add("M11", "count", blank_rows(cells["K.01"]), "K.01")
