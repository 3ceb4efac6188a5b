"""Make the sample sources: one true population, three dirty views of it, and the truth beside them.

The sample is made in batches of whole districts, so that its size is not bounded by memory. Everything follows from
the seed, the number of families, the date and the error scale: the same four give the same bytes.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from kampungkb.connections import CIVIL_REGISTRY, HEALTH_INSURANCE
from kampungkb.contracts import contract
from kampungkb.errors import ConfigurationError
from kampungkb.lake import replacing
from kampungkb.run import FAMILY_SURVEY, today
from kampungkb.sample import truth
from kampungkb.sample.batch import Batch, make_batch
from kampungkb.sample.frames import Frame, Ints, size
from kampungkb.sample.insurance import list_entries
from kampungkb.sample.insurance_entries import REGENCY
from kampungkb.sample.parameters import names, parameters
from kampungkb.sample.regions import Village, families_by_village, read_villages, villages_for, write_extended_reference
from kampungkb.sample.registry import NO_DAY, record_cards, record_persons
from kampungkb.sample.survey_files import Survey, survey
from kampungkb.sample.workbooks import BREAKAGES, Workbook, write_workbook
from kampungkb.settings import load_settings

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
FAMILIES_A_BATCH = 40_000
FEW_WORKBOOKS = 30
_EPOCH = date(1970, 1, 1)


class SampleManifest(BaseModel):
    """What was generated; stands as `manifest.json` in the sample's folder.

    `families` are the surveyed ones, `families_not_surveyed` those known to the offices alone, `persons` all persons
    of both; `rows` counts the rows of each source table, `faults` the planted faults of each rule.
    `extended_reference` tells whether `reference/regions.csv` of the sample holds synthetic villages and has to be
    copied to `KAMPUNGKB_HOME/reference`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int
    as_of: date
    error_scale: float
    families: int
    families_not_surveyed: int
    persons: int
    villages: int
    workbooks: int
    broken_workbooks: int
    extended_reference: bool
    rows: dict[str, int]
    faults: dict[str, int]


class _Files:
    """The Parquet files of a sample, each opened at its first rows and grown batch by batch."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._writers: dict[str, pq.ParquetWriter] = {}
        self.rows: Counter[str] = Counter()

    def append(self, name: str, table: pa.Table) -> None:
        if name not in self._writers:
            path = self._folder / f"{name}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writers[name] = self._stack.enter_context(pq.ParquetWriter(path, table.schema, compression="zstd"))
        self._writers[name].write_table(table)
        self.rows[name] += table.num_rows


def _column(kind: str, values: np.ndarray[tuple[int], np.dtype[np.generic]]) -> "pa.Array[Any]":
    """A column of a database table: dates and timestamps by the contract's kind, other numbers as smallint."""
    if values.dtype == object:
        return pa.array(values, pa.string(), from_pandas=True)
    missing = values == NO_DAY
    plain = np.where(missing, 0, values).astype(np.int64)
    if kind == "date":
        return pa.array(plain.astype(np.int32), pa.int32(), mask=missing).cast(pa.date32())
    if kind == "timestamp":
        return pa.array(plain, pa.int64(), mask=missing).cast(pa.timestamp("s")).cast(pa.timestamp("us"))
    return pa.array(plain.astype(np.int16), pa.int16(), mask=missing)


def _database_table(name: str, rows: Frame) -> pa.Table:
    columns = contract(CIVIL_REGISTRY).table(name).columns
    return pa.table({column.name: _column(column.kind, rows[column.name]) for column in columns})


def _entry_table(rows: Frame) -> pa.Table:
    columns = (*contract(HEALTH_INSURANCE).table("peserta").names, REGENCY)
    return pa.table({name: pa.array(rows[name], pa.string(), from_pandas=True) for name in columns})


def _batches(villages: Sequence[Village], by_village: Ints) -> Iterator[slice]:
    """Runs of whole districts, so many that a batch stays in memory."""
    start, families = 0, 0
    for place, village in enumerate(villages):
        families += int(by_village[place])
        last = place + 1 == len(villages)
        if last or (families >= FAMILIES_A_BATCH and villages[place + 1].district != village.district):
            yield slice(start, place + 1)
            start, families = place + 1, 0


def _write_truth(files: _Files, batch: Batch, survey_of_batch: Survey, broken: dict[str, str]) -> None:
    files.append("truth/persons", truth.persons(batch))
    files.append("truth/families", truth.families(batch))
    for records, faults in truth.of_survey(batch, survey_of_batch, broken):
        files.append("truth/records", records)
        files.append("truth/faults", faults)


def _write_offices(files: _Files, seed: Sequence[int], batch: Batch) -> None:
    rng = np.random.default_rng([*seed, 2])
    persons, ledger = record_persons(rng, batch)
    table = f"{CIVIL_REGISTRY}/biodata_wni"
    pair = truth.of_table(CIVIL_REGISTRY, batch, ledger, persons, "nik", files.rows[table])
    files.append(table, _database_table("biodata_wni", persons))
    files.append(f"{CIVIL_REGISTRY}/data_keluarga", _database_table("data_keluarga", record_cards(rng, batch)))
    entries, ledger = list_entries(np.random.default_rng([*seed, 3]), batch)
    table = f"{HEALTH_INSURANCE}/peserta"
    other = truth.of_table(HEALTH_INSURANCE, batch, ledger, entries, "noKartu", files.rows[table])
    files.append(table, _entry_table(entries))
    for records, faults in (pair, other):
        files.append("truth/records", records)
        files.append("truth/faults", faults)


