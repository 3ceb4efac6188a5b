"""The truth beside the sample: who is who in each source, what is true of them, and which faults were planted."""

import numpy as np
import pyarrow as pa

from kampungkb.run import FAMILY_SURVEY
from kampungkb.sample.answers import QUESTIONS
from kampungkb.sample.batch import Batch
from kampungkb.sample.frames import Array, Frame, Ints, Mask, Texts, size
from kampungkb.sample.ledger import Ledger
from kampungkb.sample.survey_faults import Sheet
from kampungkb.sample.survey_files import Survey, files_of

_Fields = list[tuple[str, pa.DataType]]
_PLACE: _Fields = [
    ("file", pa.string()),
    ("sheet", pa.string()),
    ("row_number", pa.int32()),
    ("row", pa.int64()),
]
RECORDS = pa.schema(
    [
        ("source", pa.string()),
        ("source_table", pa.string()),
        ("source_key", pa.string()),
        *_PLACE,
        ("family_id", pa.int64()),
        ("person_id", pa.int64()),
        ("accepted", pa.bool_()),
    ]
)
FAULTS = pa.schema(
    [
        ("source", pa.string()),
        ("source_table", pa.string()),
        ("rule", pa.string()),
        ("action", pa.string()),
        ("column_name", pa.string()),
        ("source_key", pa.string()),
        *_PLACE,
    ]
)
_PERSONS: _Fields = [
    ("person_id", pa.int64()),
    ("family_id", pa.int64()),
    ("village_code", pa.string()),
    ("nik", pa.string()),
    ("name", pa.string()),
    ("sex", pa.int8()),
    ("birth_date", pa.date32()),
    ("relation", pa.int8()),
    ("marital", pa.int8()),
    ("education", pa.int8()),
    ("certificate", pa.bool_()),
    ("cover", pa.int8()),
]
PERSONS = pa.schema(_PERSONS)
_FAMILIES: _Fields = [
    ("family_id", pa.int64()),
    ("village_code", pa.string()),
    ("KODE_KELUARGA", pa.string()),
    ("NO_KK", pa.string()),
    ("surveyed", pa.bool_()),
    *((question, pa.int8()) for question in QUESTIONS),
]
FAMILIES = pa.schema(_FAMILIES)


def persons(batch: Batch) -> pa.Table:
    """One row a person: what is true of them, under the codes of the form."""
    members = batch.members
    return _table(
        PERSONS,
        {
            "person_id": batch.first_person + np.arange(size(members)),
            "family_id": batch.first_family + members["family"],
            "village_code": batch.codes[batch.village_of_member],
            **{name: members[name] for name in ("nik", "name", "sex")},
            "birth_date": members["birth"].astype("datetime64[D]"),
            **{name: members[name] for name in ("relation", "marital", "education", "certificate", "cover")},
        },
    )


def families(batch: Batch) -> pa.Table:
    """One row a family, the surveyed and the others, with the true answers."""
    rows = batch.families
    return _table(
        FAMILIES,
        {
            "family_id": batch.first_family + np.arange(size(rows)),
            "village_code": batch.codes[rows["village"]],
            "KODE_KELUARGA": rows["kode"],
            "NO_KK": rows["no_kk"],
            "surveyed": rows["surveyed"],
            **{question: rows[question] for question in QUESTIONS},
        },
    )


def _records(
    source: str, ledger: Ledger, keys: Texts, place: Frame, family: Ints, person: Ints | None, lost: Mask | bool = False
) -> Frame:
    count = len(keys)
    return {
        "source": np.full(count, source, dtype=object),
        "source_table": np.full(count, ledger.table, dtype=object),
        "source_key": keys,
        **place,
        "family_id": family,
        "person_id": np.full(count, None, dtype=object) if person is None else person,
        "accepted": ~(ledger.rejected(count) | lost),
    }


def _faults(records: Frame, ledger: Ledger, lost: Mask | bool = False) -> Frame:
    faults = ledger.frame()
    if lost is not False:
        kept = ~np.asarray(lost)[faults["row"]]
        faults = {name: column[kept] for name, column in faults.items()}
    rows = faults["row"]
    return {
        **{name: faults[name] for name in ("rule", "action", "column_name")},
        **{
            name: records[name][rows]
            for name in ("source", "source_table", "source_key", "file", "sheet", "row_number", "row")
        },
    }


def _table(schema: pa.Schema, frame: Frame) -> pa.Table:
    return pa.table({field.name: pa.array(frame[field.name], field.type, from_pandas=True) for field in schema}, schema)


def _nothing(count: int) -> Array:
    return np.full(count, None, dtype=object)


def _of_sheet(
    batch: Batch, sheet: Sheet, numbers: Ints, keys: Texts, broken: dict[str, str], person: Ints | None
) -> tuple[pa.Table, pa.Table]:
    files, count = files_of(batch, sheet), len(keys)
    lost = np.isin(batch.codes[sheet.rows["workbook"]].astype(str), list(broken))
    place = {
        "file": files,
        "sheet": np.full(count, sheet.ledger.table, dtype=object),
        "row_number": numbers,
        "row": _nothing(count),
    }
    records = _records(
        FAMILY_SURVEY, sheet.ledger, keys, place, batch.first_family + sheet.rows["family"], person, lost
    )
    return _table(RECORDS, records), _table(FAULTS, _faults(records, sheet.ledger, lost))


def of_survey(batch: Batch, survey: Survey, broken: dict[str, str]) -> list[tuple[pa.Table, pa.Table]]:
    """Records and planted faults of both sheets; the rows of a broken workbook are not accepted, F00 is its fault."""
    families, members = survey.families.rows, survey.members.rows
    keys = members["KODE_KELUARGA"] + "-" + members["NO_URUT"].astype(str).astype(object)
    pairs = [
        _of_sheet(batch, survey.families, survey.family_row_numbers, families["KODE_KELUARGA"], broken, None),
        _of_sheet(
            batch, survey.members, survey.member_row_numbers, keys, broken, batch.first_person + members["person"]
        ),
    ]
    unread = [
        {"source": FAMILY_SURVEY, "rule": "F00", "action": "row", "file": book.path.name}
        for book in survey.workbooks
        if book.broken
    ]
    return [*pairs, (RECORDS.empty_table(), pa.Table.from_pylist(unread, FAULTS))]


def of_table(
    source: str, batch: Batch, ledger: Ledger, rows: Frame, key: str, first_row: int
) -> tuple[pa.Table, pa.Table]:
    """Records and planted faults of a table or list; `row` counts its rows from 0 over the whole sample."""
    count = size(rows)
    place = {
        "file": _nothing(count),
        "sheet": _nothing(count),
        "row_number": _nothing(count),
        "row": first_row + np.arange(count),
    }
    person = rows["person"]
    records = _records(
        source,
        ledger,
        rows[key],
        place,
        batch.first_family + batch.members["family"][person],
        batch.first_person + person,
    )
    return _table(RECORDS, records), _table(FAULTS, _faults(records, ledger))
