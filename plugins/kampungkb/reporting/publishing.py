"""Reports of the latest load: `KAMPUNGKB_HOME/reports/<as_of>/` with a workbook for each of `include/reports`.

They are made from the warehouse alone, of what it may publish (the schema `open`); the folder is written beside and
renamed into place, so a reader never sees half of it.
"""

import html
import logging
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from kampungkb import lake
from kampungkb.errors import WarehouseError
from kampungkb.refs import Reports
from kampungkb.reporting.excel import build, long_date
from kampungkb.reporting.messages import Message, both, message
from kampungkb.reporting.report import REPORTS, REPORTS_SQL, Report, report
from kampungkb.run import SOURCES, Run
from kampungkb.scoring.reading import load_methodology
from kampungkb.settings import Settings
from kampungkb.warehouse.connect import reason, warehouse
from kampungkb.warehouse.models import DimIndicator, LoadRun

Rows = list[dict[str, Any]]

log = logging.getLogger(__name__)


def publish_reports(run: Run) -> Reports:
    """Write the reports of the latest published load; the same load gives the same files.

    Raises :class:`WarehouseError` where nothing was published yet or the warehouse cannot be read.
    """
    declared = [report(path.stem) for path in sorted(REPORTS.glob("*.yaml"))]
    try:
        with warehouse(run.settings, run.connections) as engine, engine.connect() as connection:
            as_of = _latest(connection)
            if as_of is None:
                raise WarehouseError("Nothing is published yet, so there is nothing to report: run the load first.")
            found = [(each, _rows(connection, each)) for each in declared]
    except SQLAlchemyError as fault:
        raise WarehouseError(f"The reports could not be made: {reason(fault)}.") from None
    target = reports_folder(run.settings, as_of)
    with lake.replacing(target) as folder:
        files = [_write(folder, each, rows, as_of) for each, rows in found]
        (folder / "index.html").write_text(_index(declared, files, as_of), encoding="utf-8")
    log.info("%d reports as of %s written", len(files), as_of)
    return Reports(path=target, as_of=as_of, files=[*files, "index.html"])


def reports_folder(settings: Settings, as_of: date) -> Path:
    """The folder of the reports of a load."""
    return settings.root / "reports" / as_of.isoformat()


def _latest(connection: Connection) -> date | None:
    """The greatest published date; None in a warehouse that no load has filled."""
    if connection.execute(text("select to_regclass('ops.load_run')")).scalar_one() is None:
        return None
    return connection.execute(select(func.max(LoadRun.as_of))).scalar_one()


def _rows(connection: Connection, declared: Report) -> dict[str, Rows]:
    """The rows of every sheet's query, ids replaced by words where the sheet says so."""
    words = _words(connection)
    rows: dict[str, Rows] = {}
    for sheet in declared.sheets:
        if sheet.query is None:
            continue
        statement = (REPORTS_SQL / f"{sheet.query}.sql").read_text(encoding="utf-8")
        found = [dict(row) for row in connection.execute(text(statement)).mappings()]
        for column in sheet.columns:
            if column.label:
                _label(found, column.name, words[column.label])
        rows[sheet.id] = found
    return rows


def _label(rows: Sequence[dict[str, Any]], column: str, words: Mapping[str, str]) -> None:
    for row in rows:
        row[column] = words.get(row[column], row[column])


def _words(connection: Connection) -> dict[str, dict[str, str]]:
    """The Indonesian words for the ids of the latest load: the methodology's, and the catalogue's for sources."""
    name = connection.execute(select(DimIndicator.methodology).distinct()).scalars().first()
    methodology = load_methodology(name) if name else load_methodology()
    kinds = {
        "indicator": methodology.indicators,
        "dimension": methodology.dimensions,
        "sector": methodology.sectors,
        "category": methodology.categories.levels,
        "function": methodology.functions,
        "programme": methodology.programmes,
    }
    words = {kind: {each.id: each.title.id for each in named} for kind, named in kinds.items()}
    return {**words, "source": {source: message(f"source_{source}").id for source in SOURCES}}


def _write(folder: Path, declared: Report, rows: Mapping[str, Rows], as_of: date) -> str:
    name = f"{declared.id}_{as_of.isoformat()}.xlsx"
    build(declared, rows, as_of).save(folder / name)
    return name


def _index(declared: Sequence[Report], files: Sequence[str], as_of: date) -> str:
    """A page that links to the reports."""
    entries = "\n".join(
        f'<li><a href="{html.escape(file)}">{_escaped(each.title)}</a></li>'
        for each, file in zip(declared, files, strict=True)
    )
    heading = html.escape(f"{both('report_index')} · {long_date(as_of)}")
    return (
        '<!doctype html>\n<html lang="id">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{heading}</title>\n"
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}</style>"
        "</head>\n"
        f"<body><h1>{heading}</h1>\n<ul>\n{entries}\n</ul></body>\n</html>\n"
    )


def _escaped(title: Message) -> str:
    return html.escape(f"{title.id} / {title.en}")
