"""Rules about data, read from `expectations/<table>.json`: Great Expectations suites whose `meta` names the rule.

A suite is a suite as Great Expectations stores it; what this product adds stands in the `meta` of each expectation
(:class:`Meta`). Nothing else in the code knows what a rule says.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kampungkb.errors import ConfigurationError

Dimension = Literal["completeness", "validity", "uniqueness", "consistency", "currentness", "accuracy"]
Severity = Literal["critical", "warning", "info"]
Effect = Literal["reject", "null", "count", "file"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Repetition(_Frozen):
    """Which rows repeat each other, and which of them stays: the first by `stays_first` (SQL order terms).

    Decided among the rows that no other rule rejects. `row_text` in an order term is the row's contract columns
    joined by U+001F. The row's place among its repetitions is the column `place`, from 1.
    """

    key: tuple[str, ...] = Field(min_length=1)
    stays_first: tuple[str, ...] = Field(min_length=1)


class Meta(_Frozen):
    """What the product needs to know of an expectation.

    `rule` is the id people know (F01, M03, …), `id` and `en` its sentence in Indonesian and English. `effect`:
    `reject` the row, make the value of each of `columns` `null`, only `count`, or mark the `file`. `checked` says
    what one check is: the landed `row`, or the `cell` where it is not blank. Without a `dimension` the rule does
    not count in the quality score.
    """

    rule: str = Field(pattern=r"^[A-Z][0-9]{2}$")
    dimension: Dimension | None = None
    severity: Severity
    effect: Effect
    columns: tuple[str, ...] = Field(min_length=1)
    checked: Literal["row", "cell"] = "row"
    repetition: Repetition | None = None
    id: str
    en: str

    @property
    def reason(self) -> str:
        """The sentence that stands in quarantine: Indonesian first."""
        return f"{self.id} / {self.en}"


class Expectation(_Frozen):
    """One expectation: a type of Great Expectations, its arguments, and what it means here."""

    type: str
    kwargs: dict[str, Any]
    meta: Meta

    @model_validator(mode="after")
    def _rows_are_not_filtered(self) -> "Expectation":
        # GX leaves a row condition out of the query that lists the failing rows.
        if self.kwargs.get("row_condition") is not None:
            raise ValueError("row_condition is not supported; use `where` of expect_column_values_to_satisfy_sql")
        if self.kwargs.get("mostly", 1) != 1:
            raise ValueError("mostly is not supported: a rule holds for every row")
        return self

    @property
    def column(self) -> str:
        """The staged column that the expectation looks at; where it is null, most expectations do not look."""
        return str(self.kwargs["column"])


class Sentence(_Frozen):
    """One sentence for people, in Indonesian and in English."""

    id: str
    en: str


class _SuiteMeta(_Frozen):
    description: str
    key: tuple[str, ...] = ()
    fixes: dict[str, Sentence] = Field(default_factory=dict)


class Suite(_Frozen):
    """The rules of one table. `key` names the columns that make a source record's key.

    `fixes` says for a rule what to do about a row that breaks it.
    """

    name: str
    meta: _SuiteMeta
    expectations: tuple[Expectation, ...]

    @model_validator(mode="after")
    def _a_rule_means_one_thing(self) -> "Suite":
        seen: dict[str, tuple[Any, ...]] = {}
        for meta in (expectation.meta for expectation in self.expectations):
            meaning = (meta.dimension, meta.severity, meta.effect)
            if seen.setdefault(meta.rule, meaning) != meaning:
                raise ValueError(f"{meta.rule} has two dimensions, severities or effects")
        if unknown := sorted(self.meta.fixes.keys() - seen.keys()):
            raise ValueError(f"meta.fixes names rules that the suite does not have: {', '.join(unknown)}")
        if sum(expectation.meta.repetition is not None for expectation in self.expectations) > 1:
            raise ValueError("one repetition rule a table is supported")
        return self

    @property
    def of_single_rows(self) -> dict[int, Expectation]:
        """Expectations by number that a row meets or breaks by itself, whatever other rows hold."""
        return {n: e for n, e in enumerate(self.expectations) if e.meta.repetition is None}

    @property
    def of_repetition(self) -> dict[int, Expectation]:
        """Expectations by number about rows that repeat each other, decided after the others."""
        return {n: e for n, e in enumerate(self.expectations) if e.meta.repetition is not None}


def _faults(error: ValidationError) -> Iterable[str]:
    for fault in error.errors(include_input=False, include_url=False):
        yield f"{'.'.join(str(part) for part in fault['loc']) or 'suite'}: {fault['msg']}"


def read_suite(folder: Path, name: str) -> Suite:
    """Read `<folder>/<name>.json`; raises :class:`ConfigurationError` that names the file and every fault."""
    path = folder / f"{name}.json"
    try:
        return Suite.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ConfigurationError(f"The suite {path.name} is missing from {folder}. Restore it.") from None
    except json.JSONDecodeError as fault:
        raise ConfigurationError(
            f"The suite {path.name} is not JSON: {fault.msg} in line {fault.lineno}. Correct the file."
        ) from None
    except ValidationError as error:
        raise ConfigurationError(
            f"The suite {path.name} cannot be used: {'; '.join(_faults(error))}. Correct the file."
        ) from None
