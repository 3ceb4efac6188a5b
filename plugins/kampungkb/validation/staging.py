"""Landed text becomes typed columns: the view `parsed`, made from the contract, and the table staged from it.

For each contract column `X` of kind identity, text or label: `X`, the text without white space around it, null
where blank. For every other kind: `X`, the typed value, null where the text is none, and `X__text`, the text. So a
value is invalid where `X__text` is not null and `X` is. A code's `X__text` is the code's number where the answer
is a number or a label of the contract. What is wrong is for the suites to say; nothing is decided here.
"""

from collections.abc import Iterable, Set
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from kampungkb.connections import CIVIL_REGISTRY, HEALTH_INSURANCE
from kampungkb.contracts import Column, Table, contract
from kampungkb.engine.duckdb import sql_text
from kampungkb.engine.interface import Engine
from kampungkb.errors import ConfigurationError, ContractError
from kampungkb.run import FAMILY_SURVEY, Run

# In this order: a macro may use those before it.
MACROS = (
    "clean",
    "as_integer",
    "as_code",
    "calendar_date",
    "year_first",
    "instant",
    "local_date",
    "older_than",
    "village_code_of",
    "date_of_family_survey",
    "date_of_civil_registry",
    "date_of_health_insurance",
    "timestamp_of_civil_registry",
    "timestamp_of_health_insurance",
)

# Landed beside the contract's columns where the source is a workbook.
PLACE = ("file", "sheet", "row_number")

# The kinds of columns that few distinct cells answer, and up to how many are few.
ANSWERS, FEW = ("code", "integer"), 200

# The parts of a village code: where each begins and how many digits it has.
_PLACES = {"no_prop": (1, 2), "no_kab": (3, 2), "no_kec": (5, 2), "no_kel": (7, 4)}
_PARTS = ", ".join(
    f"try_cast(substr(village_code, {begin}, {digits}) as integer) as {name}"
    for name, (begin, digits) in _PLACES.items()
)

# The tables of each source in the order of their validation. Those without a landed file are made from the others.
TABLES = {
    FAMILY_SURVEY: ("workbooks", "keluarga", "anggota", "family_heads"),
    CIVIL_REGISTRY: ("data_keluarga", "biodata_wni"),
    HEALTH_INSURANCE: ("peserta",),
}


def quoted(name: str) -> str:
    """A column name as an SQL identifier."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def literal(value: str) -> str:
    """A text as an SQL literal."""
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


def contract_table(source: str, table: str) -> Table | None:
    """The contract's table of that name; None for a table that no contract describes."""
    try:
        return contract(source).table(table)
    except KeyError:
        return None


def create_macros(database: Engine, run: Run) -> None:
    """Define the macros of `include/sql/transform/stage_*.sql` and `as_of()`, the date of the run."""
    for name in MACROS:
        database.execute(sql_text(f"stage_{name}"))
    database.execute(f"create or replace macro as_of() as date '{run.as_of.isoformat()}'")


def create_region(database: Engine, run: Run) -> None:
    """Create the table `region` from the reference in force.

    One row a village: `village_code`, and its parts as numbers, `no_prop`, `no_kab`, `no_kec`, `no_kel`.
    """
    path = run.settings.reference("regions.csv")
    try:
        database.execute(
            f"create or replace table region as select *, {_PARTS} from ("
            "select distinct replace(code, '.', '') as village_code "
            "from read_csv($path, header = true, all_varchar = true) where lower(level) in ('desa', 'kelurahan'))",
            {"path": str(path)},
        )
    except (duckdb.IOException, duckdb.BinderException, duckdb.InvalidInputException) as fault:
        raise ConfigurationError(
            f"The region reference {path.name} cannot be read ({type(fault).__name__}): it needs the columns "
            "code, name, level, parent. Correct the file, or remove it to use the project's own."
        ) from None


def _label_map(column: Column) -> str:
    labels = [f"{literal(label.lower())}: '{code}'" for code, names in (column.codes or {}).items() for label in names]
    return f"map {{{', '.join(labels)}}}" if labels else "cast(map {} as map(varchar, varchar))"


