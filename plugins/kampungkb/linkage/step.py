"""The link step."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from duckdb import DuckDBPyConnection

from kampungkb import lake
from kampungkb.engine.accepted import SOURCE_OF_PERSONS, attach
from kampungkb.engine.duckdb import connect, sql_text
from kampungkb.errors import ReconciliationError
from kampungkb.linkage.accuracy import check_accuracy
from kampungkb.linkage.crosswalk import assign_keys, latest_before, read_previous, write_crosswalk
from kampungkb.linkage.decision import decide
from kampungkb.linkage.decisions import decisions_for
from kampungkb.linkage.incremental import find_pairs, write_pairs
from kampungkb.linkage.model import load_model
from kampungkb.linkage.records import read_records
from kampungkb.linkage.review import create_decisions, write_duplicates, write_review
from kampungkb.linkage.rules import find_groups
from kampungkb.refs import Linked, Validated
from kampungkb.run import Run
from kampungkb.settings import EXPECTATIONS

log = logging.getLogger(__name__)


def link(run: Run, validated: Sequence[Validated], *, expectations: Path = EXPECTATIONS) -> Linked:
    """Link the accepted person records of all present sources and write the crosswalk of the run's date.

    Reads the accepted Parquet files, the model, and the latest persons strictly before `run.as_of`; writes into
    `lake/persons/<as_of>/` `person_link.parquet`, `family_link.parquet`, `retired_link.parquet`,
    `candidate_pair.parquet` (the pairs that the model found, and how it weighs them), `record_fingerprint.parquet`,
    and `checks.parquet`: how often linked records differ from the registry's. The same inputs give the same rows.
    Raises :class:`~kampungkb.errors.ReconciliationError` where a record was lost or doubled,
    :class:`~kampungkb.errors.ConfigurationError` for a model that cannot be used, and the errors of
    :func:`~kampungkb.linkage.accuracy.check_accuracy`.
    """
    started = time.monotonic()
    decisions = decisions_for(run)
    target = lake.persons(run.settings, run.as_of)
    model = load_model(run.settings)
    earlier = latest_before(run.settings, run.as_of)
    with connect(run) as connection, lake.replacing(target) as folder:
        attach(connection, validated, "keluarga", *SOURCE_OF_PERSONS)
        read_records(connection)
        create_decisions(connection, decisions)
        find_groups(connection)
        compared = find_pairs(connection, model, "person_fact", earlier)
        decide(connection, model)
        read_previous(connection, earlier)
        assign_keys(connection, run.as_of)
        write_crosswalk(connection, run.as_of, folder)
        write_pairs(connection, folder)
        write_review(connection, model, folder)
        write_duplicates(connection, run.as_of, folder)
        check_accuracy(connection, run, folder, expectations=expectations)
        linked = _reference(connection, run, validated)
    log.info(
        "linked %s person records to %s persons, %s compared anew by model %s, %.1f s",
        sum(linked.records.values()),
        linked.persons,
        compared,
        model.version,
        time.monotonic() - started,
    )
    return linked


def _reference(connection: DuckDBPyConnection, run: Run, validated: Sequence[Validated]) -> Linked:
    counted = {
        source: (records, linked) for source, records, linked in connection.execute(sql_text("link_count")).fetchall()
    }
    records = {reference.source: counted.get(reference.source, (0, 0))[0] for reference in validated}
    _reconcile(records, validated)
    persons = connection.execute("select count(distinct person_key) from person_link").fetchone()
    return Linked(
        path=lake.persons(run.settings, run.as_of),
        records=records,
        linked={source: counted.get(source, (0, 0))[1] for source in records},
        persons=int(persons[0]) if persons else 0,
    )


def _reconcile(records: dict[str, int], validated: Sequence[Validated]) -> None:
    for reference in validated:
        accepted = sum(
            rows
            for table, rows in reference.accepted.items()
            if SOURCE_OF_PERSONS.get(table.lower()) == reference.source
        )
        if accepted != records[reference.source]:
            raise ReconciliationError(
                f"{reference.source}: {accepted} person records were accepted and {records[reference.source]} stand in "
                "the crosswalk. Nothing was published; run validation and linkage of this date again."
            )
