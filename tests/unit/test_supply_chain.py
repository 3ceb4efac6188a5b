"""What the product is made of: each locked package has its licence listed, and an audit takes no silence for good."""

import json
import re
import runpy

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kampungkb.settings import PROJECT_ROOT

pytestmark = pytest.mark.unit

LISTED_UNDER = {"python_version": "3.11", "python_full_version": "3.11.9", "sys_platform": "linux"}
verdict = runpy.run_path(str(PROJECT_ROOT / ".ci" / "audit.py"))["verdict"]


def test_every_locked_package_stands_among_the_licences_in_its_version() -> None:
    lock = (PROJECT_ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    locked = [Requirement(line.rstrip("\\ ")) for line in lock.splitlines() if re.match(r"[a-z0-9]", line)]

    def stated(each: Requirement) -> tuple[str, str]:
        return canonicalize_name(each.name), str(each.specifier).removeprefix("==")

    wanted = {stated(each) for each in locked if each.marker is None or each.marker.evaluate(LISTED_UNDER)}
    page = (PROJECT_ROOT / "docs" / "reference" / "licences.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", page, flags=re.MULTILINE)
    listed = {(canonicalize_name(name), version) for name, version, _ in rows if name != "Name"}
    assert wanted <= listed <= {stated(each) for each in locked}
    assert "UNKNOWN" not in page


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], 0, "1 packages looked up"),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}],
            1,
            "a 1: CVE-1, corrected in 2",
        ),
        (
            [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}],
            2,
            "1 of 2 packages are unknown",
        ),
    ],
)
def test_an_audit_is_good_only_where_every_package_was_looked_up(
    packages: list[dict[str, object]], code: int, said: str
) -> None:
    found, lines = verdict(json.dumps({"dependencies": packages, "fixes": []}))
    assert found == code and said in lines[0]


def test_an_audit_without_an_answer_says_so() -> None:
    assert verdict("") == (2, [verdict("")[1][0]]) and "could not be reached" in verdict("")[1][0]
