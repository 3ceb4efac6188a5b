"""The pages lead somewhere: links reach files, commands exist, decisions are listed, settings are described."""

import re
from pathlib import Path

import pytest

from kampungkb.settings import PROJECT_ROOT, Settings

PAGES = [*sorted(PROJECT_ROOT.glob("*.md")), *sorted((PROJECT_ROOT / "docs").rglob("*.md"))]


def _name(path: Path) -> str:
    return path.relative_to(PROJECT_ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_within_the_project_reach_a_file(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_make_commands_that_a_page_names_exist(page: Path) -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert named - targets == set()


def test_every_decision_is_listed() -> None:
    folder = PROJECT_ROOT / "docs" / "decisions"
    listed = set(re.findall(r"\((\d{4}-[^)]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8")))
    assert listed == {page.name for page in folder.glob("[0-9]*.md")}


def test_every_setting_is_described() -> None:
    page = (PROJECT_ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
    described = set(re.findall(r"^\| `(KAMPUNGKB_[A-Z_]+)`", page, flags=re.MULTILINE))
    assert {f"KAMPUNGKB_{name.upper()}" for name in Settings.model_fields} <= described
