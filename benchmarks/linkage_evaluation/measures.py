"""Measures of one linked night whose truth is known. Statements are the `.sql` files beside this module."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from kampungkb import lake
from kampungkb.engine.accepted import SOURCE_OF_PERSONS, attach
from kampungkb.engine.duckdb import connect
from kampungkb.linkage.clusters import label_records
from kampungkb.linkage.crosswalk import PERSON_LINK
from kampungkb.linkage.prediction import CANDIDATE_PAIR
from kampungkb.linkage.records import read_records
from kampungkb.linkage.rules import find_groups
from kampungkb.refs import Validated
from kampungkb.run import Run
from kampungkb.settings import Settings

Row = dict[str, Any]

_EXACT = """
select min(record_id) over (partition by rule, link_group) as left_id, record_id as right_id from exact_shared
"""


@dataclass(frozen=True)
class Measured:
    """What was found on one sample. Rows are described in the statement that makes them."""

    families: int
    seed: int
    error_scale: float
    records: int
    pairwise: list[Row]
    clusterwise: list[Row]
    calibration: list[Row]
    brier: dict[str, float | None]
    """By kind of probability: its mean squared distance to the truth over the candidate pairs; 0 is perfect."""
    candidate_pairs: int

    def pairs(self, method: str, grouping: str = "all") -> list[Row]:
        """The pairwise rows of a method and grouping."""
        return [row for row in self.pairwise if row["method"] == method and row["grouping"] == grouping]


def statement(name: str) -> str:
    """The text of `<name>.sql` beside this module."""
    return (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")


def validated(settings: Settings, as_of: date) -> list[Validated]:
    """The references that validation left in the lake, with their present place."""
    folders = sorted((settings.lake / "accepted" / as_of.isoformat()).glob("*/result.json"))
    return [
        Validated.model_validate_json(file.read_text(encoding="utf-8")).model_copy(update={"path": file.parent})
        for file in folders
    ]


def measure(run: Run, truth: Path, *, families: int, seed: int, error_scale: float) -> Measured:
    """Hold the crosswalk of the run's date against the truth of the sample in the folder `truth`.

    Beside it stands exact linkage alone: records that share a group of an exact rule are one person.
    """
    persons = lake.persons(run.settings, run.as_of)
    with connect(run) as connection:
        attach(connection, validated(run.settings, run.as_of), "keluarga", *SOURCE_OF_PERSONS)
        read_records(connection)
        find_groups(connection)
        label_records(connection, _EXACT)
        _create(connection, "true_person", as_of=run.as_of, persons=str(truth / "persons.parquet"))
        _create(
            connection,
            "evaluated_record",
            records=str(truth / "records.parquet"),
            links=str(persons / PERSON_LINK),
        )
        _create(connection, "pair")
        _create(connection, "grouped_pair")
        _create(connection, "judged_pair", pairs=str(persons / CANDIDATE_PAIR))
        ((alone, given, candidates),) = connection.execute(
            "select avg(pow(alone - cast(is_true as integer), 2)), avg(pow(given - cast(is_true as integer), 2)), "
            "count(*) from judged_pair"
        ).fetchall()
        return Measured(
            families=families,
            seed=seed,
            error_scale=error_scale,
            records=int(connection.execute("select count(*) from evaluated_record").fetchall()[0][0]),
            pairwise=_rows(connection, "pairwise"),
            clusterwise=_rows(connection, "clusterwise"),
            calibration=_rows(connection, "calibration"),
            brier={"alone": alone, "given": given},
            candidate_pairs=int(candidates),
        )


def _create(connection: DuckDBPyConnection, name: str, **parameters: Any) -> None:
    connection.execute(f"create table {name} as {statement(name)}", parameters or None)


def _rows(connection: DuckDBPyConnection, name: str) -> list[Row]:
    result = connection.execute(statement(name))
    columns = [column[0] for column in result.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
