"""One catalogue of texts (`include/reference/messages.yaml`), Indonesian first, English second."""

from functools import cache

import yaml
from pydantic import BaseModel, ConfigDict

from kampungkb.settings import INCLUDE


class Message(BaseModel):
    """A text in both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    en: str


@cache
def catalogue() -> dict[str, Message]:
    """All texts by key."""
    declared = yaml.safe_load((INCLUDE / "reference" / "messages.yaml").read_text(encoding="utf-8"))
    return {key: Message.model_validate(texts) for key, texts in declared.items()}


def message(key: str, **values: object) -> Message:
    """A text with its placeholders filled in; raises :class:`KeyError` for an unknown key or a missing value."""
    found = catalogue()[key]
    return Message(id=found.id.format_map(values), en=found.en.format_map(values))


def both(key: str, **values: object) -> str:
    """A text on one line: Indonesian, then English after a stroke (once where they are the same)."""
    text = message(key, **values)
    return text.id if text.id == text.en else f"{text.id} / {text.en}"


def number(value: float | None, decimals: int = 0) -> str:
    """A number as Indonesian writes it: `1.234,5`; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:,.{decimals}f}".translate(str.maketrans(",.", ".,"))
