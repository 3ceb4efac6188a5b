"""A short soak: a week of nights with changes and faults, the truth reconciled; `make soak` makes the long one."""

import math
from pathlib import Path

import pytest

from kampungkb.warehouse import embedded
from tests.faults.plot import plot
from tests.faults.soak import SUNDAY, Asked, curves, run
from tests.faults.world import FIRST

pytestmark = pytest.mark.faults

NIGHTS = SUNDAY - FIRST.weekday() + 2  # the last measured one is a Sunday, on which retention runs


def test_a_week_of_nights_ends_with_what_a_load_from_nothing_gives(
    embedded_server: embedded.ServerInfo, tmp_path: Path
) -> None:
    nights, verdict = run(tmp_path, embedded_server, Asked(NIGHTS, families=30, seed=3))
    assert (verdict["lost"], verdict["doubled"], verdict["persons_apart"], verdict["remains"]) == (0, 0, 0, [])
    assert verdict["loaded_rows"] == verdict["source_rows"]
    assert verdict["passed"]
    assert verdict["faults"], "no fault came up: take another seed"
    assert nights[-1].deleted is not None
    assert all(night.seconds > 0 and night.peak_mib > 0 for night in nights)
    drawn = plot(curves(nights))
    assert drawn.count("<polyline") == len(curves(nights)) and "nan" not in drawn
    assert all(math.isfinite(value) for curve in curves(nights) for value in curve.values)
