"""The limit: the same bytes read once and written once, by the fastest tool at hand, without a thought about them.

Workbooks are parsed by calamine in as many processes as the product uses, and their cells thrown away; the registry is
copied out by `psql`, the insurance's pages fetched and not looked at. Landed, accepted and scored Parquet is read whole
and written again by DuckDB; the final rows go through `psql \\copy` into tables with the same keys, and without any.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

import duckdb
from python_calamine import load_workbook
from sqlalchemy import create_engine

from benchmarks.publication.measures import (
    copy_with_psql,
    empty_tables,
    psql,
    published_tables,
    text_files,
)
from benchmarks.whole.nights import size_of
from benchmarks.whole.results import Load, Stage
from benchmarks.whole.usage import postgres_seconds
from kampungkb import lake
from kampungkb.connections import CIVIL_REGISTRY, HEALTH_INSURANCE, Connection
from kampungkb.landing import latest_snapshot, snapshot_path
from kampungkb.run import SOURCES
from kampungkb.settings import Settings
from kampungkb.sources.insurance_api import Client, Service
from kampungkb.sources.workbooks import PROCESSES
from kampungkb.warehouse.connect import libpq_uri, url

SIDE = "limit"
REGISTRY = ("biodata_wni", "data_keluarga")


def limit(settings: Settings, families: int, connections: Mapping[str, Connection], work: Path, warehouse: str) -> Load:
    """Measure every part; `warehouse` is the address of the loaded one, `work` an empty folder."""
    parts = _parts(settings, connections, work, warehouse)
    begun = time.monotonic()
    stages = [_timed(settings, stage, part, act) for stage, part, act in parts]
    return Load(
        side=SIDE,
        case="full",
        families=families,
        command=f"python -m benchmarks.whole {families} --parts limit",
        seconds=time.monotonic() - begun,
        stages=stages,
    )


_Part = tuple[str, str, Callable[[], tuple[int | None, int | None]]]


def _parts(settings: Settings, connections: Mapping[str, Connection], work: Path, warehouse: str) -> Iterator[_Part]:
    """(stage, what is done, the doing, which returns rows and bytes)."""
    newest = [manifest for source in SOURCES if (manifest := latest_snapshot(settings, source)) is not None]
    landed = [snapshot_path(settings, manifest) for manifest in newest]
    accepted = [lake.accepted(settings, manifest.as_of, manifest.source) for manifest in newest]
    scores = lake.scores(settings, max(manifest.as_of for manifest in newest))
    workbooks = sorted((settings.root / "sample" / "family_survey").rglob("*.xlsx"))
    registry = libpq_uri(create_engine(url(connections[CIVIL_REGISTRY])))
    yield "extract", "family_survey", lambda: parse(workbooks)
    yield "extract", "civil_registry", lambda: copy_out(registry, work)
    yield "extract", "health_insurance", lambda: fetch(Service.of(connections[HEALTH_INSURANCE]))
    yield "validate", "landed rows", lambda: rewrite([f for folder in landed for f in folder.glob("*.parquet")], work)
    yield "score", "accepted rows", lambda: scan([f for folder in accepted for f in folder.glob("*.parquet")])
    yield "score", "scores", lambda: rewrite(list(scores.glob("*.parquet")), work)
    engine = create_engine(warehouse)
    uri, tables = libpq_uri(engine), published_tables(engine)
    engine.dispose()
    files = text_files(uri, tables, work / "published")
    for part, keyed in (("with keys", True), ("no keys", False)):
        here = empty_tables(uri, tables, keyed=keyed)
        yield "publish", part, partial(_copied, uri, files, here, sum(tables.values()))
    yield "copy", "workbooks and lake", lambda: copy([workbooks[0].parent, settings.lake], work / "copied")


def _timed(settings: Settings, stage: str, part: str, act: Callable[[], tuple[int | None, int | None]]) -> Stage:
    begun, worked = time.monotonic(), _processor(settings)
    rows, written = act()
    seconds, processor = time.monotonic() - begun, _processor(settings) - worked
    return Stage(stage=stage, part=part, seconds=seconds, processor=processor, rows=rows, bytes=written)


def _processor(settings: Settings) -> float:
    """Processor seconds of this process, of its children that have ended, and of PostgreSQL."""
    return sum(sum(getrusage(who)[:2]) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)) + postgres_seconds(settings)


def parse(workbooks: list[Path]) -> tuple[int, int]:
    """Parse all workbooks and count their rows."""
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        return sum(pool.map(_rows_of, workbooks, chunksize=4)), sum(path.stat().st_size for path in workbooks)


def _rows_of(path: Path) -> int:
    with load_workbook(path) as workbook:
        return sum(len(workbook.get_sheet_by_name(name).to_python()) for name in workbook.sheet_names[:2])


def copy_out(uri: str, work: Path) -> tuple[None, int]:
    """Copy both tables of the registry into files."""
    files = [work / f"{table}.text" for table in REGISTRY]
    psql(uri, *(f"\\copy {table} to '{file}'" for table, file in zip(REGISTRY, files, strict=True)))
    return None, sum(file.stat().st_size for file in files)


def fetch(service: Service) -> tuple[int, int]:
    """Fetch all pages."""
    entries, size, number, total = 0, 0, 1, 1
    with Client(service) as client:
        while entries < total:
            body, page = client.page(number)
            entries, size, number, total = entries + page.entries, size + len(body), number + 1, page.total or 0
            if not page.entries:
                break
    return entries, size


def rewrite(files: list[Path], work: Path) -> tuple[int, int]:
    """Read Parquet files whole and write them again."""
    rows, written = 0, 0
    with duckdb.connect() as database:
        database.execute("set enable_progress_bar = false")
        database.execute("set threads = 2")
        for file in files:
            target = work / file.name
            database.execute(f"copy (from '{file}') to '{target}' (format parquet, compression zstd)")
            rows += _count(database, target)
            written += target.stat().st_size
    return rows, written


def scan(files: list[Path]) -> tuple[int, int]:
    """Read every column of Parquet files."""
    rows = 0
    with duckdb.connect() as database:
        database.execute("set enable_progress_bar = false")
        for file in files:
            database.execute(f"select max(hash(columns(*))) from '{file}'").fetchall()
            rows += _count(database, file)
    return rows, sum(file.stat().st_size for file in files)


def _count(database: duckdb.DuckDBPyConnection, file: Path) -> int:
    found = database.execute(f"select count(*) from '{file}'").fetchone()
    return int(found[0]) if found else 0


def _copied(uri: str, files: dict[str, Path], here: dict[str, str], rows: int) -> tuple[int, int]:
    copy_with_psql(uri, files, here)
    return rows, sum(file.stat().st_size for file in files.values())


def copy(folders: list[Path], target: Path) -> tuple[None, int | None]:
    """Copy folders as `cp` does."""
    for folder in folders:
        shutil.copytree(folder, target / folder.name)
    return None, size_of({"path": target})
