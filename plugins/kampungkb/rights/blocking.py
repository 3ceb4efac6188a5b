"""Keeping an erased person out: a block list of keyed digests (`vault.blocked`), applied before a snapshot is landed.

A digest is the pseudonym of a kind and a value (`nik`, `family_number_name`, …) as `person_traces.yaml` names them for
landed files. Without the key nobody can try all NIKs on it; with another key it would let everybody through, so each
row carries a check of its key, and a load under another one stops.
"""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from duckdb import DuckDBPyConnection
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from kampungkb.engine import duckdb as engine
from kampungkb.errors import ConfigurationError
from kampungkb.key_ring import keys_of
from kampungkb.pseudonym import Keys, key_check, pseudonym
from kampungkb.rights.cleaning import clean
from kampungkb.rights.traces import LANDING, Matches, load_traces
from kampungkb.run import Run
from kampungkb.warehouse.connect import rows_where_there
from kampungkb.warehouse.privacy_models import Blocked

KIND = "blocked"


def block(connection: Connection, keys: Keys, values: Iterable[tuple[str, str]], on: date) -> int:
    """Add the values of the kinds that landed files name a person by; returns how many were new."""
    kinds = load_traces().blocked_kinds
    rows = [
        {"digest": pseudonym(keys, KIND, f"{kind}|{value}"), "key_check": key_check(keys), "blocked_on": on}
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
    rows = rows_where_there(
        run.settings,
        run.connections,
        "select digest, key_check from vault.blocked order by digest",
        without="Nothing was landed, for a load without the block list would bring erased persons back",
    )
    if rows and {check for _, check in rows} != {key_check(keys_of(run))}:
        raise ConfigurationError(
            "KAMPUNGKB_PSEUDONYM_KEY is not the key that the block list of erased persons was made with, so they would "
            "come back. Nothing was landed: set the key in force (docs/how-to/keep-the-key.md)."
        )
    return [digest for digest, _ in rows]
