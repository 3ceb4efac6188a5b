"""Whether a figure stays flat over the nights: its slope by Theil and Sen, held against a bound."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

MOST_GROWTH = 0.10
"""By how much of its median a figure may grow from the first night that is judged to the last."""
FEWEST = 8


@dataclass(frozen=True)
class Trend:
    """What the nights say of a figure; `flat` is None where they are too few to say anything."""

    nights: int
    median: float
    slope_per_night: float
    growth: float
    bound: float
    flat: bool | None


def trend(figures: Sequence[tuple[int, float]], bound: float = MOST_GROWTH) -> Trend:
    """The trend of a figure by the number of its night.

    The slope is the median of the slopes between every two nights, which single disturbed nights do not move.
    """
    if len(figures) < 2:
        return Trend(len(figures), 0.0, 0.0, 0.0, bound, None)
    middle = median(value for _, value in figures)
    slope = median((later - value) / (night - number) for (number, value), (night, later) in combinations(figures, 2))
    growth = slope * (figures[-1][0] - figures[0][0]) / middle if middle else 0.0
    flat = growth <= bound if len(figures) >= FEWEST else None
    return Trend(len(figures), round(middle, 3), round(slope, 5), round(growth, 4), bound, flat)
