"""The last load as figures for Prometheus: rows, seconds, memory and scores by source and step, none of a region.

Comes in: the rows of `ops.last_night` and the journal of that run. Goes out: text in Prometheus' format.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from kampungkb.orchestration.journal import Entry
from kampungkb.ui.reading import Row

_MIB = 1024**2
_ROWS = ("read", "accepted", "rejected")


@dataclass(frozen=True, eq=False)
class _Figures:
    """What a registry of Prometheus asks for its metrics."""

    metrics: tuple[GaugeMetricFamily, ...]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The metrics, as they are."""
        return self.metrics


def exposition(night: Sequence[Row], steps: Sequence[Entry]) -> bytes:
    """The figures of the last published load; empty where nothing was published yet."""
    registry = CollectorRegistry()
    registry.register(_Figures((*_of_load(night), *_of_steps(steps))))
    return generate_latest(registry)


def _of_load(night: Sequence[Row]) -> Iterator[GaugeMetricFamily]:
    if not night:
        return
    load = night[0]
    yield _single(
        "load_finished_timestamp_seconds", "When the last load was published", load["finished_at"].timestamp()
    )
    yield _single("load_seconds", "Seconds from its start to its publication", load["seconds"])
    yield _single("load_late", "1 where no load of today has been published yet", load["is_late"])
    rows = _family("source_rows", "Rows of a source in the last load", "source", "state")
    for each in night:
        for state in _ROWS:
            rows.add_metric([each["source"], state], each[f"rows_{state}"])
    yield rows
    for name, meaning, column in (
        ("source_values_nulled", "Values nulled in accepted rows", "values_nulled"),
        ("source_files_rejected", "Workbooks rejected as a whole", "files_rejected"),
        ("source_new_problems", "Problems that the load before did not have", "new_problems"),
        ("source_stale", "1 where an earlier snapshot stood in", "stale"),
        ("source_score", "Overall data-quality score, 0 to 100", "score"),
    ):
        family = _family(name, meaning, "source")
        for each in night:
            if each[column] is not None:
                family.add_metric([each["source"]], float(each[column]))
        yield family


def _of_steps(steps: Sequence[Entry]) -> Iterator[GaugeMetricFamily]:
    ended = {(each.step, each.source or ""): each for each in steps if each.event == "finished"}.values()
    seconds = _family("step_seconds", "Seconds of a step of the last load", "step", "source")
    memory = _family("step_peak_bytes", "Most memory that the step's process held", "step", "source")
    rows = _family("step_rows", "Rows that went into and out of a step", "step", "source", "way")
    for each in ended:
        labels = [each.step, each.source or ""]
        if each.seconds is not None:
            seconds.add_metric(labels, each.seconds)
        if each.peak_mib is not None:
            memory.add_metric(labels, each.peak_mib * _MIB)
        for way, count in (("in", each.rows_in), ("out", each.rows_out)):
            if count is not None:
                rows.add_metric([*labels, way], count)
    yield from (seconds, memory, rows)


def _family(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"kampungkb_{name}", meaning, labels=labels)


def _single(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"kampungkb_{name}", meaning, value=float(value))
