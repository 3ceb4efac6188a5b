"""Everything that is held about one person, as JSON and as a workbook, with where each row stands.

Comes in: a person. Goes out: `person.json` and `person.xlsx` in a folder that only its owner can read. Rows that hold
facts of other persons too (pairs of records) are counted, not shown. Rows of the person's families (survey, scores,
address) are shown, for they are facts about the person as well.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]
from duckdb import DuckDBPyConnection
from sqlalchemy import text

from kampungkb import lake
from kampungkb.engine import duckdb as engine_of_lake
from kampungkb.errors import ConfigurationError
from kampungkb.key_ring import keys_of
from kampungkb.pseudonym import pseudonym
from kampungkb.reporting.messages import both
from kampungkb.rights import tables
from kampungkb.rights.cleaning import trace_of
from kampungkb.rights.erasure import opened_warehouse
from kampungkb.rights.subject import Subject, Wanted, fill, find, plainly
from kampungkb.rights.traces import condition, said
from kampungkb.run import Run

JSON_FILE, WORKBOOK = "person.json", "person.xlsx"
Held = dict[str, list[dict[str, Any]]]
_LONGEST_TITLE = 31


def export(run: Run, wanted: Wanted, folder: Path, by: str, purpose: str) -> Held:
    """Write both files into a new folder; returns the rows by place (file below the lake, or table).

    The read is recorded in `ops.access_log`. Raises :class:`ConfigurationError` where the folder cannot be written, and
    the errors of :func:`kampungkb.rights.subject.find`.
    """
    with lake.in_use(run.settings), opened_warehouse(run) as opened:
        with opened.begin() as connection:
            connection.execute(
                text("select set_config('kampungkb.purpose', :said, true)"), {"said": f"{by}: {purpose}"}
            )
            connection.execute(text("select ops.note_access('person export')"))
        with engine_of_lake.connect(run, in_memory=True) as database, opened.begin() as connection:
            subject = find(run, connection, database, wanted)
            values = {*subject.values, *_of_its_families(run, subject)}
            fill(database, values)
            held = {**dict(_files(run, database)), **dict(tables.rows_held(connection, values))}
    held = {place: rows for place, rows in held.items() if rows}
    _write(folder, JSON_FILE, json.dumps(held, default=str, ensure_ascii=False, indent=1).encode())
    _write(folder, WORKBOOK, _workbook(held))
    return held


def _of_its_families(run: Run, subject: Subject) -> Iterator[tuple[str, str]]:
    """Values that name the families and cards on which the person is not alone."""
    for family in subject.families:
        yield "family", family
        yield "family_key", said(pseudonym(keys_of(run), "family", family))
    for card in subject.cards:
        yield "card", card


def _files(run: Run, database: DuckDBPyConnection) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Rows of every file of the lake by its path below it."""
    for path in sorted(run.settings.lake.rglob("*.parquet")):
        place = path.relative_to(run.settings.lake).as_posix()
        _, trace = trace_of(place)
        if keys := {**trace.delete, **trace.orphan_keys}:
            what = "count(*) as rows" if trace.others else "*"
            found = database.execute(
                f"select {what} from read_parquet(?) where {condition(keys, plainly)}", [str(path)]
            )
            names = [str(each[0]) for each in found.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
            yield place, [row for row in rows if not trace.others or row["rows"]]


def _workbook(held: Mapping[str, Sequence[Mapping[str, Any]]]) -> bytes:
    """A sheet with what is held where, and one for each kind of row; every value as text."""
    content = BytesIO()
    workbook = xlsxwriter.Workbook(content, {"in_memory": True})
    bold = workbook.add_format({"bold": True})
    contents = workbook.add_worksheet(both("person_export_sheet")[:_LONGEST_TITLE].replace("/", "-"))
    for column, name in enumerate(("person_export_where", "person_export_rows")):
        contents.write_string(0, column, both(name), bold)
    sheets: dict[str, tuple[Any, int]] = {}
    for line, (place, rows) in enumerate(held.items(), start=1):
        contents.write_string(line, 0, place)
        contents.write_number(line, 1, sum(row.get("rows", 1) if set(row) == {"rows"} else 1 for row in rows))
        title = _title(place)
        if title not in sheets:
            sheet = workbook.add_worksheet(title)
            for column, name in enumerate((both("person_export_where"), *rows[0])):
                sheet.write_string(0, column, name, bold)
            sheets[title] = (sheet, 1)
        sheet, first = sheets[title]
        for number, row in enumerate(rows, start=first):
            for column, cell in enumerate((place, *row.values())):
                if cell is not None:
                    sheet.write_string(number, column, str(cell))
        sheets[title] = (sheet, first + len(rows))
    workbook.close()
    return content.getvalue()


def _title(place: str) -> str:
    """`landing anggota` for files of one kind, the table's own name for a table."""
    parts = place.removesuffix(".parquet").split("/")
    return (f"{parts[0]} {parts[-1]}" if len(parts) > 1 else place)[:_LONGEST_TITLE]


def _write(folder: Path, name: str, content: bytes) -> None:
    try:
        lake.private_folder(folder.absolute())
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
    except OSError as fault:
        raise ConfigurationError(
            f"{folder / name} cannot be written: {fault.strerror}. Choose another folder."
        ) from None
