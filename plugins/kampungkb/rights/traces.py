"""Where a person leaves traces: `include/reference/person_traces.yaml`, and the SQL conditions that follow from it.

The conditions are written once for DuckDB (files of the lake) and PostgreSQL (tables of the warehouse).
"""

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from kampungkb.errors import ConfigurationError
from kampungkb.settings import INCLUDE
from kampungkb.yaml_text import load_yaml

TRACES_FILE = INCLUDE / "reference" / "person_traces.yaml"
LANDING = "landing/"
NIK_FIRST = ("nik", "nik_name", "nik_birth")
"""Kinds whose first column is an identity number."""
Keys = Mapping[str, tuple[str, ...]]
Matches = Callable[[str, str], str]
"""From a kind and the SQL of a value to the SQL condition that the value is the person's."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Clearing(_Strict):
    """Columns that become null where any of the kinds in `where` is the person's."""

    where: dict[str, tuple[str, ...]]
    columns: tuple[str, ...]


class Facts(_Strict):
    """Columns of a person's own row (or its family's): its key in the source, name, family code, family card."""

    key: str | None = None
    name: str | None = None
    family: str | None = None
    card: str | None = None


class Trace(_Strict):
    """What an erasure does with a kind of file or a table; see the head of the YAML file."""

    delete: dict[str, tuple[str, ...]] = {}
    clear: tuple[Clearing, ...] = ()
    orphan: dict[str, tuple[str, ...] | str] = {}
    facts: Facts = Facts()
    pseudonyms: tuple[str, ...] = ()
    others: bool = False
    keep: str | None = None
    remove: str | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        acts = bool(self.delete or self.clear or self.orphan)
        if acts + (self.keep is not None) + (self.remove is not None) != 1:
            raise ValueError("a trace is deleted or cleared, kept, or removed: one of these")
        if self.orphan and "members" not in self.orphan:
            raise ValueError("`orphan` names the file of the members")
        return self

    @property
    def kinds(self) -> set[str]:
        """The kinds of values that decide about its rows."""
        keys = [self.delete, self.orphan_keys, *(clearing.where for clearing in self.clear)]
        return {kind_of(name) for each in keys for name in each}

    @property
    def orphan_keys(self) -> Keys:
        """The kinds and columns of `orphan`."""
        return {name: columns for name, columns in self.orphan.items() if isinstance(columns, tuple)}


class Traces(_Strict):
    """Kinds of files by pattern below the lake, and below the home beside it, tables by name."""

    lake: dict[str, Trace]
    home: dict[str, Trace]
    warehouse: dict[str, Trace]

    @property
    def blocked_kinds(self) -> set[str]:
        """The kinds of values that keep a person out of later extractions."""
        landed = (trace for pattern, trace in self.lake.items() if pattern.startswith(LANDING))
        return {kind for trace in landed for kind in trace.kinds}


def kind_of(name: str) -> str:
    """The kind behind a key: one that stands twice in a row is declared again as `<kind>_too`."""
    return name.removesuffix("_too")


def fits(path: str, pattern: str) -> bool:
    """Whether a path fits a pattern whose `*` stays within one folder."""
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


@cache
def load_traces(path: Path = TRACES_FILE) -> Traces:
    """Read the traces; raises :class:`ConfigurationError` that names the wrong entry."""
    try:
        return Traces.model_validate(load_yaml(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as fault:
        raise ConfigurationError(f"The traces in {path.name} cannot be used: {fault}. Correct the file.") from None


def term(column: str) -> str:
    """SQL of a column, or of an expression in parentheses, as text that can be compared."""
    return rf"upper(trim(regexp_replace({_text(column)}, '\s+', ' ', 'g')))"


def value(kind: str, columns: Sequence[str]) -> str:
    """SQL of what some columns say together; null where one of them is. Of a NIK only the digits count."""
    terms = [term(column) for column in columns]
    if kind in NIK_FIRST:
        terms[0] = f"regexp_replace({_text(columns[0])}, '[^0-9]', '', 'g')"
    return " || '|' || ".join(terms)


def _text(column: str) -> str:
    source = column if column.startswith("(") else quoted(column)
    return f"replace(cast({source} as varchar), chr(160), ' ')"


def said(*parts: object) -> str:
    """The same of values in hand.

    >>> said("family_survey", " siti  Aminah")
    'FAMILY_SURVEY|SITI AMINAH'
    """
    return "|".join(" ".join(str(part).split()).upper() for part in parts)


def condition(keys: Keys, matches: Matches) -> str:
    """SQL: any of the kinds is the person's; never null."""
    terms = [matches(kind_of(name), value(kind_of(name), columns)) for name, columns in keys.items()]
    return f"coalesce({' or '.join(f'coalesce({each}, false)' for each in terms)}, false)" if terms else "false"


def quoted(name: str) -> str:
    """A column name as SQL identifier."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
