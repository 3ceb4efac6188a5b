"""Keeping an erased person out: a block list of keyed digests (`vault.blocked`), applied before a snapshot is landed.

A digest is the pseudonym of a kind and a value (`nik`, `family_number_name`, …) as `person_traces.yaml` names them for
landed files. Without the key nobody can try all NIKs on it; with another key it would let everybody through, so each
row carries a check of its key, and a load under another one stops.
"""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from duckdb import DuckDBPyConnection
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from kampungkb.connections import WAREHOUSE
from kampungkb.engine import duckdb as engine
from kampungkb.errors import ConfigurationError, WarehouseError
from kampungkb.pseudonym import key_check, pseudonym
from kampungkb.rights.cleaning import clean
from kampungkb.rights.traces import LANDING, Matches, load_traces
from kampungkb.run import Run
from kampungkb.warehouse import embedded
from kampungkb.warehouse.connect import reason, warehouse
from kampungkb.warehouse.privacy_models import Blocked

KIND = "blocked"
_NO_SUCH_TABLE = ("42P01", "3F000")


def block(connection: Connection, key: bytes, values: Iterable[tuple[str, str]], on: date) -> int:
    """Add the values of the kinds that landed files name a person by; returns how many were new."""
    kinds = load_traces().blocked_kinds
    rows = [
        {"digest": pseudonym(key, KIND, f"{kind}|{value}"), "key_check": key_check(key), "blocked_on": on}
        for kind, value in sorted(values)
        if kind in kinds
    ]
    statement = insert(Blocked).on_conflict_do_nothing().returning(Blocked.digest)
    return len(connection.execute(statement, rows).all()) if rows else 0


def without_blocked(run: Run, source: str, folder: Path) -> int:
    """Take erased persons out of freshly extracted files; returns the rows that went or were cleared."""
    digests = _digests(run)
    if not digests:
        return 0
    with engine.connect(run, in_memory=True) as database:
        database.execute("set preserve_insertion_order = true")
        return sum(clean(database, folder, f"{LANDING}{source}/new", by_digest(database, digests)).values())


def by_digest(database: DuckDBPyConnection, digests: Iterable[str]) -> Matches:
    """How blocked values are known, on a connection with the macro `pseudonym`."""
    database.execute("create or replace table blocked (digest varchar)")
    database.executemany("insert into blocked values (?)", [[digest] for digest in digests])
    return lambda kind, value: f"pseudonym('{KIND}', '{kind}|' || ({value})) in (select digest from blocked)"


def _digests(run: Run) -> list[str]:
    """The block list; empty where nothing was ever published. A load without it would bring erased persons back."""
    if WAREHOUSE not in run.connections and not embedded.exists(run.settings):
        return []
    with warehouse(run.settings, run.connections) as opened:
        try:
            with opened.connect() as connection:
                rows = connection.execute(text("select digest, key_check from vault.blocked order by digest")).all()
        except SQLAlchemyError as fault:
            if getattr(getattr(fault, "orig", None), "sqlstate", None) in _NO_SUCH_TABLE:
                return []
            raise WarehouseError(
                f"The block list of erased persons cannot be read: {reason(fault)}. Nothing was landed, for a load "
                "without it would bring them back; correct it, then run again."
            ) from None
    if any(check != key_check(run.pseudonym_key) for _, check in rows):
        raise ConfigurationError(
            "KAMPUNGKB_PSEUDONYM_KEY is not the key that the block list of erased persons was made with, so they would "
            "come back. Nothing was landed: set the key that was in force."
        )
    return [digest for digest, _ in rows]
