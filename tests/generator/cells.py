"""Spreadsheet cells, and the many ways to write one and the same answer into one."""

from dataclasses import dataclass
from datetime import date, datetime, time
from random import Random
from typing import Any

NBSP = "\u00a0"
YES_NO = {1: ["Ya"], 2: ["Tidak"]}
YES_NO_NA = {**YES_NO, 3: ["Tidak berlaku"]}
ERRORS = ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?")


def _codes(last: int) -> dict[int, list[str]]:
    return {code: [] for code in range(1, last + 1)}


FAMILY_CODES: dict[str, dict[int, list[str]]] = {
    **{f"P.{n:02d}": YES_NO for n in (1, 4, 5, 6, 7, 8, 9, 11, 12, 13)},
    **dict.fromkeys(("P.02", "P.03A", "P.03B", "P.03C", "P.03D", "P.10"), YES_NO_NA),
    **{f"P.{n}": YES_NO_NA for n in range(14, 19)},
    "P.19": _codes(6),
    "P.20": _codes(5),
    "P.21": _codes(6),
    "P.22": _codes(3),
    "P.23": _codes(5),
    "P.24": _codes(4),
    "P.25": _codes(4),
    "P.26": _codes(2),
}
MEMBER_CODES: dict[str, dict[int, list[str]]] = {
    "K.03": {1: ["Laki-laki"], 2: ["Perempuan"]},
    "K.07": {1: ["Belum kawin"], 2: ["Kawin"], 3: ["Cerai hidup"], 4: ["Cerai mati"]},
    "K.09": YES_NO,
    "K.10": {1: ["Kepala keluarga"], 2: ["Istri", "Suami"], 3: ["Anak"], 4: ["Lainnya"]},
    "K.12": {
        1: ["Islam"],
        2: ["Kristen"],
        3: ["Katolik"],
        4: ["Hindu"],
        5: ["Buddha"],
        6: ["Khonghucu"],
        7: ["Lainnya"],
    },
    "K.13": _codes(10),
    "K.14": _codes(12),
    "K.15": {1: ["PBI"], 2: ["Non-PBI"], 3: ["Swasta"], 4: ["Tidak"]},
}
FAMILY_OPTIONAL = ("RT", "RW", "ALAMAT", *(f"P.{n}" for n in range(14, 19)))
MEMBER_OPTIONAL = ("K.05", "K.11", "K.12", "K.14")
FAMILY_COLUMNS = ("KODE_KELUARGA", "NO_KK", "KODE_DESA", "RT", "RW", "ALAMAT", "TGL_PENDATAAN", *FAMILY_CODES)
MEMBER_COLUMNS = (
    "KODE_KELUARGA",
    "NO_URUT",
    *("K.01", "K.02", "K.03", "K.04", "K.05", "K.07", "K.09", "K.10", "K.11", "K.12", "K.13", "K.14", "K.15"),
)


@dataclass(frozen=True)
class Cell:
    """A cell: `kind` is blank, text, rich, number, date, boolean or error; `formula` means by its cached value."""

    kind: str
    value: Any = None
    formula: bool = False


BLANK = Cell("blank")


def text(value: str) -> Cell:
    return Cell("text", value)


def number(value: float) -> Cell:
    return Cell("number", value)


def error(value: str = "#N/A", formula: bool = False) -> Cell:
    return Cell("error", value, formula)


def blank(rng: Random) -> Cell:
    """One of the cells that hold nothing: empty, or only white space."""
    spaces = rng.choice((" ", "   ", NBSP, f" {NBSP} ", "\t", "\n"))
    return rng.choice((BLANK, BLANK, BLANK, text(spaces), Cell("text", " ", formula=True)))


def _any_case(rng: Random, label: str) -> str:
    return rng.choice((label, label.lower(), label.upper(), f" {label} ", label.title()))


def code(rng: Random, value: int | None, labels: dict[int, list[str]]) -> Cell:
    """A code in one of its equal forms: number, text, padded, with a leading zero, label."""
    if value is None:
        return blank(rng)
    forms = [
        number(value),
        number(float(value)),
        text(str(value)),
        text(f" {value} "),
        Cell("number", value, formula=True),
        Cell("text", str(value), formula=True),
    ]
    if value < 10:
        forms.append(text(f"0{value}"))
    if labels.get(value):
        forms += [text(_any_case(rng, rng.choice(labels[value])))] * 3
    return rng.choice(forms)


def integer(rng: Random, value: int | None) -> Cell:
    return code(rng, value, {})


def day(rng: Random, value: date | None) -> Cell:
    """A date as a date cell (with a time of day, or by formula) or as text in one of the three forms."""
    if value is None:
        return blank(rng)
    written = (value.isoformat(), f"{value:%d-%m-%Y}", f"{value:%d/%m/%Y}")
    if value < date(1904, 1, 2):  # before the epoch of one of the two date systems of spreadsheets
        return text(rng.choice(written))
    return rng.choice(
        (
            Cell("date", value),
            Cell("date", value),
            Cell("date", datetime.combine(value, time(rng.randrange(24), rng.randrange(60)))),
            Cell("date", value, formula=True),
            *(text(form) for form in written),
            text(f" {rng.choice(written)} "),
        )
    )


def identity(rng: Random, value: str | None) -> Cell:
    """An identity number as text: bare, padded with white space, formatted in parts, or by formula."""
    if value is None:
        return blank(rng)
    return rng.choice(
        (
            text(value),
            text(value),
            text(value),
            text(f" {value}"),
            text(f"{value}  "),
            text(f"{value}{NBSP}"),
            Cell("rich", value),
            Cell("text", value, formula=True),
        )
    )


def words(rng: Random, value: str | None) -> Cell:
    return blank(rng) if value is None else rng.choice((text(value), text(f" {value} "), Cell("text", value, True)))
