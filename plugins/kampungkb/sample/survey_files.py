"""From told rows to workbooks: cells in each workbook's habits, faults planted, places of every row known."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator

from kampungkb.contracts import Column, contract
from kampungkb.run import FAMILY_SURVEY
from kampungkb.sample.batch import Batch
from kampungkb.sample.cells import TEXT, Styles, code_cells, date_cells, draw_styles, name_cells, text_cells
from kampungkb.sample.frames import Frame, Ints, Mask, Texts, digits, size, texts, where_known
from kampungkb.sample.ledger import Ledger
from kampungkb.sample.names import MALE
from kampungkb.sample.survey import tell
from kampungkb.sample.survey_faults import Sheet, break_families, break_members
from kampungkb.sample.workbooks import ANGGOTA, KELUARGA, Workbook, draw_layout, rows_of


@dataclass(frozen=True)
class Survey:
    """The survey of a batch: its workbooks, both sheets, and the row number of each of their rows."""

    workbooks: list[Workbook]
    families: Sheet
    members: Sheet
    family_row_numbers: Ints
    member_row_numbers: Ints


def _number_cells(numbers: Ints, habit: Ints) -> Texts:
    cells = numbers.astype(object)
    as_text = habit == TEXT
    cells[as_text] = digits(numbers[as_text], 1)
    return where_known(numbers != 0, cells)


def _cells(rng: Generator, column: Column, rows: Frame, styles: Styles) -> Texts:
    values, workbook = rows[column.name], rows["workbook"]
    habit = styles.code[workbook]
    match column:
        case Column(kind="code"):
            men = (rows["K.03"] == MALE).astype(np.int64) if column.name == "K.10" else None
            return code_cells(rng, values, column.codes, habit, men)
        case Column(kind="date"):
            return date_cells(rng, values, styles.date[workbook])
        case Column(kind="integer"):
            return _number_cells(values, habit)
        case Column(name="K.02"):
            return name_cells(values, styles.name[workbook])
        case _:
            return text_cells(rng, values)


def _sheet(rng: Generator, name: str, rows: Frame, styles: Styles) -> Sheet:
    table = contract(FAMILY_SURVEY).table(name)
    return Sheet(rows, {column.name: _cells(rng, column, rows, styles) for column in table.columns}, Ledger(name))


def file_name(village: str) -> str:
    """The name of a village's workbook."""
    return f"{village}.xlsx"


def survey(rng: Generator, batch: Batch, folder: Path, broken: dict[str, str]) -> Survey:
    """Make the workbooks of a batch (not yet written). `broken` says by village code what to break (rule F00)."""
    readable: Mask = (
        ~np.isin(batch.codes.astype(str), list(broken)) if broken else np.ones(len(batch.codes), dtype=bool)
    )
    families, members = tell(rng, batch, readable)
    styles = draw_styles(rng, len(batch.villages))
    keluarga, anggota = _sheet(rng, KELUARGA, families, styles), _sheet(rng, ANGGOTA, members, styles)
    break_families(rng, batch, keluarga)
    break_members(rng, batch, anggota, keluarga)
    numbers = {KELUARGA: np.zeros(size(families), dtype=np.int64), ANGGOTA: np.zeros(size(members), dtype=np.int64)}
    workbooks = []
    for place, village in enumerate(batch.villages):
        laid = []
        for name, sheet in ((KELUARGA, keluarga), (ANGGOTA, anggota)):
            rows = np.flatnonzero(sheet.rows["workbook"] == place)
            layout = draw_layout(rng, name, contract(FAMILY_SURVEY).table(name).names, village.name, len(rows))
            numbers[name][rows] = layout.row_numbers(len(rows))
            laid.append((layout, rows_of(layout, sheet.cells, rows)))
        workbooks.append(Workbook(folder / file_name(village.code), tuple(laid), broken.get(village.code)))
    return Survey(workbooks, keluarga, anggota, numbers[KELUARGA], numbers[ANGGOTA])


def files_of(batch: Batch, sheet: Sheet) -> Texts:
    """The workbook file of each row of a sheet."""
    names = texts(file_name(code) for code in batch.codes)
    return np.asarray(names[sheet.rows["workbook"]])
