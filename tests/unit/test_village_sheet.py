"""Village sheets without a warehouse: names of files, and what counts as a change."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kampungkb.reporting.messages import Message
from kampungkb.reporting.villages import Change, VillageSheet, changes

pytestmark = pytest.mark.unit

MEASURES = ("ibangga", "ketentraman", "kemandirian", "kebahagiaan", "families", "tangguh", "berkembang", "rentan")


def village(**changed: Any) -> dict[str, Any]:
    before = {f"before_{name}": 50 for name in MEASURES}
    return {**dict.fromkeys(MEASURES, 50), **before, "before_as_of": date(2026, 11, 1), **changed}


def word(kind: str, each: str) -> Message:
    return Message(id=f"{kind} {each}", en=each)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_no_village_code_leads_out_of_the_folder(code: str) -> None:
    folder = Path("/reports/villages")
    file = VillageSheet({"village_code": code}, []).file
    assert (folder / file).resolve().parent == folder
    assert file.isascii() and file.endswith(".html")


def test_a_usual_code_is_the_name_of_its_file() -> None:
    assert VillageSheet({"village_code": "2104011001"}, []).file == "2104011001.html"


def test_only_figures_that_differ_are_changes() -> None:
    found = list(changes(village(ibangga=50.4, before_ibangga=50.1, rentan=None), word))
    assert [(each.name, each.difference) for each in found] == [("ibangga", 0.3), ("rentan", None)]
    assert [each.title.id for each in found] == ["iBangga", "category rentan"]


def test_the_first_state_is_no_change() -> None:
    assert list(changes(village(before_as_of=None, ibangga=99), word)) == []


def test_a_difference_is_as_exact_as_its_figures() -> None:
    assert Change("ibangga", Message(id="a", en="a"), 60.1, 60.4, 1).difference == 0.3
