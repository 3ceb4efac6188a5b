"""What the latest load was published from, so that the next one need not stage, audit or write it again.

A digest of the rows of everything that was staged stands in `ops.published_content`, with one of the program that
published it. It does not depend on the order of rows. A load of the greatest `as_of` by the same program knows by it
which of its tables hold what they held; every other load, and one that is forced, knows nothing. A digest of the files
that a table was read from stands beside: files with the same bytes need not be read for the digest of their rows.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyRelation
from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    Engine,
    Select,
    Text,
    cast,
    delete,
    func,
    insert,
    inspect,
    literal,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlalchemy.sql.selectable import FromClause, SelectBase

from kampungkb import carrying
from kampungkb.run import Run
from kampungkb.settings import EXPECTATIONS, INCLUDE
from kampungkb.warehouse.models import Base, LoadRun, PublishedContent
from kampungkb.warehouse.spells import HISTORIES

PROGRAM = "program"
FILES = "files of "
LATEST = {
    name.partition(".")[2]: name
    for name in (
        *("core.dim_date", "core.dim_region", "core.kampung_kb", "core.dim_indicator", "core.family_score"),
        *("mart.indicator_coverage", "ops.quarantine_row", "vault.person_link", "vault.family_link"),
        *("service.family_contact", "mart.source_agreement", "mart.survey_coverage", "mart.sector_action"),
        *("mart.life_cycle", "mart.programme_coverage", "mart.family_function", "mart.kampung_kb_candidate"),
        *("vault.duplicate_record", "mart.duplicate_count", "core.open_release"),
    )
}
"""The tables that show the latest load, by the staged tables that hold their rows."""
INDEX_MARTS = {"village": "mart.village_index", "district": "mart.district_index", "regency": "mart.regency_index"}
BY_DATE = {
    name.partition(".")[2]: name for name in ("core.fact_village_day", *INDEX_MARTS.values(), "mart.data_quality")
}
"""The tables with rows for each `as_of`, by the staged tables that hold those of a load."""
ADDITIVE = {
    "village_measure": "core.fact_village_day",
    "indicator_count": "mart.indicator_coverage",
    "agreement_count": "mart.source_agreement",
}
"""The staged counts and sums that add up over families, by the table that shows them with what follows from them."""
_SPELLS = {staged: history for history, staged in HISTORIES.items() if staged != "family_score"}


@dataclass(frozen=True)
class Known:
    """The digests of the load that is published, by staged table, and its date; nothing where none may be used."""

    as_of: date | None = None
    digests: Mapping[str, str] = field(default_factory=dict)


def digest(rows: DuckDBPyRelation, columns: Sequence[str]) -> str:
    """A digest of rows, whatever their order."""
    names = ", ".join(f'"{name}"' for name in columns)
    hashed = rows.project(f"hash({names}) as hashed")
    found = hashed.aggregate("count(*), sum(hashed), bit_xor(hashed)").fetchall()
    return hashlib.sha256(repr((names, found)).encode()).hexdigest()


def files_digest(files: Sequence[Path]) -> str:
    """A digest of the bytes of files, and of how they are called within their folders."""
    made = hashlib.sha256()
    for path in files:
        made.update(path.name.encode() + b"\0" + bytes.fromhex(carrying.digest_told(path)))
    return made.hexdigest()


def program(folders: Sequence[Path] | None = None) -> str:
    """A digest of what decides how staged rows become published ones: this package, its SQL, the audit's suites."""
    return _program(tuple(folders or (Path(__file__).parent, INCLUDE / "sql" / "marts", EXPECTATIONS)))


@cache
def _program(folders: tuple[Path, ...]) -> str:
    made = hashlib.sha256(duckdb.__version__.encode())
    for path in _files(folders):
        made.update(path.name.encode() + b"\0" + path.read_bytes())
    return made.hexdigest()


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".sql", ".json"))


def known(engine: Engine, run: Run) -> Known:
    """What a run may take from the load that is published."""
    if run.force or not inspect(engine).has_table(PublishedContent.__tablename__, "ops"):
        return Known()
    with engine.connect() as connection:
        published = recorded(connection)
    usable = published.as_of is not None and run.as_of >= published.as_of
    return published if usable and published.digests.get(PROGRAM) == program() else Known()


def recorded(connection: Connection) -> Known:
    """What stands on record."""
    newest = connection.execute(select(func.max(LoadRun.as_of))).scalar_one()
    rows = connection.execute(select(PublishedContent.content, PublishedContent.digest))
    return Known(newest, {row.content: row.digest for row in rows})


def record(connection: Connection, before: Known, digests: Mapping[str, str]) -> None:
    """Write what the latest load was published from, where it is not what stands there."""
    now = {PROGRAM: program(), **digests}
    if before.digests != now:
        forget(connection)
        connection.execute(insert(PublishedContent), [{"content": name, "digest": made} for name, made in now.items()])


def forget(connection: Connection) -> None:
    """Let the next load write everything: for who changes published rows by another way than a load."""
    connection.execute(delete(PublishedContent))


def as_published(
    name: str, columns: Sequence[str], run: Run, newest: date, stale_sources: Sequence[str] = ()
) -> SelectBase | None:
    """The rows of a staged table as the load of `newest` published them, for a run of the same content.

    None where no published table shows them.
    """
    tables = Base.metadata.tables
    own: dict[str, ColumnElement[Any]] = {
        "run_id": cast(literal(run.run_id), Text),
        "as_of": cast(literal(run.as_of), Date),
        "stale_sources": cast(array(literal(source) for source in stale_sources), ARRAY(Text)),
    }
    if name == "region_measure":
        return union_all(*(_measures(tables[mart], f"{level}_code", newest) for level, mart in INDEX_MARTS.items()))
    if name == "reviewed_pair":
        pair = tables["vault.match_pair"]
        return _rows(pair, columns, {"comparison": cast(pair.c.comparison, Text)}).where(pair.c.last_seen.is_(None))
    if name in ADDITIVE:
        shown = tables[ADDITIVE[name]]
        return _rows(shown, columns).where(shown.c.as_of == newest if "as_of" in shown.c else true())
    if name in BY_DATE:
        dated = tables[BY_DATE[name]]
        return _rows(dated, columns, own).where(dated.c.as_of == newest)
    if name in _SPELLS:
        history = tables[_SPELLS[name]]
        return _rows(history, columns).where(history.c.valid_to.is_(None))
    return _rows(tables[LATEST[name]], columns, own) if name in LATEST else None


def _rows(
    table: FromClause, columns: Sequence[str], own: Mapping[str, ColumnElement[Any]] | None = None
) -> Select[Any]:
    """Rows of a table, with some columns of the run's own."""
    return select(*((own or {}).get(name, table.c[name]).label(name) for name in columns))


def _measures(mart: FromClause, code: str, newest: date) -> SelectBase:
    names = ("ketentraman", "kemandirian", "kebahagiaan", "ibangga", "category", "rentan", "berkembang", "tangguh")
    measures = (mart.c[name] for name in ("basis", "families", *names))
    return select(mart.c[code].label("code"), *measures).where(mart.c.as_of == newest)
