"""Pseudonyms in tables of the warehouse, renamed set by set within the caller's transaction.

The new names are made by DuckDB on this side: the key never reaches the server, its log or its list of processes.
"""

from collections.abc import Iterator
from io import BytesIO

import pyarrow as pa
from duckdb import DuckDBPyConnection
from pyarrow import csv
from sqlalchemy import Connection, text

from kampungkb.pseudonym import AGAIN
from kampungkb.rights.traces import load_traces, quoted

_SHARE_OF_MEMORY = "set local work_mem = '256MB'"
# What `open` remembers of the families behind a published mean is a digest with the family's key in it, made in
# include/sql/marts/open_release.sql. A digest whose scores the history has forgotten becomes one that fits nobody.
_SCORES = "ketentraman, kemandirian, kebahagiaan, ibangga"
_FINGERPRINTS = f"""
with score as (
    select distinct on (old)
        left(md5(concat_ws('|', family_key, {_SCORES})), 16) as old,
        left(md5(concat_ws('|', renamed.new, {_SCORES})), 16) as new
    from core.fact_family_score
    inner join renamed on family_key = renamed.old
    where basis = 'integrated'
),

known as (select village_code, unnest(fingerprints) as old from core.open_release),

renewed as (
    select village_code, coalesce(score.new, left(md5(random()::text || known.old), 16)) as fingerprint
    from known left join score using (old)
)

update core.open_release as release
set fingerprints = found.fingerprints
from (
    select village_code, array_agg(fingerprint order by fingerprint) as fingerprints from renewed group by village_code
) as found
where release.village_code = found.village_code
"""


def with_pseudonyms() -> Iterator[tuple[str, tuple[str, ...]]]:
    """The tables with their columns of pseudonyms."""
    return ((name, trace.pseudonyms) for name, trace in load_traces().warehouse.items() if trace.pseudonyms)


def counted(connection: Connection) -> dict[str, int]:
    """The rows of each table with pseudonyms."""
    return {
        name: connection.exec_driver_sql(f"select count(*) from {name}").scalar_one() for name, _ in with_pseudonyms()
    }


def rename(connection: Connection, database: DuckDBPyConnection, check: str) -> dict[str, int]:
    """Rename every pseudonym; `database` knows the macro of the new key alone, `check` is that of the whole chain.

    Returns the rows changed by table.
    """
    connection.exec_driver_sql(_SHARE_OF_MEMORY)
    _make_names(connection, database)
    connection.exec_driver_sql(_FINGERPRINTS)
    rows = {name: connection.exec_driver_sql(_update(name, columns)).rowcount for name, columns in with_pseudonyms()}
    connection.execute(text("update vault.blocked set key_check = :check"), {"check": check})
    return rows


def _make_names(connection: Connection, database: DuckDBPyConnection) -> None:
    """Make `renamed` (`old, new`) of every pseudonym that stands in a table."""
    every = " union ".join(
        f"select {quoted(column)} from {name} where {quoted(column)} is not null"
        for name, columns in with_pseudonyms()
        for column in columns
    )
    connection.exec_driver_sql("create temp table renamed (old text, new text) on commit drop")
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - a connection in a transaction has one
    with driver.cursor() as cursor:
        with cursor.copy(f"copy ({every}) to stdout") as out:
            listed = BytesIO(b"".join((b"old\n", *out)))
        known = csv.read_csv(listed, convert_options=csv.ConvertOptions(column_types={"old": pa.string()}))
        database.register("known", known)
        made = database.sql(f"select old, pseudonym('{AGAIN}', old) as new from known").to_arrow_table()
        with cursor.copy("copy renamed from stdin (format csv)") as into:
            for batch in made.to_batches():
                lines = BytesIO()
                csv.write_csv(batch, lines, csv.WriteOptions(include_header=False))
                into.write(lines.getvalue())
        database.unregister("known")
    connection.exec_driver_sql("analyze renamed")


def _update(name: str, columns: tuple[str, ...]) -> str:
    """One pass over a table, whatever the number of its columns."""
    values = ", ".join(f"{quoted(column)} = found.new_{number}" for number, column in enumerate(columns))
    news = ", ".join(f"name_{number}.new as new_{number}" for number, _ in enumerate(columns))
    joins = " ".join(
        f"left join renamed as name_{number} on stored.{quoted(column)} = name_{number}.old"
        for number, column in enumerate(columns)
    )
    return (
        f"update {name} as target set {values} "
        f"from (select stored.ctid as place, {news} from {name} as stored {joins}) as found "
        "where target.ctid = found.place"
    )
