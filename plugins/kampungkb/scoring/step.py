"""The score step."""

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from kampungkb import carrying, lake
from kampungkb.engine.accepted import SOURCE_OF_TABLE, attach
from kampungkb.engine.duckdb import sql_text
from kampungkb.engine.interface import Engine, connect, view, write
from kampungkb.errors import ReconciliationError
from kampungkb.progress import through
from kampungkb.refs import Linked, Scored, Validated
from kampungkb.run import FAMILY_SURVEY, Run
from kampungkb.scoring.answers import find_answers
from kampungkb.scoring.groups import village_counts
from kampungkb.scoring.methodology import Methodology, evidence_of
from kampungkb.scoring.reading import load_methodology
from kampungkb.scoring.statements import BASES, family_score_statement
from kampungkb.scoring.unchanged import FAMILY_SCORE, PROFILES, recipe_of, take_over

log = logging.getLogger(__name__)

INDICATOR = "indicator.parquet"
SURVEY = "village_survey.parquet"
LINKS = ("person_link", "family_link")
PARTS = ("evidence", "answers of members", "answers of families", "scores", "profiles", "counts by village")


def score(run: Run, validated: Sequence[Validated], linked: Linked, methodology: Methodology | None = None) -> Scored:
    """Score every accepted family on both bases and write `lake/scores/<as_of>/`.

    `family_score.parquet` has one row a family and basis, scores 0–100; `indicator.parquet` explains the positions of
    `states`, `provenances` and `evidence`; `family_profile.parquet` and `person_profile.parquet` tell what families and
    persons are like, without what names them; `village_*.parquet` count needs, life-cycle groups, programmes and
    surveyed families. Reads the accepted Parquet files and the crosswalk of `linked`. Where they are those of an
    earlier night its scores are taken over, but for families of whom the date says something else, unless the run is
    forced. The method is the current one unless another is given. Raises
    :class:`~kampungkb.errors.ReconciliationError` where a family is missing or doubled.
    """
    started = time.monotonic()
    method = methodology or load_methodology()
    target = lake.scores(run.settings, run.as_of)
    made_by, inputs = recipe_of(run, method), carrying.digests(_inputs(validated, linked))
    with lake.replacing(target) as folder:
        nights = target.parent.glob("????-??-??")
        before = None if run.force else carrying.earlier(nights, made_by, inputs, run.as_of)
        with connect(run, in_memory=before is not None) as connection:
            attach(connection, validated, *SOURCE_OF_TABLE)
            for name in LINKS:
                view(connection, name, linked.path / f"{name}.parquet")
            connection.execute(f"create or replace macro as_of() as date '{run.as_of.isoformat()}'")
            write(connection, sql_text("score_survey_coverage"), folder / SURVEY)
            _write_indicators(method, folder / INDICATOR)
            if before is None:
                _score_everybody(connection, run, method, folder)
            else:
                take_over(connection, run, method, before, folder)
        rows = pq.read_metadata(folder / FAMILY_SCORE).num_rows
        families = _accepted_families(validated)
        if rows != families * len(BASES):
            raise ReconciliationError(
                f"{families} families were accepted and {rows} scores written instead of {families * len(BASES)}. "
                "Nothing was published; run linkage and scoring of this date again."
            )
        carrying.sign(folder, made_by, run.as_of, inputs)
    how = f"taken over from {before.as_of}" if before else "scored"
    log.info("%s families %s on %s bases, %.1f s", families, how, len(BASES), time.monotonic() - started)
    return Scored(path=target, families=families, rows=rows)


def _inputs(validated: Sequence[Validated], linked: Linked) -> Iterator[Path]:
    folders = {reference.source: reference.path for reference in validated}
    yield from (folders[source] / f"{name}.parquet" for name, source in SOURCE_OF_TABLE.items() if source in folders)
    yield from (linked.path / f"{name}.parquet" for name in LINKS)


def _score_everybody(connection: Engine, run: Run, methodology: Methodology, folder: Path) -> None:
    done = through(run.tell, "score", PARTS)
    find_answers(connection, methodology, run.as_of, done)
    write(connection, family_score_statement(methodology), folder / FAMILY_SCORE)
    view(connection, "family_score", folder / FAMILY_SCORE)
    done()
    for name in PROFILES:
        write(connection, sql_text(f"score_{name}"), folder / f"{name}.parquet")
    done()
    for name, statement in village_counts(methodology).items():
        write(connection, statement, folder / f"{name}.parquet")
    done()


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
