"""The rules in words: `docs/reference/rules/`, one page a rule and an index, made from the suites.

`python -m kampungkb.validation.reference` writes the pages and removes those of rules that are no more.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from kampungkb.settings import EXPECTATIONS, PROJECT_ROOT
from kampungkb.validation.staging import TABLES
from kampungkb.validation.suites import Expectation, Meta, Sentence, Suite, read_suite

FOLDER = PROJECT_ROOT / "docs" / "reference" / "rules"
INDEX = "README.md"

WEIGHT = {"critical": 4, "warning": 2, "info": 1}
EFFECT = {
    "reject": "the row is rejected and stands in quarantine (`action` is `row`)",
    "null": "the row is accepted, the value becomes missing and stands in quarantine (`action` is `value`)",
    "count": "the row is accepted as it is; only the quality score sees it",
    "file": "the whole workbook is rejected (`action` is `file`); its last good reading stands in",
}


@dataclass(frozen=True)
class Rule:
    """A rule of one table: the expectations that share its id."""

    source: str
    suite: Suite
    expectations: Sequence[Expectation]

    @property
    def meta(self) -> Meta:
        """Dimension, severity and effect, in which all expectations of a rule agree."""
        return self.expectations[0].meta

    @property
    def id(self) -> str:
        """The id that people know."""
        return self.meta.rule

    @property
    def columns(self) -> list[str]:
        """The columns that the rule speaks of, in the suite's order."""
        return list(dict.fromkeys(column for each in self.expectations for column in each.meta.columns))

    @property
    def fix(self) -> Sentence | None:
        """What to do about a row that breaks the rule, where the suite says so."""
        return self.suite.meta.fixes.get(self.id)


def rules(expectations: Path = EXPECTATIONS) -> list[Rule]:
    """The rules of all suites, by source and id."""
    found = []
    for source, tables in _tables(expectations).items():
        of_source = []
        for suite in (read_suite(expectations, table) for table in tables):
            ordered = sorted(suite.expectations, key=lambda each: each.meta.rule)
            of_source += [Rule(source, suite, list(each)) for _, each in groupby(ordered, lambda e: e.meta.rule)]
        found += sorted(of_source, key=lambda rule: rule.id)
    return found


def _tables(expectations: Path) -> dict[str, tuple[str, ...]]:
    """The suites of every source, and of what is judged of several sources together; not the warehouse's audit."""
    of_sources = {table for tables in TABLES.values() for table in tables}
    names = sorted(path.stem for path in expectations.glob("*.json"))
    others = tuple(name for name in names if name not in of_sources and not name.startswith("warehouse_"))
    return {**TABLES, "several sources": others} if others else TABLES


def pages(found: Sequence[Rule]) -> dict[str, str]:
    """The text of every page by its file name."""
    return {INDEX: _index(found), **{f"{rule.id}.md": _page(rule) for rule in found}}


def _index(found: Sequence[Rule]) -> str:
    lines = [
        "# Rules",
        "",
        "*Made from `expectations/*.json` by `python -m kampungkb.validation.reference`; change the suites, not the",
        "pages. How: [add or change a rule](../../how-to/add-a-rule.md).*",
        "",
        "Each rule has a page: what breaks it, how it is checked, and what to do about it.",
    ]
    for source, of_source in groupby(found, lambda rule: rule.source):
        lines += ["", f"## `{source}`", "", "| rule | table | columns | dimension | severity | effect |"]
        lines += ["|---|---|---|---|---|---|"]
        for rule in of_source:
            meta = rule.meta
            lines.append(
                f"| [{rule.id}]({rule.id}.md) | `{rule.suite.name}` | {_shortened(rule.columns)} "
                f"| {meta.dimension or '–'} | {meta.severity} | {meta.effect} |"
            )
    lines += ["", "Effects:", "", *(f"- `{effect}`: {meaning}." for effect, meaning in EFFECT.items()), ""]
    return "\n".join(lines)


def _shortened(columns: Sequence[str]) -> str:
    """All columns, or the first and last of a long list."""
    if len(columns) <= 4:
        return _listed(columns)
    return f"`{columns[0]}` … `{columns[-1]}` ({len(columns)})"


