"""Small tools over columns: a frame is a dictionary of NumPy arrays of one length; days count from 1970-01-01."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Array = NDArray[Any]
Frame = dict[str, Array]
Texts = NDArray[np.object_]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


def size(frame: Frame) -> int:
    """The number of rows."""
    return len(next(iter(frame.values())))


def take(frame: Frame, rows: Array) -> Frame:
    """The rows at these positions (or under this mask), in this order, as a copy."""
    return {name: column[rows] for name, column in frame.items()}


def concat(frames: Sequence[Frame]) -> Frame:
    """The rows of all frames one after the other; columns are those of the first."""
    return {name: np.concatenate([frame[name] for frame in frames]) for name in frames[0]}


def texts(values: Iterable[Any]) -> Texts:
    """An object array of these values, whatever they are."""
    return np.fromiter(values, dtype=object)


def where_known(known: Mask, values: Array) -> Texts:
    """The values as objects, None where they are not known."""
    told = values.astype(object)
    told[~known] = None
    return told


def blank_rows(values: Texts) -> Ints:
    """The positions of what is None."""
    return np.flatnonzero(np.fromiter((value is None for value in values), dtype=bool)).astype(np.int64)


def digits(numbers: Ints, width: int) -> Texts:
    """Numbers as text with leading zeros.

    >>> digits(np.array([7, 42]), 3).tolist()
    ['007', '042']
    """
    if not len(numbers):
        return np.empty(0, dtype=object)
    return np.char.mod(f"%0{width}d", numbers).astype(object)


def parts(days: Ints) -> tuple[Ints, Ints, Ints]:
    """Year, month and day of the month.

    >>> [int(part[0]) for part in parts(np.array([20_000]))]
    [2024, 10, 4]
    """
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    year = dates.astype("datetime64[Y]").astype(np.int64) + 1970
    return year, months.astype(np.int64) % 12 + 1, (dates - months).astype(np.int64) + 1


def days_of(year: Ints, month: Ints, day: Ints) -> Ints:
    """Days from year, month, day; a day beyond the month's end runs into the next month."""
    months = (year - 1970) * 12 + month - 1
    return np.asarray(months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + day - 1)


def ages(birth: Ints, on: Ints | int) -> Ints:
    """Full years from `birth` to `on`."""
    born, when = parts(birth), parts(np.broadcast_to(np.asarray(on, dtype=np.int64), birth.shape))
    earlier = (when[1] * 100 + when[2]) < (born[1] * 100 + born[2])
    return np.asarray(when[0] - born[0] - earlier)


def rank_within(*keys: Array) -> Ints:
    """For each row how many rows before it have the same keys.

    >>> rank_within(np.array([5, 3, 5, 5])).tolist()
    [0, 0, 1, 2]
    """
    order = np.lexsort(keys[::-1])
    changed = np.ones(len(order), dtype=bool)
    for key in keys:
        ordered = key[order]
        changed[1:] &= ordered[1:] == ordered[:-1]
    starts = ~changed
    starts[:1] = True
    positions = np.arange(len(order))
    first = np.maximum.accumulate(np.where(starts, positions, 0))
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = positions - first
    return ranks


def pick(rng: Generator, options: Sequence[Any], count: int, shares: Sequence[float] | None = None) -> Array:
    """`count` draws from `options`, with the given shares (of any sum) or alike."""
    weights = None if shares is None else np.asarray(shares, dtype=float) / sum(shares)
    return np.asarray(texts(options)[rng.choice(len(options), count, p=weights)])


def likely(rng: Generator, share: float | Array, count: int) -> Mask:
    """True with the given probability, row by row."""
    return np.asarray(rng.random(count) < share)


def deal(rng: Generator, eligible: Mask, shares: Mapping[str, float]) -> dict[str, Ints]:
    """Disjoint random rows for several fates; shares are of all rows, and a share above 0 gets one row at least.

    Where eligible rows run out, the later fates go short.
    """
    pool = rng.permutation(np.flatnonzero(eligible)).astype(np.int64)
    dealt: dict[str, Ints] = {}
    for fate, share in shares.items():
        wanted = max(1, round(share * len(eligible))) if share > 0 else 0
        dealt[fate], pool = np.sort(pool[:wanted]), pool[wanted:]
    return dealt


def draw(rng: Generator, eligible: Mask, share: float) -> Ints:
    """Random eligible rows, `share` of all rows, one at least where the share is above 0."""
    return deal(rng, eligible, {"": share})[""]
