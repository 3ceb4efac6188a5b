"""A rotation of the pseudonym key: every stored pseudonym goes through the new key once.

The lake's files are written anew aside, the warehouse is renamed in one transaction, and its COMMIT decides: killed
before it nothing has changed, and the next try begins anew; killed after it the next try moves the files into place.
Just before the COMMIT `lake/key.rotation` is written, which stops every step until the files are in place.
"""

import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import duckdb
import psycopg
from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from kampungkb import lake
from kampungkb.engine.duckdb import engine as engine_of_lake
from kampungkb.errors import ConfigurationError, DecisionError, KampungkbError, WarehouseError
from kampungkb.key_guard import guard_key
from kampungkb.key_ring import check_file, is_of_sample, keys_of, seal, written_aside
from kampungkb.pseudonym import Keys, duckdb_macro, key_check
from kampungkb.rights.tables import vacuum
from kampungkb.rotation import files, tables
from kampungkb.run import Run
from kampungkb.settings import Settings
from kampungkb.warehouse import content
from kampungkb.warehouse.connect import reason, warehouse
from kampungkb.warehouse.locks import PUBLISH, wait_for
from kampungkb.warehouse.migrate import migrate
from kampungkb.warehouse.privacy_models import Erasure, KeyRotation
from kampungkb.warehouse.staging import drop_leftovers

log = logging.getLogger(__name__)

SHORTEST_KEY = 32


@dataclass(frozen=True)
class Renamed:
    """Rows with pseudonyms by kind of file and by table."""

    lake: dict[str, int]
    warehouse: dict[str, int]


@dataclass(frozen=True)
class _Pending:
    """What `lake/key.rotation` says: which rotation, and what the files of the key hold once it has ended."""

    rotation_id: str
    key_file: str


def plan(run: Run) -> Renamed:
    """What a rotation would rename; changes nothing."""
    with lake.in_use(run.settings), _opened(run) as opened, opened.connect() as connection:
        guard_key(run)
        return Renamed(dict(files.counted(run.settings)), tables.counted(connection))


def finish(run: Run) -> bool:
    """End a rotation that was killed after its COMMIT, and forget one that was killed before; whether one was ended."""
    with lake.alone(run.settings, half_rekeyed=True):
        pending = _pending(run.settings)
        if pending is None:
            return False
        with _opened(run) as opened:
            with opened.connect() as connection:
                known = select(KeyRotation.rotation_id).where(KeyRotation.rotation_id == pending.rotation_id)
                committed = connection.execute(known).first() is not None
            if committed:
                _put_in_place(run.settings, pending)
                _tidy(opened)
            else:
                files.discard(run.settings)
                (run.settings.lake / lake.ROTATION).unlink()
        return committed


def rotate(run: Run, by: str, why: str) -> Renamed:
    """Let the key in `KAMPUNGKB_NEW_PSEUDONYM_KEY` take over.

    Raises :class:`ConfigurationError` for a missing, short or used key, :class:`DecisionError` where nobody or no
    reason is named or an erasure is unfinished, :class:`KampungkbError` where a load is going on, and
    :class:`WarehouseError` where the warehouse fails. Nothing has changed then, or the next call of `finish` ends it.
    """
    if not by.strip() or not why.strip():
        raise DecisionError("A rotation says who ordered it and why: give both, in a few words. Nothing was changed.")
    with lake.alone(run.settings), _opened(run) as opened:
        guard_key(run)
        before = keys_of(run)
        new = _new_key(run, before)
        lake.settle_all(run.settings)
        with opened.connect().execution_options(isolation_level="AUTOCOMMIT") as keeper:
            drop_leftovers(keeper)
        check, sealed = key_check((*before, new)), seal(before, new)
        with opened.begin() as connection, _namer(run.settings, new) as namer:
            wait_for(connection, PUBLISH)
            content.forget(connection)
            _refuse_unfinished_erasure(connection)
            renamed = Renamed(dict(files.write_renamed(run.settings, namer)), tables.rename(connection, namer, check))
            made = {"key_check": check, "earlier_keys": sealed, "counts": asdict(renamed)}
            pending = _Pending(str(uuid.uuid4()), f"{check}\n{sealed}")
            row = {"rotation_id": pending.rotation_id, "requested_by": by.strip(), "reason": why.strip(), **made}
            connection.execute(insert(KeyRotation), [row])
            _write(run.settings, lake.ROTATION, TypeAdapter(_Pending).dump_json(pending).decode())
        _put_in_place(run.settings, pending)
        _tidy(opened)
    log.info("key rotated: %d rows of the lake, %d of the warehouse", *map(_total, (renamed.lake, renamed.warehouse)))
    return renamed