def _listed(names: Sequence[Any]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _page(rule: Rule) -> str:
    meta = rule.meta
    dimension = meta.dimension or "none: the rule has no part in the quality score"
    lines = [
        f"# {rule.id}",
        "",
        f"*Made from `expectations/{rule.suite.name}.json` by `python -m kampungkb.validation.reference`; change the",
        "suite, not the page. [All rules](README.md)*",
        "",
        "| | |",
        "|---|---|",
        f"| source | `{rule.source}` |",
        f"| table | `{rule.suite.name}`. {rule.suite.meta.description} |",
        f"| columns | {_listed(rule.columns)} |",
        f"| dimension | {dimension} |",
        f"| severity | {meta.severity}{f' (weight {WEIGHT[meta.severity]})' if meta.dimension else ''} |",
        f"| effect | {EFFECT[meta.effect]} |",
        f"| checked | {_checked(rule)} |",
        "",
        "## What breaks it",
        "",
        "Each point is one expectation; a row that breaks any of them breaks the rule. What `X__text` and columns",
        "beside the source's own mean: [know the columns](../../how-to/add-a-rule.md#2-know-the-columns).",
        "",
    ]
    for each in rule.expectations:
        lines += _expectation(each)
    lines += ["", "## What to do", "", *_remedy(rule), ""]
    return "\n".join(lines)


def _checked(rule: Rule) -> str:
    """What one check is."""
    if rule.meta.checked == "cell":
        return "once for each cell that is not blank"
    each = "row that the rule looks at" if any(each.kwargs.get("where") for each in rule.expectations) else "row"
    several = len({each.meta.columns for each in rule.expectations}) > 1
    return f"once for each {each}{' and column' if several else ''}"


def _expectation(expectation: Expectation) -> Iterator[str]:
    meta, kwargs = expectation.meta, expectation.kwargs
    yield f"- **{meta.id}** / {meta.en}"
    if meta.repetition:
        yield f"  Rows with the same {_listed(meta.repetition.key)} repeat each other. Of those that no other rule"
        yield "  rejects the first stays, in the order"
        yield from _sql(", ".join(meta.repetition.stays_first))
        return
    yield f"  What must hold: {_condition(expectation)}"
    if "condition" in kwargs:
        yield from _sql(kwargs["condition"])
    if kwargs.get("where"):
        yield "  and it is looked at only where"
        yield from _sql(kwargs["where"])


def _sql(text: str) -> list[str]:
    return ["", "  ```sql", f"  {text}", "  ```"]


def _condition(expectation: Expectation) -> str:
    """What must hold of a row, in words. Blank cells are passed over unless it is about being blank."""
    column, kwargs = f"`{expectation.column}`", expectation.kwargs
    match expectation.type:
        case "expect_column_values_to_not_be_null":
            return f"{column} must not be missing."
        case "expect_column_values_to_be_in_set":
            return f"{column}, where there is one, must be one of {_listed(kwargs['value_set'])}."
        case "expect_column_values_to_be_between":
            return f"{column}, where there is one, must be {_bounds(kwargs)}."
        case "expect_column_value_lengths_to_be_between":
            return f"{column}, where there is one, must have a length that is {_bounds(kwargs)}."
        case "expect_column_values_to_satisfy_sql":
            return f"where there is a {column}, this must be true:"
        case _:
            arguments = json.dumps({name: value for name, value in kwargs.items() if name != "column"})
            return f"{column} must meet `{expectation.type}` with `{arguments}`."


def _bounds(kwargs: Mapping[str, Any]) -> str:
    """The bounds of a range; `min_value` and `max_value` may be left out."""
    named = (("min_value", "at least"), ("max_value", "at most"))
    return " and ".join(f"{words} {_value(kwargs[name])}" for name, words in named if kwargs.get(name) is not None)


def _value(value: Any) -> str:
    parameter = value.get("$PARAMETER") if isinstance(value, dict) else None
    if parameter == "as_of":
        return "the date of the load"
    return f"`{parameter or value}`"


def _remedy(rule: Rule) -> Iterator[str]:
    if rule.fix:
        yield f"- {rule.fix.id}"
        yield f"- *{rule.fix.en}*"
        yield ""
    if rule.meta.effect == "count":
        yield "How to find the rows: they do not stand in quarantine. `ops.check_result` counts them by village."
    else:
        yield "How to find the row: [fix a quarantined row](../../how-to/fix-a-quarantined-row.md)."


def write(folder: Path = FOLDER) -> None:
    """Write the pages into the folder; pages of rules that are no more go."""
    made = pages(rules())
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.md"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
