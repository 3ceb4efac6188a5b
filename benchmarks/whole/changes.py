"""One per cent of every source changes, as the sources would show it the next morning.

The survey delivers one workbook in a hundred again, in which every family answers two questions otherwise; the registry
changes one record in a hundred and stamps it; the insurance service tells another status of one entry in a hundred.
Names and numbers stay: what new names cost the linkage is measured by `benchmarks.linkage`.
"""

import zlib
from datetime import date
from pathlib import Path

import openpyxl
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kampungkb.settings import Settings
from kampungkb.warehouse import embedded

ONE_IN = 100
ANSWERS = ("P.04", "P.06")  # income and savings: 1 yes, 2 no
OTHERWISE: dict[object, int | str] = {1: 2, 2: 1, "1": "2", "2": "1"}
MOST_TITLES = 16


def change(home: Path, as_of: date) -> dict[str, float]:
    """Change the sources of a home's sample; returns how much was changed."""
    settings, sample = Settings(home=home), home / "sample"
    workbooks = sorted((sample / "family_survey").rglob("*.xlsx"))
    delivered = workbooks[::ONE_IN]
    families = sum(_answer_otherwise(path) for path in delivered)
    with embedded.running(settings) as server, psycopg.connect(server.uri(embedded.SAMPLE_DATABASE)) as connection:
        changed = connection.execute(
            "update biodata_wni set akta_lhr = case akta_lhr when 1 then 2 else 1 end, tgl_ubah = %s "
            "where hashtext(nik) %% %s = 0",
            [as_of, ONE_IN],
        ).rowcount
    return {
        "changed_workbooks": len(delivered),
        "changed_families": families,
        "changed_registry_records": changed,
        "changed_insurance_entries": _change_status(sample / "health_insurance" / "peserta.parquet"),
    }


def _answer_otherwise(path: Path) -> int:
    """Every family of a workbook answers otherwise; returns how many rows it has."""
    book = openpyxl.load_workbook(path)
    sheet = book["KELUARGA"]
    titles = [[_title(cell.value) for cell in row] for row in sheet.iter_rows(max_row=MOST_TITLES)]
    header = next(number for number, row in enumerate(titles, start=1) if set(ANSWERS) <= set(row))
    places = [titles[header - 1].index(answer) for answer in ANSWERS]
    changed = 0
    for row in sheet.iter_rows(min_row=header + 1):
        for cell in (row[place] for place in places):
            if cell.value in OTHERWISE:
                cell.value = OTHERWISE[cell.value]
                changed += 1
    book.save(path)
    return changed // len(ANSWERS)


def _title(value: object) -> str:
    return str(value).strip().upper()


def _change_status(path: Path) -> int:
    entries = pq.read_table(path)
    name = "statusPeserta.kode"
    of_hundred = [zlib.crc32((card or "").encode()) % ONE_IN == 0 for card in entries["noKartu"].to_pylist()]
    chosen = pa.array(of_hundred)
    flipped = pc.if_else(pc.equal(entries[name], pa.scalar("0")), "1", "0")
    status = pc.if_else(chosen, flipped, entries[name])
    place = entries.schema.get_field_index(name)
    pq.write_table(entries.set_column(place, entries.schema.field(place), status), path)
    return sum(of_hundred)
