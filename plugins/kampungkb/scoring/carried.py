"""The scores of an earlier night as of tonight: only the families concerned are scored again.

They are scored twice, by the statements that score everybody: the earlier night's rows as of its date, and tonight's.
Their rows of scores and profiles are replaced. Counts by village are sums over families: what these families were in
them is taken out, and what they are is added.
"""

from collections.abc import Container
from datetime import date
from pathlib import Path

from kampungkb import carrying, lake
from kampungkb.contracts import contract
from kampungkb.engine.accepted import SOURCE_OF_PERSONS
from kampungkb.engine.duckdb import sql_text
from kampungkb.engine.interface import Engine, view, write
from kampungkb.run import SOURCES, Run
from kampungkb.scoring.concerned import Columns, columns_read, compare, coverage_differs, find_concerned
from kampungkb.scoring.groups import village_counts
from kampungkb.scoring.inputs import TABLES, EarlierNight, Files, show
from kampungkb.scoring.methodology import Methodology
from kampungkb.scoring.parts import COVERAGE, answer_parts, file_parts, find_answers, statements_of

MOST_CONCERNED = 1 / 3
"""Above this share of the families it costs less to score everybody."""

_FAMILIES, _PERSONS = ("family_key", "concerned_family"), ("person_key", "concerned_person")
_ROWS = {
    "family_score": (*_FAMILIES, "village_code, family_key, basis"),
    "family_profile": (*_FAMILIES, "family_key"),
    "person_profile": (*_PERSONS, "person_key"),
}
"""By file: the key, the table with the keys of rows that are replaced, and the order."""


def recipe_of(run: Run, methodology: Methodology) -> str:
    """A digest of all that scores families: the method, the contracts' tables, and the program."""
    told = [methodology.model_dump_json(), *(contract(source).model_dump_json() for source in SOURCES)]
    return carrying.recipe(run, Path(__file__).parent, ("score_*",), told)


def carry_over(
    connection: Engine, run: Run, methodology: Methodology, earlier: EarlierNight, tonight: Files, folder: Path
) -> int | None:
    """Write into `folder` the scores, profiles and counts of tonight, from those of an earlier night.

    Returns how many families were scored again. None, and nothing written, where so many are concerned that everybody
    is to be scored; otherwise accepted tables and links show those concerned alone afterwards.
    """
    show(connection, earlier.files, "earlier_")
    show(connection, tonight, "tonight_")
    parts = file_parts(methodology)
    coverage = parts["counts by village"][COVERAGE]
    columns = columns_read(connection, [*statements_of(answer_parts(methodology, run.as_of)), *statements_of(parts)])
    differing = {table for table in TABLES if earlier.files.get(table) != tonight.get(table)}
    compare(connection, columns, columns_read(connection, [coverage]), differing)
    find_concerned(connection, methodology, earlier.as_of, run.as_of)
    concerned = _count(connection, "concerned_family")
    if concerned > MOST_CONCERNED * _count(connection, "tonight_keluarga"):
        return None
    _write_coverage(connection, coverage, earlier, folder)
    _show_concerned(connection, columns, "earlier", TABLES)
    _score(connection, methodology, "earlier", earlier.as_of)
    others = differing if "person_link" not in differing else TABLES
    _show_concerned(connection, columns, "tonight", others)
    _score(connection, methodology, "tonight", run.as_of)
    for name, statement in parts["profiles"].items():
        connection.execute(f"create or replace temp table {name}_tonight as {statement}")
    for name in _ROWS:
        _write_rows(connection, name, earlier.scores, folder)
    for name in village_counts(methodology):
        _write_counts(connection, name, earlier.scores, folder)
    return concerned


def _count(connection: Engine, table: str) -> int:
    return int(connection.execute(f"select count(*) from {table}").fetchone()[0])


