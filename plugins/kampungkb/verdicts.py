"""What the gates found in a landed snapshot and what was decided: `lake/gates/<source>/<snapshot>.json`.

A snapshot is judged once, before its first use. One that was held back is never replayed, never stands in and is
never built upon; a verdict without a decision waits for a person. Counts and codes only, no personal values.
"""

import os
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from kampungkb import lake
from kampungkb.errors import KampungkbError
from kampungkb.settings import Settings

Level = Literal["open", "suspicious", "closed"]
LEVELS: tuple[Level, ...] = ("open", "suspicious", "closed")
UNKNOWN_VILLAGE = "unknown"
ACCEPT = "Terima / Accept"
HOLD_BACK = "Tahan / Hold back"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Profile(_Frozen):
    """The counts of one delivery that later ones are compared with.

    `read` and `rejected` are landed and rejected rows by table, `rules` rejected rows by rule,
    `villages` accepted rows by table and village, `codes` accepted rows by table, coded column and value (missing: the
    empty text). `counted_from` is a digest of the files and columns that were counted.
    """

    read: dict[str, int]
    rejected: dict[str, int]
    rules: dict[str, int] = {}
    villages: dict[str, dict[str, int]]
    codes: dict[str, dict[str, dict[str, int]]]
    counted_from: str | None = None


class Outcome(_Frozen):
    """One gate at one subject (a table or column): measured value, what is usual, the limits, and what follows.

    `report_only`: the level is shown and has no effect, for want of history; `loads` is how many earlier loads it
    rests on (0 where none is needed). `usual` is null where the limits are absolute.
    """

    gate: Literal["drift", "volume", "rejected", "distribution", "villages"]
    subject: str
    level: Level
    report_only: bool = False
    measured: float | None = None
    usual: float | None = None
    suspicious_limit: str | None = None
    closed_limit: str | None = None
    loads: int = 0
    reason: str

    @property
    def effect(self) -> Level:
        """The level that counts."""
        return "open" if self.report_only else self.level


class Decision(_Frozen):
    """Whether a delivery may be used. `by` is the user, `gate` where none was needed or asked, else `default`."""

    accepted: bool
    by: str
    by_default: bool = False
    at: datetime


class Verdict(_Frozen):
    """A snapshot, what the gates found in it, and the decision; null while a person is asked.

    `asked_in` is the run that judged it, and that asks where somebody has to be asked.
    """

    source: str
    snapshot_id: str
    as_of: date
    origin: str
    sample: bool
    profile: Profile
    outcomes: tuple[Outcome, ...]
    asked_in: str
    decision: Decision | None = None

    @property
    def level(self) -> Level:
        """The gravest level that counts."""
        return max((outcome.effect for outcome in self.outcomes), key=LEVELS.index, default="open")

    @property
    def findings(self) -> tuple[Outcome, ...]:
        """The outcomes that are not open and count, the gravest first."""
        found = [outcome for outcome in self.outcomes if outcome.effect != "open"]
        return tuple(sorted(found, key=lambda outcome: LEVELS.index(outcome.effect), reverse=True))

    @property
    def held_back(self) -> bool:
        """Whether it was decided that this snapshot is not used."""
        return self.decision is not None and not self.decision.accepted

    @property
    def reason(self) -> str:
        """Who held the snapshot back and the figures, in one sentence."""
        who = self.decision.by if self.decision and self.decision.by != "gate" else "a gate"
        found = self.findings
        more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
        figures = "; ".join(f"{outcome.gate}: {outcome.reason}" for outcome in found[:3])
        return f"The delivery {self.snapshot_id} was held back by {who}: {figures}{more}."


def verdict_path(settings: Settings, source: str, snapshot_id: str) -> Path:
    """Where the verdict on a snapshot stands."""
    return settings.lake / "gates" / source / f"{snapshot_id}.json"


def read_verdict(settings: Settings, source: str, snapshot_id: str) -> Verdict | None:
    """The verdict on a snapshot, None where it was not judged yet; raises :class:`KampungkbError` where unreadable."""
    path = verdict_path(settings, source, snapshot_id)
    try:
        return Verdict.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as fault:
        raise KampungkbError(
            f"The verdict of the gates on snapshot {snapshot_id} of {source} cannot be read ({type(fault).__name__}). "
            f"Remove {path} and run again: the snapshot is then judged anew."
        ) from None


def write_verdict(settings: Settings, verdict: Verdict) -> None:
    """Write a verdict whole or not at all, readable by the owner alone."""
    path = verdict_path(settings, verdict.source, verdict.snapshot_id)
    lake.private_folder(path.parent)
    partial = path.with_name(f".{path.name}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as opened:
        opened.write(verdict.model_dump_json(indent=1))
    os.replace(partial, path)


def latest_verdict(settings: Settings, source: str, as_of: date) -> Verdict | None:
    """The verdict on the last delivery of a date, None where none was judged."""
    return next((verdict for verdict in verdicts(settings, source, as_of.isoformat())), None)


def verdicts(settings: Settings, source: str, day: str = "*") -> Iterator[Verdict]:
    """The verdicts on a source's deliveries (of one ISO date), the newest first."""
    names = [path.stem for path in (settings.lake / "gates" / source).glob(f"{day}.*.json")]
    for name in sorted(names, key=lambda n: (n.rpartition(".")[0], int(n.rpartition(".")[2])), reverse=True):
        if (verdict := read_verdict(settings, source, name)) is not None:
            yield verdict


def is_held_back(settings: Settings, source: str, snapshot_id: str) -> bool:
    """Whether a snapshot must not be used."""
    verdict = read_verdict(settings, source, snapshot_id)
    return verdict is not None and verdict.held_back
