"""The trend of the soak: what grows is told, what swings or jumps once is not."""

import random

import pytest

from tests.faults.trend import trend

pytestmark = pytest.mark.unit

NIGHTS = range(21, 59)


def test_a_figure_that_grows_by_more_than_its_bound_is_not_flat() -> None:
    found = trend([(night, 100 + night) for night in NIGHTS], bound=0.1)
    assert (found.slope_per_night, found.flat) == (1, False)
    assert found.growth == pytest.approx(37 / found.median, abs=1e-4)


def test_weekly_swings_single_peaks_and_what_shrinks_are_flat() -> None:
    weekly = [(night, 50 + 10 * (night % 7)) for night in NIGHTS]
    assert trend(weekly).flat
    dice = random.Random(0)
    peaks = [(night, 100 + dice.uniform(-5, 5) + (500 if night % 9 == 0 else 0)) for night in NIGHTS]
    assert trend(peaks).flat
    assert trend([(night, 200 - night) for night in NIGHTS]).flat


def test_a_figure_that_is_always_zero_is_flat_and_one_that_comes_later_is_not() -> None:
    assert trend([(night, 0.0) for night in NIGHTS]).flat
    assert trend([(night, max(0, night - 30)) for night in NIGHTS]).flat is False


def test_too_few_nights_say_nothing() -> None:
    assert trend([(night, 100 * night) for night in range(7)]).flat is None
    assert trend([]).flat is None
