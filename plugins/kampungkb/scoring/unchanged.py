"""The scores of an earlier night, made of the same rows, links and method, as of tonight.

The date decides in three places: the age of members in groups and programmes, whether an insurance is in force, and
how old the answers of a village are. The last is computed for all. For the other two only those families are scored
again of whom a member had a birthday, or a record began or ended, between the two dates. Counts by village are sums
over families: what these families were in them is taken out, and what they are tonight is added.
"""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from kampungkb import carrying
from kampungkb.carrying import Earlier
from kampungkb.contracts import contract
from kampungkb.engine.interface import Engine, view, write
from kampungkb.run import FAMILY_SURVEY, SOURCES, Run
from kampungkb.scoring import expressions as sql
from kampungkb.scoring.answers import find_answers
from kampungkb.scoring.groups import village_counts
from kampungkb.scoring.methodology import InForceEvidence, Methodology, evidence_of
from kampungkb.scoring.statements import family_score_statement

FAMILY_SCORE = "family_score.parquet"
PROFILES = ("family_profile", "person_profile")


def recipe_of(run: Run, methodology: Methodology) -> str:
    """A digest of all that scores families: the method, the contracts' tables, and the program."""
    told = [methodology.model_dump_json(), *(contract(source).model_dump_json() for source in SOURCES)]
    return carrying.recipe(run, Path(__file__).parent, ("score_*",), told)


def take_over(connection: Engine, run: Run, methodology: Methodology, earlier: Earlier, folder: Path) -> None:
    """Write into `folder` what `earlier` holds, as of tonight: scores, profiles and counts by village.

    Afterwards accepted families, members and links show the families alone that were scored again.
    """
    for name in PROFILES:
        shutil.copyfile(earlier.path / f"{name}.parquet", folder / f"{name}.parquet")
    _find_turned(connection, methodology, earlier.as_of, run.as_of)
    _show_turned_alone(connection)
    _score(connection, methodology, earlier.as_of, "before")
    _score(connection, methodology, run.as_of, "tonight")
    _write_scores(connection, earlier.path / FAMILY_SCORE, folder / FAMILY_SCORE)
    for name in village_counts(methodology):
        _write_counts(connection, name, earlier.path / f"{name}.parquet", folder / f"{name}.parquet")


def _find_turned(connection: Engine, methodology: Methodology, before: date, tonight: date) -> None:
    """`turned`: the families of whom the two dates may say different things."""
    families = [
        'select "KODE_KELUARGA" from anggota '
        f"where {_differs(*(sql.full_years(sql.name('K.04'), day) for day in (before, tonight)))}",
        *_families_of_turned_records(methodology, before, tonight),
    ]
    connection.execute(
        f'create or replace temp table turned as select distinct "KODE_KELUARGA" from ({" union all ".join(families)})'
    )


def _families_of_turned_records(methodology: Methodology, before: date, tonight: date) -> Iterator[str]:
    for evidence in map(evidence_of, methodology.indicators):
        if isinstance(evidence, InForceEvidence):
            differs = _differs(*(sql.in_force_answer(evidence, day) for day in (before, tonight)))
            yield (
                'select anggota."KODE_KELUARGA" '
                f"from (select source_key from {evidence.table} where {differs}) as own "
                "inner join person_link as told "
                f"on told.source = {sql.text(evidence.source)} and own.source_key = told.source_key "
                "inner join person_link as asked "
                f"on asked.source = '{FAMILY_SURVEY}' and told.person_key = asked.person_key "
                "inner join anggota on asked.source_key = anggota.source_key"
            )


def _differs(before: str, tonight: str) -> str:
    return f"({before}) is distinct from ({tonight})"


def _show_turned_alone(connection: Engine) -> None:
    """Let `keluarga`, `anggota` and the links show the turned families and the persons in them."""
    persons = (
        "select person_link.person_key from person_link "
        f"inner join turned_anggota on person_link.source = '{FAMILY_SURVEY}' "
        "and person_link.source_key = turned_anggota.source_key"
    )
    of_turned = {
        "keluarga": 'select * from keluarga where "KODE_KELUARGA" in (select "KODE_KELUARGA" from turned)',
        "anggota": 'select * from anggota where "KODE_KELUARGA" in (select "KODE_KELUARGA" from turned)',
        "person_link": f"select * from person_link where person_key in ({persons})",
        "family_link": "select * from family_link where source_key in (select source_key from turned_keluarga)",
    }
    for name, query in of_turned.items():
        connection.execute(f"create or replace table turned_{name} as {query}")
    for name in of_turned:
        connection.execute(f"create or replace view {name} as select * from turned_{name}")


def _score(connection: Engine, methodology: Methodology, as_of: date, which: str) -> None:
    """Make `family_score` and the counts by village of the families shown, each `…_<which>`."""
    find_answers(connection, methodology, as_of)
    connection.execute(f"create or replace temp table family_score_{which} as {family_score_statement(methodology)}")
    connection.execute(f"create or replace view family_score as select * from family_score_{which}")
    for name, statement in village_counts(methodology).items():
        connection.execute(f"create or replace temp table {name}_{which} as {statement}")


def _write_scores(connection: Engine, earlier: Path, target: Path) -> None:
    differing = (
        "(select * from family_score_before except select * from family_score_tonight) union all "
        "(select * from family_score_tonight except select * from family_score_before)"
    )
    if connection.execute(f"select 1 from ({differing}) as differing limit 1").fetchone() is None:
        shutil.copyfile(earlier, target)
        return
    view(connection, "earlier_score", earlier)
    write(
        connection,
        "select * from (select * from earlier_score where family_key not in (select family_key from family_link) "
        "union all select * from family_score_tonight) as score order by village_code, family_key, basis",
        target,
    )


def _write_counts(connection: Engine, name: str, earlier: Path, target: Path) -> None:
    """The counts of all families, by the first two columns."""
    first, second, *counts = (row[0] for row in connection.execute(f"describe {name}_tonight").fetchall())
    taken_out = ", ".join(f"-{count} as {count}" for count in counts)
    sums = ", ".join(f"cast(sum({count}) as bigint) as {count}" for count in counts)
    view(connection, f"earlier_{name}", earlier)
    write(
        connection,
        f"select {first}, {second}, {sums} from ("
        f"select * from earlier_{name} union all select * from {name}_tonight "
        f"union all select {first}, {second}, {taken_out} from {name}_before) as part "
        f"group by {first}, {second} having sum({counts[0]}) > 0",
        target,
    )
