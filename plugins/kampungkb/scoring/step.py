"""The score step."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from kampungkb import lake
from kampungkb.engine.accepted import attach
from kampungkb.engine.duckdb import sql_text
from kampungkb.engine.interface import Engine, connect, view, write
from kampungkb.errors import ReconciliationError
from kampungkb.progress import through
from kampungkb.refs import Linked, Scored, Validated
from kampungkb.run import FAMILY_SURVEY, Run
from kampungkb.scoring.groups import life_cycle_statement, need_statement, programme_statement
from kampungkb.scoring.methodology import Methodology, evidence_of
from kampungkb.scoring.reading import load_methodology
from kampungkb.scoring.statements import (
    BASES,
    evidence_statements,
    family_answer_statement,
    family_score_statement,
    member_answer_statement,
)

log = logging.getLogger(__name__)

FAMILY_SCORE = "family_score.parquet"
INDICATOR = "indicator.parquet"
NEED = "village_need.parquet"
LIFE_CYCLE = "village_life_cycle.parquet"
PROGRAMME = "village_programme.parquet"
SURVEY = "village_survey.parquet"
PROFILES = ("family_profile", "person_profile")
PARTS = ("evidence", "answers of members", "answers of families", "scores", "profiles", "counts by village")


def score(run: Run, validated: Sequence[Validated], linked: Linked, methodology: Methodology | None = None) -> Scored:
    """Score every accepted family on both bases and write `lake/scores/<as_of>/`.

    `family_score.parquet` has one row a family and basis, scores 0–100; `indicator.parquet` explains the positions of
    `states`, `provenances` and `evidence`; `family_profile.parquet` and `person_profile.parquet` tell what families and
    persons are like, without what names them; `village_*.parquet` count needs, life-cycle groups, programmes and
    surveyed families. Reads the accepted Parquet files and the crosswalk of `linked`. The method is the current one
    unless another is given. Raises :class:`~kampungkb.errors.ReconciliationError` where a family is
    missing or doubled.
    """
    started = time.monotonic()
    method = methodology or load_methodology()
    target = lake.scores(run.settings, run.as_of)
    with connect(run) as connection, lake.replacing(target) as folder:
        attach(connection, validated, "keluarga", "anggota", "biodata_wni", "data_keluarga", "peserta")
        for name in ("person_link", "family_link"):
            view(connection, name, linked.path / f"{name}.parquet")
        connection.execute(f"create view member as {sql_text('score_member')}")
        for table, statement in evidence_statements(method, run.as_of):
            connection.execute(f"create temp table {table} as {statement}")
        done = through(run.tell, "score", PARTS)
        done()
        connection.execute(f"create temp table member_answer as {member_answer_statement(method, run.as_of)}")
        done()
        connection.execute(f"create temp table family_answer as {family_answer_statement(method)}")
        done()
        write(connection, family_score_statement(method), folder / FAMILY_SCORE)
        done()
        for name in PROFILES:
            write(connection, sql_text(f"score_{name}"), folder / f"{name}.parquet")
        done()
        _write_indicators(method, folder / INDICATOR)
        _write_village_counts(connection, run, method, folder)
        done()
        rows = pq.read_metadata(folder / FAMILY_SCORE).num_rows
        families = _accepted_families(validated)
        if rows != families * len(BASES):
            raise ReconciliationError(
                f"{families} families were accepted and {rows} scores written instead of {families * len(BASES)}. "
                "Nothing was published; run linkage and scoring of this date again."
            )
    log.info("scored %s families on %s bases, %.1f s", families, len(BASES), time.monotonic() - started)
    return Scored(path=target, families=families, rows=rows)


def _write_village_counts(connection: Engine, run: Run, methodology: Methodology, folder: Path) -> None:
    """What the marts need of members and of the sources, counted by village."""
    view(connection, "family_score", folder / FAMILY_SCORE)
    connection.execute(f"create or replace macro as_of() as date '{run.as_of.isoformat()}'")
    for file, statement in (
        (NEED, need_statement(methodology)),
        (LIFE_CYCLE, life_cycle_statement(methodology)),
        (PROGRAMME, programme_statement(methodology)),
        (SURVEY, sql_text("score_survey_coverage")),
    ):
        write(connection, statement, folder / file)


def _accepted_families(validated: Sequence[Validated]) -> int:
    survey = next(reference for reference in validated if reference.source == FAMILY_SURVEY)
    return pq.read_metadata(survey.path / "keluarga.parquet").num_rows


def _write_indicators(methodology: Methodology, file: Path) -> None:
    rows = [
        {
            "methodology": methodology.id,
            "position": position,
            "indicator": indicator.id,
            "dimension": indicator.dimension,
            "in_index": indicator.in_index,
            "sector": indicator.sector,
            "function": indicator.function,
            "evidence_source": evidence.source if (evidence := evidence_of(indicator)) else None,
        }
        for position, indicator in enumerate(methodology.indicators, start=1)
    ]
    pq.write_table(pa.Table.from_pylist(rows), file, compression="zstd")
