"""A night of the same accepted rows and decisions as the night before: its files are carried over.

Duplicates of the insurance alone are listed anew, since its cards begin and end by date, and results carry the date.
"""

from pathlib import Path

from duckdb import DuckDBPyConnection

from kampungkb import lake
from kampungkb.carrying import MADE_OF
from kampungkb.connections import HEALTH_INSURANCE
from kampungkb.linkage.crosswalk import PERSON_LINK
from kampungkb.linkage.output import Output
from kampungkb.linkage.records import view_sources
from kampungkb.linkage.review import DUPLICATES, find_duplicates, find_repeated, read_facts, write_duplicates
from kampungkb.linkage.state import STATE
from kampungkb.run import Run
from kampungkb.validation.results import FILE, read_results, write_results


def take_over(connection: DuckDBPyConnection, run: Run, earlier: Path, folder: Path) -> None:
    """Write into `folder` what `earlier` holds, as of tonight; the accepted tables are attached to the connection.

    Leaves the views `record_state` and, of the insurance, `person_source`.
    """
    for path in earlier.iterdir():
        if path.name.endswith(FILE):
            write_results(folder, read_results(path).model_copy(update={"as_of": run.as_of}), path.name)
        elif path.name not in (MADE_OF, DUPLICATES):
            lake.carry(path, folder)
    view_sources(connection, HEALTH_INSURANCE)
    connection.read_parquet(str(folder / STATE)).create_view("record_state")
    connection.read_parquet(str(folder / PERSON_LINK)).create_view("every_link")
    find_repeated(connection)
    read_facts(connection)
    find_duplicates(connection, run.as_of)
    connection.execute(
        "insert into duplicate_record by name from read_parquet($file) where source <> $source",
        {"file": str(earlier / DUPLICATES), "source": HEALTH_INSURANCE},
    )
    write_duplicates(Output(connection, folder))
