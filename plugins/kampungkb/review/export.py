"""Pairs for review as a workbook, for those who decide on paper or in a meeting. Only its owner can read it."""

import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]

from kampungkb.errors import ConfigurationError
from kampungkb.review.query import Row

LEFT_OUT = ("comparison", "decision_id")


def export(rows: Sequence[Row], path: Path) -> int:
    """Write the pairs to an .xlsx file, every value as text, so that no spreadsheet damages an identity number.

    Returns the number of pairs; raises :class:`ConfigurationError` where the file cannot be written.
    """
    content = BytesIO()
    workbook = xlsxwriter.Workbook(content, {"in_memory": True})
    sheet = workbook.add_worksheet("PASANGAN")
    sheet.freeze_panes(1, 1)
    columns = [name for name in (rows[0] if rows else ()) if name not in LEFT_OUT]
    for number, name in enumerate((*columns, "comparison") if columns else ()):
        sheet.write_string(0, number, name, workbook.add_format({"bold": True}))
    for line, row in enumerate(rows, start=1):
        for number, value in enumerate((*(row[name] for name in columns), _compared(row))):
            if value is not None:
                sheet.write_string(line, number, str(value))
    workbook.close()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content.getvalue())
    except OSError as fault:
        raise ConfigurationError(f"{path} cannot be written: {fault.strerror}. Choose another file.") from None
    return len(rows)


def _compared(row: Row) -> str:
    return "; ".join(_told(each) for each in row["comparison"] or ())


def _told(each: dict[str, Any]) -> str:
    label = (each.get("label") or {}).get("id") or each["level"]
    return f"{each['comparison']}: {label} ({each['weight']:+.1f})"
