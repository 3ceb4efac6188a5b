"""One catalogue of texts (`include/reference/messages.yaml`), Indonesian first, English second."""

from datetime import date
from functools import cache

from pydantic import BaseModel, ConfigDict

from kampungkb.settings import INCLUDE
from kampungkb.yaml_text import load_yaml


class Message(BaseModel):
    """A text in both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    en: str


@cache
def catalogue() -> dict[str, Message]:
    """All texts by key."""
    declared = load_yaml((INCLUDE / "reference" / "messages.yaml").read_text(encoding="utf-8"))
    return {key: Message.model_validate(texts) for key, texts in declared.items()}


def message(key: str, **values: object) -> Message:
    """A text with its placeholders filled in, each language with its own words where a value is a message itself.

    Raises :class:`KeyError` for an unknown key or a missing value.
    """
    found = catalogue()[key]
    indonesian = {name: value.id if isinstance(value, Message) else value for name, value in values.items()}
    english = {name: value.en if isinstance(value, Message) else value for name, value in values.items()}
    return Message(id=found.id.format_map(indonesian), en=found.en.format_map(english))


def both(key: str, **values: object) -> str:
    """A text on one line: Indonesian, then English after a stroke (once where they are the same)."""
    text = message(key, **values)
    return text.id if text.id == text.en else f"{text.id} / {text.en}"


def number(value: float | None, decimals: int = 0) -> str:
    """A number as Indonesian writes it: `1.234,5`; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:,.{decimals}f}".translate(str.maketrans(",.", ".,"))


_MONTHS = (
    *("Januari", "Februari", "Maret", "April", "Mei", "Juni"),
    *("Juli", "Agustus", "September", "Oktober", "November", "Desember"),
)
_ENGLISH_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def long_date(on: date) -> Message:
    """A date in words: `25 Agustus 2026`, `25 August 2026`."""
    return Message(
        id=f"{on.day} {_MONTHS[on.month - 1]} {on.year}", en=f"{on.day} {_ENGLISH_MONTHS[on.month - 1]} {on.year}"
    )