def _total(rows: dict[str, int]) -> int:
    return sum(rows.values())


def _new_key(run: Run, before: Keys) -> bytes:
    given = run.settings.new_pseudonym_key
    key = given.get_secret_value().encode() if given else b""
    if len(key) < SHORTEST_KEY or key in before:
        fault = "is not set" if not key else "was in force before" if key in before else "is too short"
        raise ConfigurationError(
            f"KAMPUNGKB_NEW_PSEUDONYM_KEY {fault}. Nothing was changed: create a key with `openssl rand -hex 32`, keep "
            "it safe, and set the variable, or the file kampungkb_new_pseudonym_key below KAMPUNGKB_SECRETS."
        )
    if is_of_sample(run) and check_file(run.settings, sample=False).exists():
        raise ConfigurationError(
            f"{run.settings.lake} holds real data, and this is the key of the sample. Nothing was changed: set the "
            "connections and the key of real data, then run again."
        )
    return key


def _refuse_unfinished_erasure(connection: Connection) -> None:
    """What an unfinished erasure looks for are pseudonyms, too."""
    unfinished = select(func.count()).select_from(Erasure).where(Erasure.finished_at.is_(None))
    if connection.execute(unfinished).scalar_one():
        raise DecisionError(
            "An erasure of a person has not ended. Nothing was changed: run `kampungkb person resume`, then this again."
        )


def _pending(settings: Settings) -> _Pending | None:
    path = settings.lake / lake.ROTATION
    return TypeAdapter(_Pending).validate_json(path.read_bytes()) if path.exists() else None


def _put_in_place(settings: Settings, pending: _Pending) -> None:
    """The files with the new names, then the key's own, then steps may run again; each can be done twice."""
    files.swap(settings)
    for sample in (True, False):
        path = check_file(settings, sample=sample)
        if path.exists():
            _write(settings, path.name, pending.key_file)
    (settings.lake / lake.ROTATION).unlink()


def _write(settings: Settings, name: str, content: str) -> None:
    """Write a file of the lake at once, and onto the disk."""
    target = settings.lake / name
    with written_aside(target) as fresh:
        with fresh.open("w", encoding="ascii") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, target)


def _tidy(opened: Engine) -> None:
    """Let PostgreSQL give up the rows with the old names."""
    vacuum(opened, [*(name for name, _ in tables.with_pseudonyms()), "core.open_release"])


@contextmanager
def _namer(settings: Settings, key: bytes) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine that knows the macro of the new key alone, with its faults in one sentence."""
    try:
        with engine_of_lake(settings, in_memory=True) as database:
            database.execute(duckdb_macro((key,)))
            yield database
    except (duckdb.Error, OSError) as fault:
        raise KampungkbError(
            f"The files of {settings.lake} could not be written anew ({type(fault).__name__}). Nothing was changed: "
            "see that the volume has room and its files can be read, then run `kampungkb key rotate` again."
        ) from None


@contextmanager
def _opened(run: Run) -> Iterator[Engine]:
    """The warehouse, with its faults in one sentence."""
    try:
        with warehouse(run.settings, run.connections) as opened:
            migrate(opened)
            yield opened
    except (SQLAlchemyError, psycopg.Error) as fault:
        said = reason(fault) if isinstance(fault, SQLAlchemyError) else type(fault).__name__
        raise WarehouseError(
            f"The warehouse failed: {said}. Run `kampungkb key rotate` again: it ends a rotation that the warehouse "
            "has taken over, and begins another one anew."
        ) from None
