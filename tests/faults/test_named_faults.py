"""Faults by name over the tasks of the DAG: each is told clearly, changes nothing, and the next run gives the truth."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kampungkb.run import SOURCES
from tests.faults.conftest import Nights
from tests.faults.steps import STEPS, Handed, Step, after

pytestmark = pytest.mark.faults

PREPARE = Step("prepare")
INSURANCE = Step("extract", SOURCES[-1])


# ── disk ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def small_disk(folder: Path, kib: int) -> Iterator[None]:
    """Put a file system of that much free room under a folder, with what the folder holds."""
    moved = folder.with_name("moved")
    shutil.move(folder, moved)
    folder.mkdir(mode=0o700)
    used = sum(-(-path.stat().st_size // 4096) * 4 + 4 for path in moved.rglob("*"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={used + kib}k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        folder.rmdir()
        shutil.move(moved, folder)
        pytest.skip("a file system can be mounted by root alone")
    try:
        shutil.copytree(moved, folder, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()
        shutil.move(moved, folder)


@pytest.mark.parametrize("kib", [0, 16])
def test_a_full_disk_is_named_and_the_load_goes_on_when_there_is_room(nights: Nights, kib: int) -> None:
    handed = nights.put_back(PREPARE)
    lake = nights.world.home / "lake"
    with small_disk(lake, kib):
        fault = nights.world.refused(nights.tonight, handed=handed)
        assert "No space left" in fault.message or "disk" in fault.message, fault
        begun = time.monotonic()
        subprocess.run(["mount", "-o", "remount,size=64m", str(lake)], check=True)
        nights.world.load(nights.tonight, handed, after(fault.step))
        nights.reconcile("disk full in the lake", begun)


# ── insurance ────────────────────────────────────────────────────────────────────────────────────────────────────

ERRORS = (500, 503, 429, "hang", "cut", "json", "code", "total")


@pytest.fixture
def impatient(nights: Nights) -> Iterator[Nights]:
    nights.put_back(PREPARE)
    fields = nights.world.api.connection()
    fields["extra"] |= {"timeout": 0.5}
    nights.world.variables["AIRFLOW_CONN_HEALTH_INSURANCE"] = json.dumps(fields)
    yield nights
    nights.world.api.always, nights.world.api.faults = None, {}
    nights.world.variables.clear()


@pytest.mark.parametrize("error", ERRORS)
def test_an_insurance_service_that_errs_once_is_asked_again(impatient: Nights, error: object) -> None:
    impatient.world.api.faults = {1: [error]}
    begun = time.monotonic()
    impatient.world.load(impatient.world.order(impatient.tonight.as_of))
    impatient.reconcile("insurance service hangs, cuts, lies: once", begun)


@pytest.mark.parametrize("error", ERRORS)
def test_an_insurance_service_that_errs_all_night_is_stood_in_for_and_read_by_the_next_run(
    impatient: Nights, error: object
) -> None:
    impatient.world.api.always = error
    handed = Handed()
    order = impatient.world.order(impatient.tonight.as_of)
    impatient.world.load(order, handed, STEPS[: STEPS.index(INSURANCE) + 1])
    assert handed[str(INSURANCE)]["stale"]
    impatient.world.api.always = None
    begun = time.monotonic()
    impatient.world.load(order)
    impatient.reconcile("insurance service hangs, cuts, lies: all night", begun)
