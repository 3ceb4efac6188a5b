"""The summary at the end of a load: what the warehouse says about the run, and how to ask it more."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from kampungkb.connections import Connection
from kampungkb.orchestration.nightly import Loaded, latest
from kampungkb.reporting.messages import both, message, number
from kampungkb.run import FAMILY_SURVEY, SOURCES
from kampungkb.warehouse.connect import engine_of
from kampungkb.warehouse.query import Gate, IndexFigures, Problems, SourceSummary, load_summary

GATES_SHOWN = 10
EXAMPLE = (
    "select village, families, ibangga, category from mart.village_index "
    "where kampung_kb and basis = 'integrated' order by as_of desc, ibangga limit 10"
)


def render(loaded: Loaded) -> Iterator[RenderableType]:
    """The parts of the summary from top to bottom."""
    engine = engine_of(loaded.warehouse)
    try:
        figures = load_summary(engine, run_id=loaded.run_id)
    finally:
        engine.dispose()
    sources = {source: figures.sources[source] for source in SOURCES if source in figures.sources}
    yield _text("summary", as_of=loaded.as_of.isoformat(), seconds=number(loaded.seconds))
    yield _sources_table(sources)
    yield from _notes(sources, _replayed(loaded))
    yield from _gate_lines(figures.gates)
    yield _problems_table(sources, figures.problems)
    yield _links_table(sources)
    yield _index_table(figures.index)
    if not figures.latest:
        yield _text("backfill", as_of=loaded.as_of.isoformat())
    yield from _where(loaded.warehouse, loaded.configured)
    yield Text.assemble(both("data_docs"), ": ", (f"{program()} data-docs --open", "bold"))
    yield _text("log", path=loaded.log)


def program() -> str:
    """The command `kampungkb` as it can be typed from where the user stands."""
    path = Path(sys.executable).parent / "kampungkb"
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _replayed(loaded: Loaded) -> set[str]:
    """Sources whose snapshot of this date was landed by an earlier run."""
    ended = latest(loaded.entries)
    return {
        source for (step, source), entry in ended.items() if source and step == "extract" and entry.result["replayed"]
    }


def _text(key: str, **values: object) -> Text:
    text = message(key, **values)
    return Text(text.id) if text.id == text.en else Text.assemble(text.id, "\n", (text.en, "dim"))


def _heading(key: str) -> Text:
    return Text(message(key).id + "\n" + message(key).en)


def _table(texts: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for key in texts:
        table.add_column(_heading(key))
    for key in numbers:
        table.add_column(_heading(key), justify="right", no_wrap=True)
    return table


def _sources_table(sources: Mapping[str, SourceSummary]) -> Table:
    """One row a source and table: what was read, and what became of it."""
    counted = ("read", "accepted", "rejected", "nulled")
    table = _table(("source", "table"), counted)
    for source, summary in sources.items():
        for position, (name, counts) in enumerate(summary.tables.items()):
            named = both(f"source_{source}") if position == 0 else ""
            table.add_row(named, name, *(number(getattr(counts, count)) for count in counted))
    return table


def _notes(sources: Mapping[str, SourceSummary], replayed: set[str]) -> Iterator[Text]:
    """What a reader must know about the figures: absent and stale sources, rejected workbooks, replays."""
    for source in SOURCES:
        name = both(f"source_{source}")
        if source not in sources:
            yield _text("absent", source=name)
            continue
        summary = sources[source]
        if summary.stale:
            yield _text("stale", source=name, reason=summary.reason or "")
        if source in replayed:
            yield _text("replayed", source=name)
        elif source == FAMILY_SURVEY and summary.parsed is not None:
            yield _text("parsed", source=name, count=number(summary.parsed))
        if summary.files_rejected:
            yield _text("files_rejected", source=name, count=number(summary.files_rejected))


def _gate_lines(gates: Sequence[Gate]) -> Iterator[Text]:
    """One line a gate that is not open, the gravest first."""
    for gate in gates[:GATES_SHOWN]:
        values = {"source": both(f"source_{gate.source}"), "gate": both(f"gate_{gate.gate}"), "reason": gate.reason}
        if gate.report_only or gate.decision is None:
            yield _text("gate_report_only", **values)
        else:
            decided = {"decision": both(f"decision_{gate.decision}"), "by": gate.decided_by}
            yield _text(f"gate_{gate.level}", **values, **decided)
    if len(gates) > GATES_SHOWN:
        yield _text("gate_more", count=number(len(gates) - GATES_SHOWN))


def _problems_table(sources: Mapping[str, SourceSummary], problems: Mapping[str, Problems]) -> Table:
    """One row a source: what came into quarantine since its load before, what stays, and what was put right."""
    table = _table(("source",), ("new_problems", "still_open", "resolved", "compared_with"))
    for source in sources:
        found = problems.get(source, Problems())
        since = found.compared_with.isoformat() if found.compared_with else number(None)
        counts = (found.new_problems, found.still_open, found.resolved)
        table.add_row(both(f"source_{source}"), *map(number, counts), since)
    return table


def _links_table(sources: Mapping[str, SourceSummary]) -> Table:
    """One row a source: its person records, and those that were found in another source too."""
    table = _table(("source",), ("records", "linked", "share"))
    for source, summary in sources.items():
        share = None if summary.linked_share is None else 100 * summary.linked_share
        table.add_row(
            both(f"source_{source}"), number(summary.records), number(summary.linked), f"{number(share, 1)} %"
        )
    return table


def _index_table(figures: Sequence[IndexFigures]) -> Table:
    """One row an area (regency, the Kampung KB villages together) and basis."""
    measures = ("ketentraman", "kemandirian", "kebahagiaan", "ibangga")
    table = _table(("area", "basis"), ("families", *measures))
    table.add_column(_heading("category"))
    for row in figures:
        table.add_row(
            row.area or both("kampung_kb"),
            both(f"basis_{row.basis}"),
            number(row.families),
            *(number(getattr(row, measure), 2) for measure in measures),
            row.category or number(None),
        )
    return table


def _where(connection: Connection, configured: bool) -> Iterator[Text]:
    if configured:
        yield _text("warehouse_configured", where=f"{connection.host}:{connection.port or 5432}/{connection.schema_}")
    else:
        yield _text("warehouse_embedded")
    yield Text.assemble(both("query"), ":\n  ", (f'{program()} sql "{EXAMPLE}"', "bold"))
    if not configured:
        yield Text.assemble(both("keep_up"), ":\n  ", (f"{program()} warehouse", "bold"))
