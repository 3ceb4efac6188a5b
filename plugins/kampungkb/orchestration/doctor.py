"""`kampungkb doctor`: what keeps the next load from ending well, found before the night instead of in it.

Comes in: a run (settings and connections). Goes out: findings, each a text of the catalogue. No data is changed, and a
check that fails does not keep the others from being made. Findings hold no personal data and no secret.
"""

import logging
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

import yaml
from alembic.script import ScriptDirectory
from packaging.requirements import Requirement
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from kampungkb import lake
from kampungkb.connections import CIVIL_REGISTRY, FAMILY_WORKBOOKS, HEALTH_INSURANCE, WAREHOUSE
from kampungkb.contracts import contract
from kampungkb.errors import ConfigurationError, KampungkbError
from kampungkb.key_ring import keys_of
from kampungkb.pseudonym import pseudonym
from kampungkb.refs import Health
from kampungkb.run import CONNECTION_OF_SOURCE, SOURCES, Run
from kampungkb.settings import INCLUDE, Settings
from kampungkb.warehouse import embedded
from kampungkb.warehouse.connect import reason, warehouse
from kampungkb.warehouse.migrate import alembic_config
from kampungkb.yaml_text import load_yaml

log = logging.getLogger(__name__)

LIMITS_FILE = INCLUDE / "reference" / "doctor.yaml"
State = Literal["ok", "warning", "fault"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bounds(_Strict):
    """Where a figure becomes a warning and where a fault; None where it never does."""

    warning: float | None = None
    fault: float | None = None

    def above(self, value: float) -> State:
        """The state of a figure that is bad when it is great."""
        if self.fault is not None and value > self.fault:
            return "fault"
        return "warning" if self.warning is not None and value > self.warning else "ok"

    def below(self, value: float) -> State:
        """The state of a figure that is bad when it is small."""
        if self.fault is not None and value < self.fault:
            return "fault"
        return "warning" if self.warning is not None and value < self.warning else "ok"


class Limits(_Strict):
    """The bounds of `include/reference/doctor.yaml`."""

    disk_free_gib: Bounds
    clock_seconds: Bounds
    last_load_hours: Bounds


@dataclass(frozen=True)
class Finding:
    """What a check found. `key` names the text of the catalogue that says so and what to do, with its `values`."""

    check: str
    state: State
    key: str
    values: dict[str, object] = field(default_factory=dict)


def load_limits(path: Path = LIMITS_FILE) -> Limits:
    """Read the bounds; raises :class:`ConfigurationError` that names the wrong entry."""
    try:
        return Limits.model_validate(load_yaml(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as fault:
        raise ConfigurationError(f"The bounds in {path.name} cannot be used: {fault}. Correct the file.") from None


def examine(run: Run, limits: Limits | None = None) -> list[Finding]:
    """Everything that can be known beforehand: folders, disk, versions, key, warehouse, sources."""
    bounds = limits or load_limits()
    return [
        *_guarded("folders", lambda: _folders(run.settings)),
        *_guarded("disk", lambda: _disk(run.settings, bounds.disk_free_gib)),
        *_versions(),
        *_guarded("key", lambda: _key(run)),
        *_guarded("warehouse", lambda: _warehouse(run, bounds)),
        *(found for source in SOURCES for found in _guarded(source, lambda s=source: _source(run, s))),  # type: ignore[misc]
    ]


def require_health(run: Run) -> Health:
    """The counts of findings by state; raises :class:`KampungkbError` with every fault, so that a DAG run fails."""
    from kampungkb.reporting.messages import message

    found = examine(run)
    for each in found:
        log.log(
            logging.INFO if each.state == "ok" else logging.WARNING,
            *("%s: %s. %s", each.check, each.state, message(each.key, **each.values).en),
        )
    faults = [f"{each.check}: {message(each.key, **each.values).en}" for each in found if each.state == "fault"]
    if faults:
        raise KampungkbError(" | ".join(faults))
    return Health(checks=len(found), warnings=sum(each.state == "warning" for each in found))


def _guarded(check: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of a check; an expected fault in it is its last finding."""
    try:
        yield from look()
    except KampungkbError as fault:
        yield Finding(check, "fault", "doctor_said", {"reason": str(fault)})
    except SQLAlchemyError as fault:
        yield Finding(check, "fault", "doctor_said", {"reason": reason(fault)})


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _folders(settings: Settings) -> Iterator[Finding]:
    """Whether something can be written where the lake is (or will be), and whether others can read it."""
    place = _existing(settings.root)
    try:
        with tempfile.TemporaryFile(dir=place) as probe:
            probe.write(os.urandom(65_536))
    except OSError as fault:
        yield Finding("folders", "fault", "doctor_folder_closed", {"path": place, "reason": fault.strerror})
        return
    if settings.lake.exists() and settings.lake.stat().st_mode & 0o077:
        yield Finding("folders", "fault", "doctor_folder_open", {"path": settings.lake})
    else:
        yield Finding("folders", "ok", "doctor_folder_ok", {"path": settings.root})


def _disk(settings: Settings, bounds: Bounds) -> Iterator[Finding]:
    free = shutil.disk_usage(_existing(settings.root)).free / 1024**3
    state = bounds.below(free)
    key = "doctor_disk_ok" if state == "ok" else "doctor_disk_short"
    yield Finding("disk", state, key, {"free": f"{free:.1f}", "path": settings.root})


def _versions() -> Iterator[Finding]:
    """Whether the installed packages are those that this program asks for."""
    wrong = []
    for stated in requires("kampungkb") or ():
        wanted = Requirement(stated)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            found = "–"
        if not wanted.specifier.contains(found, prereleases=True):
            wrong.append(f"{wanted.name} {found} ({wanted.specifier})")
    if wrong:
        yield Finding("versions", "fault", "doctor_versions_wrong", {"packages": ", ".join(wrong)})
    else:
        values = {"program": version("kampungkb"), "python": platform.python_version()}
        yield Finding("versions", "ok", "doctor_versions_ok", {**values, "airflow": version("apache-airflow")})


def _key(run: Run) -> Iterator[Finding]:
    lake.refuse_half_rekeyed(run.settings)
    keys_of(run)
    yield Finding("key", "ok", "doctor_key_ok")


def _warehouse(run: Run, limits: Limits) -> Iterator[Finding]:
    """The server, its clock, the version of its tables, the key of its pseudonyms, its last load."""
    if WAREHOUSE not in run.connections and not embedded.exists(run.settings):
        yield Finding("warehouse", "ok", "doctor_warehouse_none")
        return
    with warehouse(run.settings, run.connections) as engine, engine.connect() as opened:
        server = opened.execute(text("show server_version")).scalar_one()
        yield Finding("warehouse", "ok", "doctor_warehouse_ok", {"version": str(server).split()[0]})
        yield _clock(opened, limits.clock_seconds)
        if opened.execute(text("select to_regclass('ops.alembic_version')")).scalar_one() is None:
            yield Finding("migrations", "ok", "doctor_migrations_none")
            return
        yield from _migrations(opened)
        yield from _same_key(opened, run)
        yield _last_load(opened, limits.last_load_hours)


def _clock(opened: Connection, bounds: Bounds) -> Finding:
    before = datetime.now(UTC)
    there: datetime = opened.execute(text("select clock_timestamp()")).scalar_one()
    after = datetime.now(UTC)
    off = max(before - there, there - after, timedelta(0)).total_seconds()
    state = bounds.above(off)
    return Finding(
        "clock", state, "doctor_clock_ok" if state == "ok" else "doctor_clock_off", {"seconds": f"{off:.0f}"}
    )


def _migrations(opened: Connection) -> Iterator[Finding]:
    script = ScriptDirectory.from_config(alembic_config())
    found = opened.execute(text("select version_num from ops.alembic_version")).scalar_one()
    newest = script.get_current_head()
    values = {"found": found, "newest": newest}
    if found == newest:
        yield Finding("migrations", "ok", "doctor_migrations_ok", values)
    elif found in {revision.revision for revision in script.walk_revisions()}:
        yield Finding("migrations", "warning", "doctor_migrations_old", values)
    else:
        yield Finding("migrations", "fault", "doctor_migrations_new", values)


def _same_key(opened: Connection, run: Run) -> Iterator[Finding]:
    """Whether the key gives a family the pseudonym it has in the warehouse."""
    row = opened.execute(text("select source_key, family_key from vault.family_link limit 1")).one_or_none()
    if row is None:
        return
    if pseudonym(keys_of(run), "family", row.source_key) == row.family_key:
        yield Finding("key", "ok", "doctor_key_same")
    else:
        yield Finding("key", "fault", "doctor_key_other")


def _last_load(opened: Connection, bounds: Bounds) -> Finding:
    row = opened.execute(
        text("select as_of, finished_at from ops.load_run order by finished_at desc limit 1")
    ).one_or_none()
    if row is None:
        return Finding("last_load", "ok", "doctor_load_none")
    hours = (datetime.now(UTC) - row.finished_at).total_seconds() / 3600
    state = bounds.above(hours)
    values = {"as_of": row.as_of, "hours": f"{hours:.0f}"}
    return Finding("last_load", state, "doctor_load_ok" if state == "ok" else "doctor_load_old", values)


def _source(run: Run, source: str) -> Iterator[Finding]:
    """Whether a source answers as the load will ask it; the least that shows so."""
    if CONNECTION_OF_SOURCE[source] not in run.connections:
        missing = source == SOURCES[0] and run.connections.keys() - {WAREHOUSE}
        yield Finding(
            source, "fault" if missing else "ok", "doctor_source_absent", {"connection": CONNECTION_OF_SOURCE[source]}
        )
        return
    yield Finding(source, "ok", "doctor_source_ok", {"seen": _PROBES[source](run)})


def _probe_workbooks(run: Run) -> str:
    from kampungkb.sources.workbooks import list_workbooks, workbook_folder

    files = list_workbooks(workbook_folder(run.connections[FAMILY_WORKBOOKS]))
    if not files:
        raise ConfigurationError("The folder of workbooks holds no workbook: put the survey's files there.")
    return f"{len(files)} xlsx"


def _probe_registry(run: Run) -> str:
    from kampungkb.sources.database import find_table, reading

    connection = run.connection(CIVIL_REGISTRY)
    with reading(connection) as opened:
        found = [
            find_table(opened, table, connection.extra.get("schema") or None)
            for table in contract(CIVIL_REGISTRY).tables
        ]
    return ", ".join(table.clause.name for table in found)


def _probe_insurance(run: Run) -> str:
    from kampungkb.sources.insurance_api import Client, Service

    service = replace(Service.of(run.connection(HEALTH_INSURANCE)), limit=1, retries=0, timeout=10.0)
    with Client(service) as client:
        _, page = client.page(1)
    return f"{page.total or 0}"


_PROBES: dict[str, Callable[[Run], str]] = dict(
    zip(SOURCES, (_probe_workbooks, _probe_registry, _probe_insurance), strict=True)
)
