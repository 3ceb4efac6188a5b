"""Extract: one source into one immutable snapshot of the lake, or an earlier snapshot where that is the answer.

What comes in: a run and a source id. What goes out: `lake/landing/<source>/<as_of>.<n>/` with one Parquet file a
table and `manifest.json`, and a :class:`~kampungkb.refs.Snapshot` that points to it. A run for a date that has a
snapshot replays it, unless what that could not read (a workbook half copied) has changed since; a run for a date
before the newest snapshot of any source never extracts, because the past cannot be read any more; everything else
reads the source, and where that cannot be reached the last good snapshot stands in for up to a week. One load at a
time lands a source: another one waits, and replays. An erased person is left out before a snapshot is landed.
A snapshot that the gates or a person held back (:mod:`kampungkb.verdicts`) is none of
these: it is neither replayed nor built upon, and the last good one stands in on its date.
"""

import hashlib
import logging
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
from pydantic import ValidationError

from kampungkb import lake
from kampungkb.connections import Connection, is_sample
from kampungkb.contracts import Contract, contract
from kampungkb.errors import ConfigurationError, GateClosed, KampungkbError, SourceUnavailable
from kampungkb.key_guard import guard_key
from kampungkb.lake import sha256_of
from kampungkb.refs import Snapshot
from kampungkb.rights.blocking import without_blocked
from kampungkb.run import SOURCES, Run
from kampungkb.settings import Settings
from kampungkb.sources import source_module
from kampungkb.sources.protocol import Drift, Manifest, Previous, TableFile, made_with
from kampungkb.verdicts import is_held_back, read_verdict

__all__ = ["Drift", "Manifest", "TableFile", "extract", "latest_snapshot", "read_manifest", "snapshots", "stand_in"]

MANIFEST = "manifest.json"
STAND_IN_DAYS = 7

log = logging.getLogger(__name__)


def extract(run: Run, source: str) -> Snapshot:
    """Land one source for the run's `as_of`, or replay the snapshot that is right for that date.

    Raises the errors of :class:`~kampungkb.sources.protocol.Source`, of :func:`~kampungkb.key_guard.guard_key`, and
    :class:`KampungkbError` where a date of the past has no snapshot to replay.
    """
    connection = run.connection(source)
    guard_key(run)
    with lake.one_at_a_time(lake.landing(run.settings, source)):
        return _extract(run, source, connection)


def _extract(run: Run, source: str, connection: Connection) -> Snapshot:
    sample = is_sample(connection)
    latest = latest_snapshot(run.settings, source, not_after=run.as_of, sample=sample)
    newest = _newest_date(run, sample)
    held_back = None if run.force else _held_back(run, source, connection)

    if newest is not None and run.as_of < newest:
        return _backfill(run, source, latest, newest)
    if held_back is not None:
        return stand_in(run, source, held_back)
    if latest is not None and latest.as_of == run.as_of and not run.force:
        anew = _reason_to_read_anew(run, connection, latest)
        if anew is None:
            return _replay(run, latest)
        log.info("%s: %s since snapshot %s, reading it anew", source, anew, latest.snapshot_id)
    try:
        return _land(run, source, connection, latest)
    except SourceUnavailable as fault:
        return _stand_in(run, source, latest, fault)


def _reason_to_read_anew(run: Run, connection: Connection, latest: Manifest) -> str | None:
    """Why the snapshot of the date is not the answer, if it is not."""
    if latest.origin != origin(connection):
        return "the connection has changed"
    path = snapshot_path(run.settings, latest)
    landed = Previous(manifest=latest, path=path, same_origin=True, same_way=False)
    if not _damaged(latest, path) and source_module(latest.source).readable_since(connection, landed):
        return "what could not be read has changed"
    return None


def read_manifest(snapshot: Path) -> Manifest:
    """The manifest of a snapshot folder; raises :class:`KampungkbError` where it is missing or damaged."""
    try:
        return Manifest.model_validate_json((snapshot / MANIFEST).read_bytes())
    except (OSError, ValidationError) as fault:
        raise KampungkbError(
            f"The snapshot {snapshot.name} of {snapshot.parent.name} has no readable {MANIFEST} "
            f"({type(fault).__name__}). Remove the folder and run with force to extract anew."
        ) from None