def _read_answers_once(database: Engine, columns: Iterable[Column]) -> frozenset[str]:
    """Read codes and integers once a distinct cell, where a column of `landed` has few; returns those columns.

    What the cells say is kept in variables of the database, maps from cell to text and to number: DuckDB looks a cell
    up once for each entry of a Parquet dictionary, where it would read it once for each row.
    Spark has no such variables.
    """
    if not isinstance(database, duckdb.DuckDBPyConnection):
        return frozenset()
    few = set()
    for column in columns:
        if column.kind not in ANSWERS:
            continue
        name = quoted(column.name)
        database.execute(f"""
            create or replace table answer as
            select cell, text, as_integer(text) as number from (
                select cell, {_answer("cleaned", column)} as text from (
                    select cell, clean(cell) as cleaned
                    from (select distinct {name} as cell from landed where {name} is not null limit {FEW + 1})
                )
            )
        """)
        if 0 < database.table("answer").shape[0] <= FEW:
            for what in ("text", "number"):
                database.execute(
                    f"set variable {quoted(_variable(column, what))} = "
                    f"(select map_from_entries(list((cell, {what}))) from answer)"
                )
            few.add(column.name)
    return frozenset(few)


def _variable(column: Column, what: str) -> str:
    return f"{column.name} {what}"


def _looked_up(column: Column, what: str) -> str:
    return f"map_extract_value(getvariable({literal(_variable(column, what))}), {quoted(column.name)})"


def _answer(text: str, column: Column) -> str:
    """SQL: a clean text; of a code, its number where it is one or a label."""
    return f"as_code({text}, {_label_map(column)})" if column.kind == "code" else text


def _read(column: Column, few: Set[str], term: str) -> str:
    """The select term of one contract column; the cell of an answer that is looked up stays as it is."""
    return quoted(column.name) if column.name in few else f"{term} as {quoted(column.name)}"


def _parsed(source: str, column: Column, few: Set[str]) -> tuple[str, ...]:
    """The select terms of one contract column, over its clean text."""
    name, text = quoted(column.name), quoted(f"{column.name}__text")
    if column.name in few:
        return (f"{_looked_up(column, 'number')} as {name}", f"{_looked_up(column, 'text')} as {text}")
    match column.kind:
        case "identity" | "text" | "label":
            return (name,)
        case "code" | "integer":
            return (f"as_integer({name}) as {name}", f"{name} as {text}")
        case "date":
            return (f"date_of_{source}({name}) as {name}", f"{name} as {text}")
        case "timestamp":
            return (f"timestamp_of_{source}({name}) as {name}", f"{name} as {text}")


def _create_parsed(database: Engine, source: str, table: str, path: Path) -> None:
    landed = pq.read_schema(path).names
    declared = contract_table(source, table)
    missing = [name for name in (declared.names if declared else ()) if name not in landed]
    if missing:
        raise ContractError(
            f"The landed table {table} of {source} lacks the columns {', '.join(missing)} of its contract. "
            "Extract the source anew (force)."
        )
    database.execute(
        f"create or replace view landed as select file_row_number as row_id, * "
        f"from read_parquet({literal(str(path))}, file_row_number = true)"
    )
    columns = declared.columns if declared else ()
    few = _read_answers_once(database, columns)
    beside = [name for name in landed if declared is None or name.endswith("__cell") or name in PLACE]
    kept = ["row_id", *map(quoted, beside)]
    clean = ", ".join([*kept, *(_read(column, few, f"clean({quoted(column.name)})") for column in columns)])
    answers = ", ".join([*kept, *(_read(column, few, _answer(quoted(column.name), column)) for column in columns)])
    typed = ", ".join([*kept, *(term for column in columns for term in _parsed(source, column, few))])
    database.execute(
        f"create or replace view parsed as select {typed} from (select {answers} from (select {clean} from landed))"
    )


def stage(database: Engine, source: str, table: str, landed: Path | None) -> None:
    """Create the table `<table>` by `stage_<table>.sql`, from the landed file where there is one.

    Columns every staged table has: `row_id` (unique) and `village` (a village of the reference, or `unknown`).
    Raises :class:`ContractError` where the landed file lacks a column.
    """
    if landed is not None:
        _create_parsed(database, source, table, landed)
    database.execute(f"create or replace table {table} as {sql_text(f'stage_{table}')}")


def row_text(table: Table) -> str:
    """SQL over `staged` and `landed`: the contract columns joined by U+001F, dates as ISO, null as empty."""
    terms = []
    for column in table.columns:
        raw = f"cast(landed.{quoted(column.name)} as varchar)"
        typed = f"cast(staged.{quoted(column.name)} as varchar), " if column.kind == "date" else ""
        terms.append(f"coalesce({typed}{raw}, '')")
    return f"concat_ws(chr(31), {', '.join(terms)})"
