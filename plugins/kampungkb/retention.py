"""Retention: delete what is older than `retention.yaml` of the reference allows, and record what went.

What comes in: a run, whose `as_of` is the day to count from. What goes out: one line a subject (a kind of folder or a
table of the warehouse) with what was deleted, also in `ops.retention_run`. Nothing that a load still needs is deleted:
the newest snapshot of each source, the newest results, the latest load.
"""

import logging
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from kampungkb import lake
from kampungkb.errors import ConfigurationError, WarehouseError
from kampungkb.landing import latest_snapshot, snapshot_path, snapshots
from kampungkb.lineage.transport import events_folder
from kampungkb.orchestration.journal import runs_folder
from kampungkb.refs import Deleted, Retention
from kampungkb.reporting.action_lists import default_folder
from kampungkb.run import JAKARTA, SOURCES, Run
from kampungkb.settings import INCLUDE, Settings
from kampungkb.warehouse.connect import reason, warehouse
from kampungkb.warehouse.locks import PUBLISH, wait_for
from kampungkb.warehouse.migrate import migrate
from kampungkb.warehouse.models import Base, LoadRun
from kampungkb.yaml_text import load_yaml

log = logging.getLogger(__name__)

NAME = "retention.yaml"
LIMITS_FILE = INCLUDE / "reference" / NAME
RESULTS = ("accepted", "persons", "scores")
Limit = Literal["landing", "results", "action_lists", "quarantine", "run_logs", "history", "access_log"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rows(_Strict):
    """Rows of a table that fall under a limit: an SQL condition over `:before`."""

    limit: Limit
    where: str = Field(pattern=":before")


class Limits(_Strict):
    """Days by limit, and the tables of the warehouse in the order of deletion."""

    days: dict[Limit, int]
    warehouse: dict[str, Rows]

    def before(self, limit: Limit, today: date) -> date:
        """The first day that is kept."""
        return today - timedelta(days=self.days[limit])


def load_limits(path: Path = LIMITS_FILE) -> Limits:
    """Read the limits; raises :class:`ConfigurationError` that names the wrong entry."""
    try:
        limits = Limits.model_validate(load_yaml(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as fault:
        raise ConfigurationError(f"The limits in {path.name} cannot be used: {fault}. Correct the file.") from None
    unknown = sorted(set(limits.warehouse) - set(Base.metadata.tables))
    if unknown or min(limits.days.values()) < 1:
        raise ConfigurationError(
            f"The limits in {path.name} are at least one day, and its tables exist; wrong: "
            f"{', '.join(unknown) or 'a limit under one day'}. Correct the file."
        )
    return limits


def apply_retention(run: Run, dry_run: bool = False) -> Retention:
    """Delete from the lake, the run logs and the warehouse what is over its limit on `run.as_of`.

    `dry_run` counts and deletes nothing. No load publishes meanwhile. Raises :class:`WarehouseError` where the
    warehouse fails; files that are gone by then stay gone, and the next run records the rest.
    """
    limits, started = load_limits(run.settings.reference(NAME)), datetime.now(UTC)
    try:
        with warehouse(run.settings, run.connections) as engine:
            migrate(engine)
            with engine.begin() as connection:
                wait_for(connection, PUBLISH)
                done = [
                    *_files(run.settings, limits, run.as_of, dry_run),
                    *_rows(connection, limits, run.as_of, dry_run),
                ]
                if not dry_run:
                    rows = [{"started_at": started, "as_of": run.as_of, **each.model_dump()} for each in done]
                    connection.execute(insert(Base.metadata.tables["ops.retention_run"]), rows)
    except SQLAlchemyError as fault:
        raise WarehouseError(
            f"The retention could not finish in the warehouse: {reason(fault)}. Run it again; what was deleted stays "
            "deleted."
        ) from None
    for each in done:
        log.info("%s: %d before %s", each.subject, each.deleted, each.before)
    return Retention(as_of=run.as_of, dry_run=dry_run, deleted=tuple(done))


def expired_snapshots(settings: Settings, source: str, before: date) -> list[Path]:
    """Folders of a source's snapshots older than `before`, never the newest and the newest good one.

    Snapshots of the sample and of real data are counted apart; a snapshot that was held back is not good.
    """
    found = list(snapshots(settings, source))
    newest = [next(m for m in found if m.sample == sample) for sample in {m.sample for m in found}]
    good = [latest_snapshot(settings, source, sample=m.sample) for m in newest]
    needed = {m.snapshot_id for m in (*newest, *good) if m is not None}
    return [snapshot_path(settings, m) for m in found if m.as_of < before and m.snapshot_id not in needed]


def expired_results(settings: Settings, kind: str, before: date) -> list[Path]:
    """Folders `lake/<kind>/<as_of>` older than `before`, never the newest."""
    folders = sorted((settings.lake / kind).glob("????-??-??"))
    return [folder for folder in folders[:-1] if folder.name < before.isoformat()]


def expired_action_lists(settings: Settings, before: date) -> list[Path]:
    """Folders of action lists by name of loads before `before`."""
    folders = sorted(default_folder(settings).glob("????-??-??"))
    return [folder for folder in folders if folder.name < before.isoformat()]


def expired_logs(folder: Path, before: date) -> list[Path]:
    """Files of a folder (journals and logs of runs, lineage events) last written before `before`, in Asia/Jakarta."""
    start = datetime.combine(before, datetime.min.time(), JAKARTA).timestamp()
    return [path for path in sorted(folder.glob("*")) if path.stat().st_mtime < start]


def _files(settings: Settings, limits: Limits, today: date, dry_run: bool) -> Iterable[Deleted]:
    before: Mapping[Limit, date] = {limit: limits.before(limit, today) for limit in limits.days}
    expired = {
        **{f"landing/{s}": ("landing", expired_snapshots(settings, s, before["landing"])) for s in SOURCES},
        **{kind: ("results", expired_results(settings, kind, before["results"])) for kind in RESULTS},
        "action_lists": ("action_lists", expired_action_lists(settings, before["action_lists"])),
        "runs": ("run_logs", expired_logs(runs_folder(settings), before["run_logs"])),
        "openlineage": ("run_logs", expired_logs(events_folder(settings), before["run_logs"])),
    }
    for subject, (limit, paths) in expired.items():
        for path in () if dry_run else paths:
            _delete(path)
        yield Deleted(subject=subject, before=before[limit], deleted=len(paths))  # type: ignore[index]


def _delete(path: Path) -> None:
    """Delete a folder or file; a folder disappears at once, so that none is ever half there.

    Not while something is landed beside it: that sweeps what others have left, and would take away what we delete.
    """
    if path.is_dir():
        with lake.one_at_a_time(path.parent):
            leaving = path.rename(path.with_name(f"{lake.PARTIAL}expired-{path.name}"))
            shutil.rmtree(leaving)
    else:
        path.unlink()


def _rows(connection: Connection, limits: Limits, today: date, dry_run: bool) -> Iterable[Deleted]:
    latest = connection.execute(select(func.max(LoadRun.as_of))).scalar_one()
    for table, rows in limits.warehouse.items():
        before = min(day for day in (limits.before(rows.limit, today), latest) if day is not None)
        verb = "select count(*) from" if dry_run else "delete from"
        result = connection.execute(text(f"{verb} {table} where {rows.where}"), {"before": before})
        yield Deleted(subject=table, before=before, deleted=result.scalar_one() if dry_run else result.rowcount)
