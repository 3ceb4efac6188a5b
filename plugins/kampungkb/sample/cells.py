"""Cells as people fill them in: codes as number, text or label, dates in every form, names in any case."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from kampungkb.sample.frames import Ints, Texts, likely, pick, texts

NUMBER, TEXT, LABEL, LABEL_LOWER, LABEL_UPPER, TEXT_SPACED, TEXT_ZERO = range(7)
DATE_CELL, ISO, DASHES, SLASHES = range(4)
UPPER, TITLE, MIXED_SPACES = range(3)
EPOCH = datetime.date(1970, 1, 1)


class ErrorCell(str):
    """A spreadsheet error such as #N/A, not a text that looks like one."""


@dataclass(frozen=True)
class Styles:
    """How each workbook is filled in; one entry a workbook."""

    code: Ints
    date: Ints
    name: Ints


def draw_styles(rng: Generator, workbooks: int) -> Styles:
    """Every workbook has its own habits."""
    return Styles(
        code=rng.choice([NUMBER, TEXT, LABEL, LABEL_UPPER], workbooks, p=[0.5, 0.2, 0.2, 0.1]),
        date=rng.choice([DATE_CELL, ISO, DASHES, SLASHES], workbooks, p=[0.5, 0.15, 0.2, 0.15]),
        name=rng.choice([UPPER, TITLE, MIXED_SPACES], workbooks, p=[0.6, 0.3, 0.1]),
    )


def _with_exceptions(rng: Generator, habit: Ints, forms: int, share: float) -> Ints:
    return np.asarray(np.where(likely(rng, share, len(habit)), rng.integers(0, forms, len(habit)), habit))


def _forms(code: int, labels: Sequence[str]) -> list[object]:
    label = labels[0] if labels else None
    written = [label, label.lower(), label.upper()] if label else [code, str(code), code]
    return [code, str(code), *written, f" {code} ", f"{code:02d}"]


def code_cells(
    rng: Generator,
    values: Ints,
    codes: Mapping[int | str, Sequence[str]] | None,
    habit: Ints,
    second: Ints | None = None,
) -> Texts:
    """Codes as cells; 0 is a blank. `habit` is each row's form, kept but for a few cells.

    `second` says which rows use the second label of a code that has two.
    """
    greatest = max(int(values.max(initial=0)), 1)
    labels = {int(code): tuple(written) for code, written in (codes or {}).items()}
    table = np.full((2, TEXT_ZERO + 1, greatest + 1), None, dtype=object)
    for code in range(1, greatest + 1):
        own = labels.get(code, ())
        for which in (0, 1):
            table[which, :, code] = texts(_forms(code, own[min(which, len(own) - 1) :] if own else ()))
    form = _with_exceptions(rng, habit, TEXT_ZERO + 1, 0.05)
    return np.asarray(table[np.zeros_like(values) if second is None else second, form, values])


def date_cells(rng: Generator, days: Ints, habit: Ints) -> Texts:
    """Dates as cells: date cells and three forms of text."""
    form = _with_exceptions(rng, habit, SLASHES + 1, 0.06)
    distinct, place = np.unique(days, return_inverse=True)
    table = np.empty((SLASHES + 1, len(distinct)), dtype=object)
    for column, day in enumerate(distinct.tolist()):
        date = EPOCH + datetime.timedelta(days=day)
        iso = date.isoformat()
        year, month, number = iso.split("-")
        table[:, column] = [date, iso, f"{number}-{month}-{year}", f"{number}/{month}/{year}"]
    return np.asarray(table[form, place])


def name_cells(names: Texts, habit: Ints) -> Texts:
    """Names as cells: in capitals, in title case, or with stray spaces."""
    written = names.copy()
    titled = habit == TITLE
    written[titled] = texts(name.title() for name in names[titled])
    spaced = habit == MIXED_SPACES
    written[spaced] = texts(f" {name.replace(' ', '  ', 1)}" if len(name) % 5 == 0 else name for name in names[spaced])
    return written


def text_cells(rng: Generator, values: Texts) -> Texts:
    """Identity numbers and other text; a few with a space around."""
    written = values.copy()
    spaced = np.flatnonzero(likely(rng, 0.01, len(values)))
    written[spaced] = texts(f" {value}" if isinstance(value, str) else value for value in values[spaced])
    return written


def not_a_code(rng: Generator, count: int) -> Texts:
    """Values that are no code and no label of any column of the form."""
    return pick(rng, (99, "?", "tidak tahu", "0", -1, 1.5, ErrorCell("#N/A")), count)


def not_a_date(rng: Generator, count: int) -> Texts:
    """Values that are no date: impossible, two-digit year, a bare number, words."""
    return pick(rng, ("31-02-2020", "12/03/85", 31_415, "bulan lalu", "2020-13-01", ErrorCell("#VALUE!")), count)
