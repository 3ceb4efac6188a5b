"""The words of the page: every text that a module asks for stands in the catalogue, in both languages."""

import re

from kampungkb.reporting.messages import catalogue
from kampungkb.settings import PROJECT_ROOT
from kampungkb.ui.queries import QUALITY_COLUMNS
from kampungkb.ui.words import words

STATIC = PROJECT_ROOT / "plugins" / "kampungkb" / "ui" / "static"
MODULES = {path.name: path.read_text(encoding="utf-8") for path in STATIC.rglob("*.js")}
# The values that a key made of parts may take, by its beginning.
PARTS = {
    "source_": ("family_survey", "civil_registry", "health_insurance"),
    "basis_": ("survey", "integrated"),
    "ui_": QUALITY_COLUMNS[3:10],
    "ui_action_": ("row", "value", "file"),
    "ui_decision_": ("accepted", "held_back"),
    "ui_gate_": ("drift", "volume", "rejected", "distribution", "villages"),
    "ui_level_": ("open", "suspicious", "closed"),
    "ui_life_": (
        "under_five",
        "child",
        "adolescent",
        "reproductive_woman",
        "reproductive_couple",
        "productive",
        "elderly",
    ),
    "ui_review_": ("same", "different"),
    "ui_role_": ("steward", "analyst", "viewer", "village"),
    "ui_run_": ("success", "failed", "running", "queued"),
    "ui_severity_": ("critical", "warning", "info"),
    "ui_theme_": ("auto", "light", "dark"),
    "ui_view_": ("overview", "villages", "quality", "quarantine", "sources", "actions", "review"),
    "review_doubt_": ("between_thresholds", "conflict"),
    "review_fact_": ("source", "key", "name", "nik", "birth_date", "sex", "family_code", "family_card", "mother_name"),
    "review_sex_": ("1", "2"),
    "review_state_": ("open", "decided", "settled"),
    "review_verdict_": ("same", "different", "unsure"),
}


def test_every_text_that_a_module_names_is_in_the_catalogue() -> None:
    named = {key for text in MODULES.values() for key in re.findall(r'\b[tT]\(\s*"([a-z_]+)"', text)}
    named |= {key for text in MODULES.values() for key in re.findall(r'"((?:ui|review)_[a-z_]+)"', text)}
    assert len(named) > 100
    assert named - catalogue().keys() == set()


def test_every_text_made_of_parts_is_in_the_catalogue() -> None:
    begun = {start for text in MODULES.values() for start in re.findall(r"\b[tT]\([^)\n]*?`([a-z_]+_)\$\{", text)}
    assert begun - PARTS.keys() == set()
    made = {f"{start}{part}" for start, parts in PARTS.items() for part in parts}
    assert made - catalogue().keys() == set()


def test_every_text_of_the_page_is_used() -> None:
    made = {f"{start}{part}" for start, parts in PARTS.items() for part in parts}
    python = "".join(path.read_text(encoding="utf-8") for path in (PROJECT_ROOT / "plugins").rglob("*.py"))
    everything = "".join(MODULES.values()) + python
    unused = {key for key in catalogue() if key.startswith("ui_") and key not in made and f'"{key}"' not in everything}
    downloaded = {f"ui_{name}" for name in ("village", "file", "sheet", "row_number", "column_name", "rule")}
    downloaded |= {f"ui_{name}" for name in ("action", "reason", "fix", "first_seen")}
    assert unused - downloaded == set()


def test_the_words_name_rules_and_indicators_in_both_languages() -> None:
    found = words()
    assert {"F01", "M03", "R02", "J06", "A01"} <= found["rules"].keys()
    assert all(text["id"] and text["en"] for names in found["names"].values() for text in names.values())
