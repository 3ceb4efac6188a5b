"""Reports of the latest load: `KAMPUNGKB_HOME/reports/<as_of>/` with a workbook for each of `include/reports`, a sheet
for each village and a page that links to them.

They are made from the warehouse alone, of what it may publish (the schema `open`); the folder is written beside and
renamed into place, so a reader never sees half of it.
"""

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
from kampungkb.reporting.excel import build
from kampungkb.reporting.pages import page
from kampungkb.reporting.report import REPORTS, REPORTS_SQL, Report, report
from kampungkb.reporting.villages import VillageSheet, by_district, sheet_page, village_sheets
from kampungkb.reporting.words import Word, labelled, words_of
from kampungkb.run import Run
from kampungkb.settings import Settings
from kampungkb.warehouse.connect import reason, warehouse
from kampungkb.warehouse.models import LoadRun

Rows = list[dict[str, Any]]
VILLAGES = "villages"

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
            word = words_of(connection)
            found = [(each, _rows(connection, each, word)) for each in declared]
            sheets = village_sheets(connection)
    except SQLAlchemyError as fault:
        raise WarehouseError(f"The reports could not be made: {reason(fault)}.") from None
    target = reports_folder(run.settings, as_of)
    with lake.replacing(target) as folder:
        files = [_write(folder, each, rows, as_of) for each, rows in found]
        villages = lake.private_folder(folder / VILLAGES)
        for sheet in sheets:
            (villages / sheet.file).write_text(sheet_page(sheet, word, as_of), encoding="utf-8")
        (folder / "index.html").write_text(_index(declared, files, sheets, as_of), encoding="utf-8")
    log.info("%d reports and %d village sheets as of %s written", len(files), len(sheets), as_of)
    return Reports(path=target, as_of=as_of, files=[*files, "index.html"], villages=len(sheets))


def reports_folder(settings: Settings, as_of: date) -> Path:
    """The folder of the reports of a load."""
    return settings.root / "reports" / as_of.isoformat()


def _latest(connection: Connection) -> date | None:
    """The greatest published date; None in a warehouse that no load has filled."""
    if connection.execute(text("select to_regclass('ops.load_run')")).scalar_one() is None:
        return None
    return connection.execute(select(func.max(LoadRun.as_of))).scalar_one()


def _rows(connection: Connection, declared: Report, word: Word) -> dict[str, Rows]:
    """The rows of every sheet's query, ids replaced by words where the sheet says so."""
    rows: dict[str, Rows] = {}
    for sheet in declared.sheets:
        if sheet.query is None:
            continue
        statement = (REPORTS_SQL / f"{sheet.query}.sql").read_text(encoding="utf-8")
        rows[sheet.id] = labelled(sheet, connection.execute(text(statement)).mappings(), word)
    return rows


def _write(folder: Path, declared: Report, rows: Mapping[str, Rows], as_of: date) -> str:
    name = f"{declared.id}_{as_of.isoformat()}.xlsx"
    build(declared, rows, as_of).save(folder / name)
    return name


def _index(declared: Sequence[Report], files: Sequence[str], sheets: Sequence[VillageSheet], as_of: date) -> str:
    """A page that links to the reports."""
    return page(
        "index",
        workbooks=[(each.title, file) for each, file in zip(declared, files, strict=True)],
        districts=[
            (district, [(sheet.village["village"], f"{VILLAGES}/{sheet.file}") for sheet in own])
            for district, own in by_district(sheets)
        ],
        as_of=as_of,
    )