def snapshots(settings: Settings, source: str) -> Iterator[Manifest]:
    """Manifests of a source's snapshots, newest first."""
    folder = lake.landing(settings, source)
    names = [p.name for p in folder.iterdir() if (p / MANIFEST).is_file()] if folder.is_dir() else []
    for name in sorted((name for name in names if not name.startswith(".")), key=_order, reverse=True):
        yield read_manifest(folder / name)


def latest_snapshot(
    settings: Settings, source: str, not_after: date | None = None, sample: bool | None = None
) -> Manifest | None:
    """The newest good snapshot of a source, optionally not after a date and only of sample or only of real data.

    Good is one that was not held back.
    """
    return next(
        (
            manifest
            for manifest in snapshots(settings, source)
            if (not_after is None or manifest.as_of <= not_after)
            and (sample is None or manifest.sample == sample)
            and not is_held_back(settings, source, manifest.snapshot_id)
        ),
        None,
    )


def stand_in(run: Run, source: str, why: str) -> Snapshot:
    """The last good snapshot, in place of a delivery that was held back (`why`, in one sentence).

    Raises :class:`GateClosed` where there is none of the last :data:`STAND_IN_DAYS` days.
    """
    sample = is_sample(run.connection(source))
    latest = latest_snapshot(run.settings, source, not_after=run.as_of, sample=sample)
    return _stand_in(run, source, latest, GateClosed(why))


def snapshot_path(settings: Settings, manifest: Manifest) -> Path:
    """The folder of a snapshot."""
    return lake.landing(settings, manifest.source) / manifest.snapshot_id


def origin(connection: Connection) -> str:
    """A digest of where a connection leads. Password, user key and port (local servers change it) are left out."""
    places = {key: connection.extra.get(key) for key in ("path", "schema", "base_path", "regency_code")}
    address = (connection.conn_type, connection.host, connection.login, connection.schema_, sorted(places.items()))
    return hashlib.sha256(repr(address).encode()).hexdigest()[:16]


def _order(snapshot_id: str) -> tuple[str, int]:
    day, _, counter = snapshot_id.rpartition(".")
    return day, int(counter) if counter.isdigit() else 0


def _newest_date(run: Run, sample: bool) -> date | None:
    """The date of the newest snapshot of any source, good or not."""
    found = (snapshots(run.settings, source) for source in SOURCES)
    newest = (next((manifest for manifest in manifests if manifest.sample == sample), None) for manifests in found)
    return max((manifest.as_of for manifest in newest if manifest is not None), default=None)


def _held_back(run: Run, source: str, connection: Connection) -> str | None:
    """Why the last delivery of the run's own date from the same address was held back, if it was."""
    for manifest in snapshots(run.settings, source):
        if manifest.as_of == run.as_of and manifest.origin == origin(connection):
            verdict = read_verdict(run.settings, source, manifest.snapshot_id)
            return verdict.reason if verdict is not None and verdict.held_back else None
    return None


def _backfill(run: Run, source: str, latest: Manifest | None, newest: date) -> Snapshot:
    if latest is None:
        raise KampungkbError(
            f"{source}: {run.as_of} lies before the newest landed snapshot ({newest}), and there is no snapshot of "
            "this source up to that date. The past cannot be extracted: choose a date that has a snapshot."
        )
    if latest.as_of == run.as_of:
        return _replay(run, latest)
    return _replay(run, latest, reason=f"nothing was landed for {run.as_of}; the snapshot of {latest.as_of} stands in")


def _stand_in(run: Run, source: str, latest: Manifest | None, fault: SourceUnavailable | GateClosed) -> Snapshot:
    if latest is None or run.as_of - latest.as_of > timedelta(days=STAND_IN_DAYS):
        found = "there is no earlier snapshot" if latest is None else f"the last snapshot is of {latest.as_of}"
        advice = "Run again when the source answers."
        if isinstance(fault, GateClosed):
            advice = f"Ask the owner of {source} for a whole delivery and run with force, which extracts anew."
        raise type(fault)(
            f"{fault} Nothing can stand in for {source}: {found}, and at most {STAND_IN_DAYS} days are allowed. "
            f"{advice}"
        ) from None
    log.warning("%s: snapshot %s stands in: %s", source, latest.snapshot_id, fault)
    return _replay(run, latest, reason=str(fault))


