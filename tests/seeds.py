"""Seeds of tests that take long: the first in every run, the others in `make test-long`."""

from typing import Any

import pytest


def seeds(count: int) -> list[Any]:
    return [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, count))]
