"""The words of the page: the catalogue of messages, and the names that rules, indicators and sectors carry."""

from functools import cache
from typing import Any

from kampungkb.reporting.messages import catalogue
from kampungkb.scoring.reading import load_methodology
from kampungkb.ui.reading import Row
from kampungkb.validation.reference import rules


@cache
def words() -> Row:
    """Texts by key, each with `id` and `en`: messages, names of the methodology, sentences and remedies of rules."""
    methodology = load_methodology()
    named = {
        "dimension": methodology.dimensions,
        "category": methodology.categories.levels,
        "sector": methodology.sectors,
        "function": methodology.functions,
        "indicator": methodology.indicators,
    }
    return {
        "messages": {key: text.model_dump() for key, text in catalogue().items()},
        "names": {kind: {item.id: item.title.model_dump() for item in items} for kind, items in named.items()},
        "rules": {rule.id: _rule(rule) for rule in rules()},
    }


def _rule(rule: Any) -> Row:
    sentences = {expectation.meta.id: expectation.meta.en for expectation in rule.expectations}
    return {
        "sentences": [{"id": indonesian, "en": english} for indonesian, english in sentences.items()],
        "fix": rule.fix.model_dump() if rule.fix else None,
        "columns": rule.columns,
    }
