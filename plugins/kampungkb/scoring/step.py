"""The score step."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from kampungkb import carrying, lake
from kampungkb.engine.interface import Engine, connect, view, write
from kampungkb.errors import ReconciliationError
from kampungkb.progress import through
from kampungkb.refs import Linked, Scored, Validated
from kampungkb.run import Run
from kampungkb.scoring.carried import carry_over, recipe_of
from kampungkb.scoring.inputs import earlier_night, files_of, show
from kampungkb.scoring.methodology import Methodology, evidence_of
from kampungkb.scoring.parts import answer_parts, file_parts, find_answers
from kampungkb.scoring.reading import load_methodology
from kampungkb.scoring.statements import BASES

log = logging.getLogger(__name__)

INDICATOR = "indicator.parquet"
FAMILY_SCORE = "family_score.parquet"


def score(run: Run, validated: Sequence[Validated], linked: Linked, methodology: Methodology | None = None) -> Scored:
    """Score every accepted family on both bases and write `lake/scores/<as_of>/`.

    `family_score.parquet` has one row a family and basis, scores 0–100; `indicator.parquet` explains the positions of
    `states`, `provenances` and `evidence`; `family_profile.parquet` and `person_profile.parquet` tell what families and
    persons are like, without what names them; `village_*.parquet` count needs, life-cycle groups, programmes and
    surveyed families. Reads the accepted Parquet files and the crosswalk of `linked`. What an earlier night made of
    the same rows is taken over, but for families of whom the date says something else, unless the run is forced. The
    method is the current one unless another is given. Raises :class:`~kampungkb.errors.ReconciliationError` where a
    family is missing or doubled.
    """
    started = time.monotonic()
    method = methodology or load_methodology()
    target = lake.scores(run.settings, run.as_of)
    files = files_of(validated, linked)
    made_by, inputs = recipe_of(run, method), carrying.digests_told(files.values())
    with lake.replacing(target) as folder:
        before = None if run.force else earlier_night(run, made_by, files, inputs)
        with connect(run, in_memory=before is not None) as connection:
            show(connection, files)
            connection.execute(f"create or replace macro as_of() as date '{run.as_of.isoformat()}'")
            _write_indicators(method, folder / INDICATOR)
            again = carry_over(connection, run, method, before, files, folder) if before else None
            if again is None:
                _score_everybody(connection, run, method, folder)
        rows = pq.read_metadata(folder / FAMILY_SCORE).num_rows
        families = pq.read_metadata(files["keluarga"]).num_rows
        if rows != families * len(BASES):
            raise ReconciliationError(
                f"{families} families were accepted and {rows} scores written instead of {families * len(BASES)}. "
                "Nothing was published; run linkage and scoring of this date again."
            )
        carrying.sign(folder, made_by, run.as_of, inputs)
    how = "scored" if before is None or again is None else f"taken over from {before.as_of} ({again} scored again)"
    log.info("%s families %s on %s bases, %.1f s", families, how, len(BASES), time.monotonic() - started)
    return Scored(path=target, families=families, rows=rows)


def _score_everybody(connection: Engine, run: Run, methodology: Methodology, folder: Path) -> None:
    answers, files = answer_parts(methodology, run.as_of), file_parts(methodology)
    done = through(run.tell, "score", (*answers, *files))
    find_answers(connection, methodology, run.as_of, done)
    for statements in files.values():
        for name, statement in statements.items():
            write(connection, statement, folder / f"{name}.parquet")
            view(connection, name, folder / f"{name}.parquet")
        done()


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