class _WorkbookWriter:
    """Writes workbooks in processes beside, or here where there are few; at most two batches wait at a time."""

    def __init__(self, pool: ProcessPoolExecutor | None) -> None:
        self._pool, self._running = pool, list[Future[None]]()

    def write(self, workbooks: Sequence[Workbook]) -> None:
        if self._pool is None:
            for workbook in workbooks:
                write_workbook(workbook)
            return
        self.finish()
        self._running = [self._pool.submit(write_workbook, workbook) for workbook in workbooks]

    def finish(self) -> None:
        for future in self._running:
            future.result()
        self._running = []


@contextmanager
def _workbook_writer(workers: int, workbooks: int) -> Iterator[_WorkbookWriter]:
    several = workers > 1 and workbooks > FEW_WORKBOOKS
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) if several else nullcontext() as pool:
        writer = _WorkbookWriter(pool)
        yield writer
        writer.finish()


def _count_faults(path: Path) -> dict[str, int]:
    counted = Counter(str(rule) for rule in pq.read_table(path, columns=["rule"])["rule"].to_pylist())
    return dict(sorted(counted.items()))


def _check(out: Path, families: int, error_scale: float, broken_workbooks: int) -> None:
    if families < 1 or error_scale < 0 or broken_workbooks < 0:
        raise ConfigurationError(
            "A sample needs at least one family, and an error scale and broken workbooks of 0 or more."
        )
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / MANIFEST).exists())):
        raise ConfigurationError(
            f"{out} holds something else than a sample: give an empty folder, or one with a sample to replace."
        )


def generate(
    out: Path,
    families: int = 32_000,
    seed: int = 2104,
    as_of: date | None = None,
    error_scale: float = 1.0,
    broken_workbooks: int = 0,
    workers: int = 2,
) -> SampleManifest:
    """Write a sample of so many surveyed families into `out`, replacing an older sample there.

    `as_of` (default: today in Asia/Jakarta) is the day as of which the population lives; nothing is dated after it
    but planted faults and the ends of insurance covers. `error_scale` multiplies all error rates: 0 gives three clean
    sources that agree. `broken_workbooks` are unreadable (rule F00). `workers` are processes that write workbooks.
    Raises :class:`ConfigurationError` for impossible sizes and where `out` holds something else.
    """
    _check(out, families, error_scale, broken_workbooks)
    started = time.monotonic()
    day = as_of or today()
    on = (day - _EPOCH).days
    reference = load_settings().reference("regions.csv")
    known = read_villages(reference, day)
    villages = villages_for(known, families)
    rng = np.random.default_rng([seed, 0])
    by_village = families_by_village(rng, villages, families)
    unreadable = rng.permutation(len(villages))[:broken_workbooks]
    broken = {villages[place].code: BREAKAGES[order % len(BREAKAGES)] for order, place in enumerate(unreadable)}
    scaled = parameters().scaled(error_scale)
    runs = list(_batches(villages, by_village))
    with replacing(out) as folder, ExitStack() as stack:
        (folder / FAMILY_SURVEY).mkdir()
        files = _Files(folder, stack)
        writer = stack.enter_context(_workbook_writer(workers, len(villages)))
        for place, run in enumerate(runs):
            batch_seed = (seed, 1, place)
            batch = make_batch(
                np.random.default_rng([*batch_seed, 0]),
                scaled,
                names(),
                villages[run],
                by_village[run],
                on,
                first_family=files.rows["truth/families"],
                first_person=files.rows["truth/persons"],
                place=place,
                batches=len(runs),
            )
            survey_of_batch = survey(np.random.default_rng([*batch_seed, 1]), batch, folder / FAMILY_SURVEY, broken)
            writer.write(survey_of_batch.workbooks)
            _write_truth(files, batch, survey_of_batch, broken)
            _write_offices(files, batch_seed, batch)
            for sheet in (survey_of_batch.families, survey_of_batch.members):
                files.rows[f"{FAMILY_SURVEY}/{sheet.ledger.table.lower()}"] += size(sheet.rows)
        stack.close()
        extended = len(villages) > len(known)
        if extended:
            write_extended_reference(reference, folder / "reference" / "regions.csv", villages)
        manifest = SampleManifest(
            seed=seed,
            as_of=day,
            error_scale=error_scale,
            families=families,
            families_not_surveyed=files.rows["truth/families"] - families,
            persons=files.rows["truth/persons"],
            villages=len(villages),
            workbooks=len(villages),
            broken_workbooks=len(broken),
            extended_reference=extended,
            rows={name: rows for name, rows in sorted(files.rows.items()) if not name.startswith("truth/")},
            faults=_count_faults(folder / "truth" / "faults.parquet"),
        )
        (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    log.info(
        "Sample of %d families and %d persons written in %.1f s", families, manifest.persons, time.monotonic() - started
    )
    return manifest
