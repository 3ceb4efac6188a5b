"""Contract drift: columns that differ from the contract, and what is new about them since the last good delivery."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby

from kampungkb.gates.thresholds import Change, DriftLimits, Response
from kampungkb.sources.protocol import Drift, Manifest
from kampungkb.verdicts import Level, Outcome

ALIKE = 0.6
LONG_NUMBER = re.compile(r"\d{6,}")
_DETAIL = {"unknown": "is not in the contract", "missing": "is missing", "repeated": "stands twice"}
_LEVEL: dict[Response, Level] = {"report": "open", "suspicious": "suspicious", "closed": "closed"}


@dataclass(frozen=True)
class Changed:
    """A column of a table that differs. `share` of the workbooks have it so (1 where there are none)."""

    table: str
    column: str
    change: Change
    share: float
    detail: str

    @property
    def key(self) -> tuple[str, str, Change]:
        """What makes it the same change on another night."""
        return self.table, self.column, self.change

    @property
    def reason(self) -> str:
        """The change in words."""
        return LONG_NUMBER.sub("…", f"{self.table}.{self.column} {self.detail}")

    @property
    def subject(self) -> str:
        """Table and column; a header that holds a long number is no name, and the number may be a person's."""
        return LONG_NUMBER.sub("…", f"{self.table}.{self.column}")


def drift(tonight: Manifest, before: Manifest | None, limits: DriftLimits) -> Iterator[Outcome]:
    """One outcome a column that differs from the contract or has another type than in the delivery `before`.

    What stood in that delivery already, in as large a share of the workbooks, is no news and stays open; without one
    there is nothing to compare with, and all is reported only.
    """
    known = {c.key for c in changes(before, None) if c.share >= limits.least_share} if before else set()
    for changed in changes(tonight, before):
        news = changed.key not in known and changed.share >= limits.least_share
        response = limits.response(changed.change)
        yield Outcome(
            gate="drift",
            subject=changed.subject,
            level=_LEVEL[response] if news else "open",
            report_only=before is None,
            measured=changed.share,
            suspicious_limit=changed.change if response == "suspicious" else None,
            closed_limit=changed.change if response == "closed" else None,
            reason=changed.reason,
        )


def changes(tonight: Manifest, before: Manifest | None) -> Iterator[Changed]:
    """The columns that differ, a missing and a new one that seem to be the same as one renamed column."""
    workbooks = tonight.tables.get("workbooks")
    files = workbooks.rows if workbooks else 1
    for table, group in groupby(sorted(tonight.drift, key=lambda d: d.table), key=lambda d: d.table):
        found = list(group)
        old = before.types.get(table, {}) if before else {}
        new_names = renames(found, old, tonight.types.get(table, {}))
        for each in found:
            share = min(each.files / max(files, 1), 1.0)
            if each.change == "missing" and each.column in new_names:
                detail = f"is missing and seems to be renamed to {new_names[each.column]}"
                yield Changed(each.table, each.column, "renamed", share, detail)
            elif not (each.change == "unknown" and each.column in new_names.values()):
                yield Changed(each.table, each.column, each.change, share, _DETAIL[each.change])
    for table, types in tonight.types.items() if before else ():
        for column, kind in types.items():
            was = before.types.get(table, {}).get(column) if before else None
            if was is not None and was != kind:
                yield Changed(table, column, "retyped", 1.0, f"was {was} and is {kind}")


def renames(found: list[Drift], before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """The new name of each missing column for which one is likely, each name once.

    Likely is the new column whose name is most alike (ratio of :data:`ALIKE` and above), else the only new column of
    the kind of values that the missing one had in the delivery before.
    """
    missing = sorted(d.column for d in found if d.change == "missing")
    unknown = sorted(d.column for d in found if d.change == "unknown")
    pairs = sorted(
        ((_alike(old, new), old, new) for old in missing for new in unknown), key=lambda p: (-p[0], p[1], p[2])
    )
    named: dict[str, str] = {}
    for ratio, old, new in pairs:
        if ratio >= ALIKE and old not in named and new not in named.values():
            named[old] = new
    gone = [old for old in missing if old in before and old not in named]
    for old in gone:
        same_kind = [new for new in unknown if new not in named.values() and now.get(new) == before[old]]
        rivals = [other for other in gone if other not in named and before[other] == before[old]]
        if len(same_kind) == 1 and rivals == [old]:
            named[old] = same_kind[0]
    return named


def _alike(one: str, other: str) -> float:
    one, other = ("".join(filter(str.isalnum, name.casefold())) for name in (one, other))
    return SequenceMatcher(None, one, other).ratio()