def _write_coverage(connection: Engine, statement: str, earlier: EarlierNight, folder: Path) -> None:
    """Write whom the survey reaches; where no row of it differs, the answers are as many days older as passed."""
    if not coverage_differs(connection):
        view(connection, f"earlier_{COVERAGE}", earlier.scores / f"{COVERAGE}.parquet")
        connection.execute(f"create or replace macro earlier_as_of() as date '{earlier.as_of.isoformat()}'")
        statement = sql_text("score_survey_coverage_later")
    write(connection, statement, folder / f"{COVERAGE}.parquet")


def _score(connection: Engine, methodology: Methodology, night: str, as_of: date) -> None:
    """Make `family_score` and the counts by village of the families shown, each `…_<night>`."""
    find_answers(connection, methodology, as_of)
    for name, statement in {**file_parts(methodology)["scores"], **village_counts(methodology)}.items():
        connection.execute(f"create or replace temp table {name}_{night} as {statement}")
        connection.execute(f"create or replace view {name} as select * from {name}_{night}")


def _show_concerned(connection: Engine, columns: Columns, night: str, tables: Container[str]) -> None:
    """Let some of accepted tables and links show one night's rows of the families concerned and the persons shown."""
    families = "(select source_key from concerned_family)"
    of_persons = {
        table: f"source_key in (select source_key from person_link where source = '{source}')"
        for table, source in SOURCE_OF_PERSONS.items()
    }
    shown = {
        "person_link": "person_key in (select person_key from shown_person)",
        **of_persons,
        "keluarga": f"source_key in {families}",
        "anggota": f'"KODE_KELUARGA" in {families}',
        "family_link": f"source_key in {families}",
        "data_keluarga": f'no_kk in (select "NO_KK" from either_keluarga where source_key in {families})',
    }
    for table, condition in shown.items():
        if table in tables:
            listed = ", ".join(columns[table])
            connection.execute(
                f"create or replace temp table shown_{table} as select {listed} from {night}_{table} where {condition}"
            )
            connection.execute(f"create or replace view {table} as select * from shown_{table}")


def _write_rows(connection: Engine, name: str, earlier: Path, folder: Path) -> None:
    """Write the rows of everybody; the earlier file where those concerned have the rows that they had."""
    key, table, order = _ROWS[name]
    file, keys = f"{name}.parquet", f"(select {key} from {table})"
    view(connection, f"earlier_{name}", earlier / file)
    connection.execute(
        f"create or replace temp table replaced_{name} as select * from earlier_{name} where {key} in {keys}"
    )
    connection.execute(
        f"create or replace temp table replacing_{name} as select * from {name}_tonight where {key} in {keys}"
    )
    differing = " union all ".join(
        f"(select * from {one}_{name} except select * from {other}_{name})"
        for one, other in (("replaced", "replacing"), ("replacing", "replaced"))
    )
    if connection.execute(f"select 1 from ({differing}) as differing limit 1").fetchone() is None:
        lake.carry(earlier / file, folder)
        return
    write(
        connection,
        f"select * from (select * from earlier_{name} where {key} not in {keys} "
        f"union all select * from replacing_{name}) as row order by {order}",
        folder / file,
    )


def _write_counts(connection: Engine, name: str, earlier: Path, folder: Path) -> None:
    """Write the counts of all families, by the first two columns."""
    first, second, *counts = (row[0] for row in connection.execute(f"describe {name}_tonight").fetchall())
    taken_out = ", ".join(f"-{count} as {count}" for count in counts)
    sums = ", ".join(f"cast(sum({count}) as bigint) as {count}" for count in counts)
    view(connection, f"earlier_{name}", earlier / f"{name}.parquet")
    write(
        connection,
        f"select {first}, {second}, {sums} from ("
        f"select * from earlier_{name} union all select * from {name}_tonight "
        f"union all select {first}, {second}, {taken_out} from {name}_earlier) as part "
        f"group by {first}, {second} having sum({counts[0]}) > 0",
        folder / f"{name}.parquet",
    )
