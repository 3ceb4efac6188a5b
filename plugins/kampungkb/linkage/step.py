"""The link step."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection

from kampungkb import carrying, lake
from kampungkb.carrying import Digests, MadeOf
from kampungkb.engine.accepted import SOURCE_OF_PERSONS, attach
from kampungkb.engine.duckdb import connect, sql_text
from kampungkb.errors import ReconciliationError
from kampungkb.linkage.accuracy import judge_links, read_linked_suite, write_accuracy
from kampungkb.linkage.crosswalk import (
    FAMILY_LINK,
    PERSON_LINK,
    assign_keys,
    latest_before,
    read_previous,
    write_crosswalk,
)
from kampungkb.linkage.decisions import Decision, decisions_for
from kampungkb.linkage.incremental import TooMuchChanged, decide_changes, decide_everything
from kampungkb.linkage.model import Model, load_model
from kampungkb.linkage.output import Output
from kampungkb.linkage.prediction import CANDIDATE_PAIR, Predict, predictor
from kampungkb.linkage.records import read_sources
from kampungkb.linkage.review import (
    create_decisions,
    find_duplicates,
    find_repeated,
    looked_at,
    read_facts,
    write_duplicates,
    write_review,
)
from kampungkb.linkage.state import STATE, inputs_of, recipe, state_of, usable
from kampungkb.linkage.unchanged import take_over
from kampungkb.progress import through
from kampungkb.refs import Linked, Validated
from kampungkb.run import Run
from kampungkb.settings import EXPECTATIONS
from kampungkb.validation.suites import Suite

log = logging.getLogger(__name__)

PARTS = ("records read", "records compared", "keys assigned", "links written", "links judged", "state", "reviews")


def link(run: Run, validated: Sequence[Validated], *, expectations: Path = EXPECTATIONS) -> Linked:
    """Link the accepted person records of all present sources and write the crosswalk of the run's date.

    Reads the accepted Parquet files, the model, and the latest persons strictly before `run.as_of`; writes into
    `lake/persons/<as_of>/` `person_link.parquet`, `family_link.parquet`, `retired_link.parquet`,
    `candidate_pair.parquet` (the pairs that the model found, and how it weighs them), `match_review.parquet`,
    `duplicate_record.parquet`, `decisions.parquet`, `record_state.parquet` (what the next night carries over)
    and `checks.parquet`: how often linked records differ from the registry's. The same inputs give the same rows.
    Raises :class:`~kampungkb.errors.ReconciliationError` where a record was lost or doubled,
    :class:`~kampungkb.errors.ConfigurationError` for a model that cannot be used, and the errors of
    :func:`~kampungkb.linkage.accuracy.judge_links`.
    """
    decisions = decisions_for(run)
    model = load_model(run.settings)
    suite = read_linked_suite(expectations)
    made_by, inputs = recipe(run, model, suite), inputs_of(validated, decisions)
    earlier = latest_before(run.settings, run.as_of)
    with lake.replacing(lake.persons(run.settings, run.as_of)) as folder:
        night = _Night(run, validated, decisions, model, suite, predictor(run), earlier, folder)
        linked = _link_what_changed(night, usable(earlier, made_by), inputs)
        carrying.sign(folder, made_by, run.as_of, inputs, files=(folder / name for name in (FAMILY_LINK, PERSON_LINK)))
    return linked


@dataclass(frozen=True)
class _Night:
    run: Run
    validated: Sequence[Validated]
    decisions: Sequence[Decision]
    model: Model
    suite: Suite
    predict: Predict
    earlier: Path | None
    folder: Path


def _link_what_changed(night: _Night, before: MadeOf | None, inputs: Digests) -> Linked:
    """Link nobody, what changed, or everybody, as what the night before was made of allows."""
    if before is None:
        return _link(night, carried=None)
    if before.inputs == inputs and not night.run.force:
        return _link_nobody(night)
    with suppress(TooMuchChanged):
        return _link(night, carried=night.earlier)
    return _link(night, carried=None)


def _link_nobody(night: _Night) -> Linked:
    """Take over the files of the night before."""
    assert night.earlier is not None  # noqa: S101
    started = time.monotonic()
    with connect(night.run, in_memory=True) as connection:
        attach(connection, night.validated, "keluarga", *SOURCE_OF_PERSONS)
        take_over(connection, night.run, night.earlier, night.folder)
        linked = _reference(connection, night.run, night.validated)
    _tell(linked, 0, night, started)
    return linked


def _link(night: _Night, carried: Path | None) -> Linked:
    """Link what changed since the night whose folder is carried over, or everybody.

    Raises :class:`TooMuchChanged` before anything is written.
    """
    started = time.monotonic()
    # What changed fits in memory, where a table is written in half the time; of everybody it would not.
    with connect(night.run, in_memory=carried is not None) as connection:
        attach(connection, night.validated, "keluarga", *SOURCE_OF_PERSONS)
        read_sources(connection)
        create_decisions(connection, night.decisions)
        done = through(night.run.tell, "link", PARTS)
        done()
        if carried:
            compared = decide_changes(connection, night.model, carried, night.predict)
        else:
            compared = decide_everything(connection, night.model, night.predict)
        done()
        _write(connection, night, carried, done)
        linked = _reference(connection, night.run, night.validated)
    _tell(linked, compared, night, started)
    return linked


def _tell(linked: Linked, compared: int, night: _Night, started: float) -> None:
    log.info(
        "linked %s person records to %s persons, %s compared anew by model %s, %.1f s",
        sum(linked.records.values()),
        linked.persons,
        compared,
        night.model.version,
        time.monotonic() - started,
    )


def _write(connection: DuckDBPyConnection, night: _Night, carried: Path | None, done: Callable[[], None]) -> None:
    """Give every person a key and write the files of the night."""
    output = Output(connection, night.folder, carried)
    read_previous(connection, night.earlier, reopened=carried is not None)
    assign_keys(connection, night.run.as_of)
    done()
    write_crosswalk(connection, night.run.as_of, output)
    done()
    output.write(sql_text("link_candidate_pair"), CANDIDATE_PAIR, "left_source", "left_key")
    judge_links(connection, night.run, night.suite)
    done()
    output.write(state_of(night.model.definition), STATE, "source", "source_key")
    connection.read_parquet(str(night.folder / STATE)).create_view("record_state")
    done()
    find_repeated(connection)
    read_facts(connection, looked_at(night.model.definition))
    write_review(connection, night.model, output)
    find_duplicates(connection, night.run.as_of)
    write_duplicates(output)
    done()
    write_accuracy(connection, night.run, night.folder, night.suite)


def _reference(connection: DuckDBPyConnection, run: Run, validated: Sequence[Validated]) -> Linked:
    counted = {source: counts for source, *counts in connection.execute(sql_text("link_count")).fetchall()}
    of_source = {reference.source: counted.get(reference.source, (0, 0, 0)) for reference in validated}
    records = {source: records for source, (records, _, _) in of_source.items()}
    _reconcile(records, validated)
    return Linked(
        path=lake.persons(run.settings, run.as_of),
        records=records,
        linked={source: linked for source, (_, linked, _) in of_source.items()},
        persons=sum(persons for _, _, persons in of_source.values()),
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
