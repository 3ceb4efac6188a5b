"""The summary at the end of a load: from the references in its journal and the published marts."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from kampungkb.connections import Connection
from kampungkb.orchestration.nightly import Loaded, latest
from kampungkb.refs import Linked, Published, Snapshot, Validated
from kampungkb.reporting.messages import both, message, number
from kampungkb.run import SOURCES
from kampungkb.warehouse.connect import engine_of
from kampungkb.warehouse.query import IndexFigures, load_summary

EXAMPLE = (
    "select village, families, ibangga, category from mart.village_index "
    "where kampung_kb and basis = 'integrated' order by as_of desc, ibangga limit 10"
)


def render(loaded: Loaded) -> Iterator[RenderableType]:
    """The parts of the summary from top to bottom; reads the warehouse once."""
    results = {step: entry.result for (step, source), entry in latest(loaded.entries).items() if source is None}
    by_source = _by_source(loaded)
    yield _text("summary", as_of=loaded.as_of.isoformat(), seconds=number(loaded.seconds))
    yield _sources_table(by_source["validate"])
    yield from _notes(results["prepare"], by_source)
    yield _links_table(Linked.model_validate(results["link"]))
    engine = engine_of(loaded.warehouse)
    try:
        yield _index_table(load_summary(engine, as_of=loaded.as_of).index)
    finally:
        engine.dispose()
    yield _text("changed", rows=number(sum(Published.model_validate(results["publish"]).changed.values())))
    yield from _where(loaded.warehouse, loaded.configured)
    yield _text("log", path=loaded.log)


def program() -> str:
    """The command `kampungkb` as it can be typed from where the user stands."""
    path = Path(sys.executable).parent / "kampungkb"
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _by_source(loaded: Loaded) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {"extract": {}, "validate": {}}
    for (step, source), entry in latest(loaded.entries).items():
        if step in found and source is not None:
            found[step][source] = entry.result
    return found


def _text(key: str, **values: object) -> Text:
    text = message(key, **values)
    return Text(text.id) if text.id == text.en else Text.assemble(text.id, "\n", (text.en, "dim"))


def _heading(key: str) -> Text:
    return Text(message(key).id + "\n" + message(key).en)


def _table(texts: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for key in texts:
        table.add_column(_heading(key), no_wrap=True)
    for key in numbers:
        table.add_column(_heading(key), justify="right", no_wrap=True)
    return table


def _sources_table(validated: Mapping[str, Any]) -> Table:
    """One row a source and table: what was read, and what became of it."""
    counted = ("read", "accepted", "rejected", "nulled")
    table = _table(("source", "table"), counted)
    for source in filter(validated.__contains__, SOURCES):
        reference = Validated.model_validate(validated[source]).model_dump()
        for position, name in enumerate(reference["read"]):
            table.add_row(
                both(f"source_{source}") if position == 0 else "",
                name,
                *(number(reference[count].get(name, 0)) for count in counted),
            )
    return table


def _notes(present: Sequence[str], by_source: Mapping[str, Mapping[str, Any]]) -> Iterator[Text]:
    """What a reader must know about the figures: absent and stale sources, rejected workbooks, replays."""
    for source in SOURCES:
        name = both(f"source_{source}")
        if source not in present:
            yield _text("absent", source=name)
            continue
        snapshot = Snapshot.model_validate(by_source["extract"][source])
        validated = Validated.model_validate(by_source["validate"][source])
        if snapshot.stale:
            yield _text("stale", source=name, reason=snapshot.reason or "")
        elif snapshot.replayed:
            yield _text("replayed", source=name)
        if validated.files_rejected:
            yield _text("files_rejected", source=name, count=number(validated.files_rejected))


def _links_table(linked: Linked) -> Table:
    """One row a source: its person records, and those that were found in another source too."""
    table = _table(("source",), ("records", "linked", "share"))
    for source in filter(linked.records.__contains__, SOURCES):
        records, found = linked.records[source], linked.linked.get(source, 0)
        share = f"{number(100 * found / records, 1)} %" if records else number(None)
        table.add_row(both(f"source_{source}"), number(records), number(found), share)
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
