"""Which families, and which persons, the scores of an earlier night do not hold for tonight.

Those are concerned of whom the date says something else, or of whom a row differs between the nights in what scoring
reads: their own, a member's, a record or link of a person who is a member, on either night.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import date

from kampungkb.engine.duckdb import sql_text
from kampungkb.engine.interface import Engine
from kampungkb.run import FAMILY_SURVEY
from kampungkb.scoring import expressions as sql
from kampungkb.scoring.inputs import TABLES
from kampungkb.scoring.methodology import InForceEvidence, Methodology, evidence_of
from kampungkb.scoring.parts import names_in

_KEY = ("source_key",)
_KEYS = {"person_link": ("source", "source_key"), "data_keluarga": ("no_kk",)}
_FOLLOWED = ("changed_person", "changed_family", "concerned_person", "concerned_family", "shown_person")

Columns = Mapping[str, Sequence[str]]


def columns_read(connection: Engine, statements: Iterable[str]) -> Columns:
    """For each table of :data:`TABLES` the columns that statements name and both nights have, quoted."""
    named = names_in(statements)
    return {table: [sql.name(each) for each in _columns(connection, table) if each in named] for table in TABLES}


def _columns(connection: Engine, table: str) -> Iterator[str]:
    earlier, tonight = (
        [str(row[0]) for row in connection.execute(f"describe {night}_{table}").fetchall()]
        for night in ("earlier", "tonight")
    )
    return (column for column in tonight if column in earlier)


def compare(connection: Engine, columns: Columns, coverage: Columns, differing: Container[str]) -> None:
    """Of the tables of both nights, as `earlier_…` and `tonight_…`, make `differing_…` and `either_…`.

    `differing_…` has the keys of rows that one night alone has, or has otherwise in one of `columns`; `in_coverage`
    says whether in one of `coverage`. `either_…` has the rows of tonight, and of the earlier night those that are not
    the same. Only `differing` tables are looked at.
    """
    for table in TABLES:
        found, either = _compared(table, columns[table], coverage[table]) if table in differing else _same(table)
        connection.execute(f"create or replace temp table differing_{table} as {found}")
        connection.execute(f"create or replace view either_{table} as {either}")


def _compared(table: str, columns: Sequence[str], coverage: Sequence[str]) -> tuple[str, str]:
    keys, were = _KEYS.get(table, _KEY), [f"was_{place}" for place in range(len(columns))]
    found = ", ".join(f"coalesce(tonight.{key}, earlier.{key}) as {key}" for key in keys)
    told = f"{_any_differs(coverage)} as in_coverage, earlier.{keys[0]} is not null as in_earlier"
    same_key = " and ".join(f"tonight.{key} = earlier.{key}" for key in keys)
    before = ", ".join(f"earlier.{column} as {was}" for column, was in zip(columns, were, strict=True))
    named = ", ".join(f"{was} as {column}" for column, was in zip(columns, were, strict=True))
    return (
        f"select {found}, {told}, {before} from tonight_{table} as tonight "
        f"full join earlier_{table} as earlier on {same_key} where {_any_differs(columns)}",
        f"select {', '.join(columns)} from tonight_{table} "
        f"union all select {named} from differing_{table} where in_earlier",
    )


def _same(table: str) -> tuple[str, str]:
    keys = ", ".join(_KEYS.get(table, _KEY))
    return f"select {keys}, false as in_coverage from tonight_{table} where false", f"select * from tonight_{table}"


def _any_differs(columns: Sequence[str]) -> str:
    return " or ".join(_differs(f"earlier.{column}", f"tonight.{column}") for column in columns) or "false"


def coverage_differs(connection: Engine) -> bool:
    """Does a row of :func:`compare` differ in what the coverage is told from?"""
    found = " union all ".join(f"select in_coverage from differing_{table}" for table in TABLES)
    query = f"select 1 from ({found}) as differing where in_coverage limit 1"
    return connection.execute(query).fetchone() is not None


def find_concerned(connection: Engine, methodology: Methodology, before: date, tonight: date) -> None:
    """Follow what :func:`compare` found, and whom the two dates tell apart.

    Makes `concerned_family` (`source_key`, `family_key`), `concerned_person` (`person_key`, whose profile may be
    another one), and `shown_person` (`person_key`, those and all who stand in such a family).
    """
    _find_turned(connection, methodology, before, tonight)
    for table in _FOLLOWED:
        connection.execute(f"create or replace temp table {table} as {sql_text(f'score_{table}')}")


def _find_turned(connection: Engine, methodology: Methodology, before: date, tonight: date) -> None:
    """`turned_family`: the families of whom the two dates may say different things."""
    families = [
        'select "KODE_KELUARGA" as source_key from tonight_anggota '
        f"where {_differs(*(sql.full_years(sql.name('K.04'), day) for day in (before, tonight)))}",
        *_families_of_turned_records(methodology, before, tonight),
    ]
    connection.execute(f"create or replace temp table turned_family as {' union '.join(families)}")


def _families_of_turned_records(methodology: Methodology, before: date, tonight: date) -> Iterator[str]:
    for evidence in map(evidence_of, methodology.indicators):
        if isinstance(evidence, InForceEvidence):
            differs = _differs(*(sql.in_force_answer(evidence, day) for day in (before, tonight)))
            yield (
                'select anggota."KODE_KELUARGA" as source_key '
                f"from (select source_key from tonight_{evidence.table} where {differs}) as own "
                "inner join tonight_person_link as told "
                f"on told.source = {sql.text(evidence.source)} and own.source_key = told.source_key "
                "inner join tonight_person_link as asked "
                f"on asked.source = '{FAMILY_SURVEY}' and told.person_key = asked.person_key "
                "inner join tonight_anggota as anggota on asked.source_key = anggota.source_key"
            )


def _differs(before: str, tonight: str) -> str:
    return f"({before}) is distinct from ({tonight})"
