"""Rows of `ops.gate_result`: the verdicts on the deliveries of a run's date, as the lake keeps them."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from kampungkb.run import Run
from kampungkb.verdicts import Verdict, latest_verdict

_TYPES: dict[str, pa.DataType] = {
    "source": pa.string(),
    "gate": pa.string(),
    "subject": pa.string(),
    "as_of": pa.date32(),
    "snapshot": pa.string(),
    "level": pa.string(),
    "report_only": pa.bool_(),
    "measured": pa.float64(),
    "usual": pa.float64(),
    "suspicious_limit": pa.string(),
    "closed_limit": pa.string(),
    "loads": pa.int32(),
    "reason": pa.string(),
    "decision": pa.string(),
    "decided_by": pa.string(),
    "by_default": pa.bool_(),
    "decided_at": pa.timestamp("us", tz="UTC"),
}
SCHEMA = pa.schema(_TYPES)


def gate_results(run: Run, sources: Sequence[str]) -> pa.Table:
    """One row an outcome of every gate on the deliveries of the run's date; a source without delivery has none."""
    verdicts = (latest_verdict(run.settings, source, run.as_of) for source in sources)
    rows = [row for verdict in verdicts if verdict is not None for row in _rows(run, verdict)]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _rows(run: Run, verdict: Verdict) -> Iterator[dict[str, Any]]:
    for outcome in verdict.outcomes:
        decided = verdict.decision if outcome.effect != "open" else None
        yield {
            **outcome.model_dump(),
            "source": verdict.source,
            "as_of": run.as_of,
            "snapshot": verdict.snapshot_id,
            "decision": decided and ("accepted" if decided.accepted else "held_back"),
            "decided_by": decided and decided.by,
            "by_default": decided and decided.by_default,
            "decided_at": decided and decided.at,
        }