def _replay(run: Run, manifest: Manifest, reason: str | None = None) -> Snapshot:
    path = snapshot_path(run.settings, manifest)
    damaged = _damaged(manifest, path)
    if damaged:
        raise KampungkbError(
            f"{manifest.source}: snapshot {manifest.snapshot_id} is damaged ({damaged} differs from its manifest). "
            "Restore it from a backup, or remove the folder and run with force."
        )
    log.info("%s: snapshot %s replayed%s", manifest.source, manifest.snapshot_id, f" ({reason})" if reason else "")
    return _reference(manifest, path, parsed=0, replayed=True, stale=reason is not None, reason=reason)


def _reference(manifest: Manifest, path: Path, **how: object) -> Snapshot:
    read = {t.name.lower(): manifest.tables[t.name.lower()].rows for t in contract(manifest.source).tables}
    facts = {"source": manifest.source, "snapshot_id": manifest.snapshot_id, "as_of": manifest.as_of}
    return Snapshot.model_validate({**facts, "path": path, "read": read, **how})


def _damaged(manifest: Manifest, path: Path) -> str | None:
    """The first file of a snapshot that is missing or has another checksum, if any."""
    for table in manifest.tables.values():
        file = path / table.file
        if not file.is_file() or sha256_of(file) != table.sha256:
            return table.file
    return None


def _land(run: Run, source: str, connection: Connection, latest: Manifest | None) -> Snapshot:
    started = time.perf_counter()
    module, terms = source_module(source), contract(source)
    way = made_with(terms, module.LIBRARIES)
    previous = _previous(run, latest, connection, way)
    snapshot_id = _next_id(run, source)
    target = lake.landing(run.settings, source) / snapshot_id
    _sweep(target.parent)
    with lake.replacing(target) as folder:
        extracted = module.extract(run, connection, previous, folder)
        blocked = without_blocked(run, source, folder)
        manifest = Manifest(
            source=source,
            snapshot_id=snapshot_id,
            as_of=run.as_of,
            run_id=run.run_id,
            extracted_at=datetime.now(UTC),
            contract_version=terms.version,
            made_with=way,
            origin=origin(connection),
            sample=is_sample(connection),
            tables=_tables(folder, terms, source),
            watermark=extracted.watermark,
            full_on=extracted.full_on,
            drift=extracted.drift,
            types=dict(extracted.types),
            parsed=extracted.parsed,
            blocked=blocked,
        )
        (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2), encoding="utf-8")
        _owner_only(folder)
    rows = ", ".join(f"{name} {table.rows}" for name, table in manifest.tables.items())
    log.info("%s: landed %s (rows: %s) in %.1f s", source, snapshot_id, rows, time.perf_counter() - started)
    for drift in manifest.drift:
        log.warning("%s: drift in %s: column %s is %s", source, drift.table, drift.column, drift.change)
    return _reference(manifest, target, parsed=manifest.parsed)


def _sweep(folder: Path) -> None:
    """Remove what killed extractions have left: it holds personal data and nobody needs it."""
    for leftover in folder.glob(f"{lake.PARTIAL}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _previous(run: Run, latest: Manifest | None, connection: Connection, way: str) -> Previous | None:
    if latest is None:
        return None
    path = snapshot_path(run.settings, latest)
    if _damaged(latest, path):
        log.warning("%s: snapshot %s is damaged, extraction starts from nothing", latest.source, latest.snapshot_id)
        return None
    return Previous(
        manifest=latest, path=path, same_origin=latest.origin == origin(connection), same_way=latest.made_with == way
    )


def _next_id(run: Run, source: str) -> str:
    folder = lake.landing(run.settings, source)
    prefix = f"{run.as_of.isoformat()}."
    taken = [_order(p.name)[1] for p in folder.glob(f"{prefix}*")] if folder.is_dir() else []
    return f"{prefix}{max(taken, default=0) + 1}"


def _tables(folder: Path, terms: Contract, source: str) -> dict[str, TableFile]:
    files = {path.stem: path for path in sorted(folder.glob("*.parquet"))}
    missing = [table.name for table in terms.tables if table.name.lower() not in files]
    if missing:
        raise ConfigurationError(f"The extraction of {source} wrote no {', '.join(missing)}: the contract names it.")
    return {
        name: TableFile(file=path.name, rows=pq.read_metadata(path).num_rows, sha256=sha256_of(path))
        for name, path in files.items()
    }


def _owner_only(folder: Path) -> None:
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
