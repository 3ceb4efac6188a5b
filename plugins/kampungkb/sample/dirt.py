"""Dirt on single values: identity numbers mistyped or damaged, dates swapped or mistaken."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from kampungkb.sample.frames import Array, Ints, Texts, days_of, parts, texts


def mistyped_number(rng: Generator, number: str) -> str:
    """The number with one digit wrong or two neighbours swapped, of the same length and never the same."""
    place = int(rng.integers(len(number) - 1))
    left, right = number[place], number[place + 1]
    if rng.random() < 0.35 and left != right:
        return number[:place] + right + left + number[place + 2 :]
    wrong = str((int(left) + int(rng.integers(1, 10))) % 10)
    return number[:place] + wrong + number[place + 1 :]


def misshapen_number(rng: Generator, number: str) -> str:
    """The number with a digit missing, a letter O for a zero or another digit, or dashes: no longer all digits."""
    place = int(rng.integers(1, len(number)))
    kind = int(rng.integers(3))
    if kind == 0:
        return number[:place] + number[place + 1 :]
    if kind == 1:
        return number[:place] + "O" + number[place + 1 :]
    return f"{number[:6]}-{number[6:9]}{number[10:]}"


def damaged_number(number: str) -> int:
    """The number as a spreadsheet's number cell keeps it: 15 digits, the rest zero.

    >>> damaged_number("2104011203890007")
    2104011203890000
    """
    return int(number[:15].ljust(len(number), "0"))


def change_each(values: Texts, rows: Ints, change: Callable[[str], object]) -> None:
    """Replace the values in these rows, in place."""
    values[rows] = texts(change(value) for value in values[rows])


def swapped_days(birth: Ints) -> Ints:
    """The dates with day and month swapped; unchanged where the day is no month."""
    year, month, day = parts(birth)
    return np.asarray(np.where(day <= 12, days_of(year, day, month), birth))


def mistaken_days(rng: Generator, birth: Ints) -> Ints:
    """The dates wrong by some days, some whole years, or both."""
    off = rng.integers(1, 28, len(birth)) * rng.choice([-1, 1], len(birth))
    years = rng.integers(1, 4, len(birth)) * rng.choice([-1, 1], len(birth))
    year, month, day = parts(birth)
    other_year = days_of(year + years, month, np.minimum(day, 28))
    kind = rng.random(len(birth))
    return np.asarray(np.where(kind < 0.5, birth + off, np.where(kind < 0.85, other_year, other_year + off)))


def first_of_january(birth: Ints) -> Ints:
    """The first of January of the same year."""
    year, month, _ = parts(birth)
    return days_of(year, np.ones_like(month), np.ones_like(month))


def not_after(dirty: Ints, clean: Ints, limit: Ints | int) -> Ints:
    """The dirty dates where they stay within the limit, else the clean ones: an error that no rule would find."""
    return np.asarray(np.where(dirty <= limit, dirty, clean))


def other_village(rng: Generator, village: Array, count: int) -> Ints:
    """Another village than each one's own, among `count`; the same where there is only one."""
    if count == 1:
        return np.asarray(village, dtype=np.int64)
    return np.asarray((village + rng.integers(1, count, len(village))) % count)
