"""A landed snapshot of the family survey of any size, made by repeating one that the sample and the reader made.

Reading 580,000 families from workbooks would take minutes of a benchmark that is not about reading. Each copy of a
family keeps its cells, faults and the members' links to it, under a code, and in a workbook, of its own, so nothing
repeats that did not repeat before. Families of three and more members are copied more often than the others, as often
as the wanted number of members a family asks for.
"""

from datetime import date
from pathlib import Path

import duckdb

from kampungkb.connections import FAMILY_WORKBOOKS, Connection
from kampungkb.landing import extract
from kampungkb.refs import Snapshot
from kampungkb.run import FAMILY_SURVEY, Run
from kampungkb.sample import generate
from kampungkb.settings import Settings

# The code of a copy: the village's ten digits stay, the serial number moves by a million a copy.
_OWN_CODE = """case
    when copy = 0 or not regexp_full_match("KODE_KELUARGA", '[0-9]{18}') then "KODE_KELUARGA"
    else left("KODE_KELUARGA", 10) || lpad(cast((cast(right("KODE_KELUARGA", 8) as bigint) + copy * 1000000)
        % 100000000 as varchar), 8, '0')
end"""


def land_sample(settings: Settings, as_of: date, families: int) -> Snapshot:
    """Generate the sample's workbooks and read them as a nightly load does."""
    folder = settings.root / "sample"
    generate(folder, families=families, as_of=as_of)
    workbooks = Connection(conn_type="fs", extra={"path": str(folder / FAMILY_SURVEY), "sample": True})
    return extract(Run("benchmark", as_of, settings, {FAMILY_WORKBOOKS: workbooks}, (FAMILY_SURVEY,)), FAMILY_SURVEY)


def repeat(snapshot: Snapshot, families: int, members: int, target: Path) -> Snapshot:
    """Write a snapshot of about that many families and members into `target`."""
    with duckdb.connect() as database:
        database.execute("set enable_progress_bar = false")
        for table in ("keluarga", "anggota", "workbooks"):
            database.read_parquet(str(snapshot.path / f"{table}.parquet")).create_view(table)
        _create_copies(database, families, members)
        target.mkdir(parents=True)
        read = {}
        for table in ("keluarga", "anggota"):
            path = target / f"{table}.parquet"
            database.execute(f"""
                copy (
                    select {table}.* replace (copy || '/' || file as file, {_OWN_CODE} as "KODE_KELUARGA")
                    from {table} inner join copies using (file, "KODE_KELUARGA")
                    order by copy, file, row_number
                ) to '{path}' (format parquet, compression zstd)
            """)
            read[table.upper()] = _one(database, f"select count(*) from '{path}'")
        database.execute(f"""
            copy (select workbooks.* replace (copy || '/' || file as file)
                  from workbooks, (select distinct copy from copies))
            to '{target / "workbooks.parquet"}' (format parquet, compression zstd)
        """)
    return snapshot.model_copy(update={"path": target, "read": read})


def _create_copies(database: duckdb.DuckDBPyConnection, families: int, members: int) -> None:
    """`copies`: one row a family (file, code) and copy, numbered from 0."""
    database.execute("""
        create table household as
        select file, "KODE_KELUARGA", sum(families) as families, sum(members) as members
        from (
            select file, "KODE_KELUARGA", 1 as families, 0 as members from keluarga
            union all
            select file, "KODE_KELUARGA", 0, 1 from anggota
        )
        group by all
    """)
    small, large, of_small, of_large = database.execute("""
        select
            sum(families) filter (where members < 3), sum(families) filter (where members >= 3),
            sum(members) filter (where members < 3), sum(members) filter (where members >= 3)
        from household
    """).fetchone() or (0, 0, 0, 0)
    # Two equations: small·x + large·y = families, of_small·x + of_large·y = members.
    determinant = small * of_large - large * of_small
    copies_of_small = (families * of_large - large * members) / determinant
    copies_of_large = (small * members - families * of_small) / determinant
    if min(copies_of_small, copies_of_large) < 0:
        raise SystemExit(f"{members} members cannot live in {families} families of the sample's sizes.")
    database.execute(
        """
        create table copies as
        select file, "KODE_KELUARGA", unnest(generate_series(0, cast(floor(
            case when members < 3 then $small else $large end + hash(file, "KODE_KELUARGA") % 1000 / 1000
        ) as bigint) - 1)) as copy
        from household
        """,
        {"small": copies_of_small, "large": copies_of_large},
    )


def _one(database: duckdb.DuckDBPyConnection, query: str) -> int:
    row = database.execute(query).fetchone()
    return int(row[0]) if row else 0
