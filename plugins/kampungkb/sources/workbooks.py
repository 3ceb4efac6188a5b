"""The family survey: a folder of workbooks, of which only the changed ones are read.

What comes in: the folder of the connection `family_workbooks` and the previous snapshot. What goes out:
`keluarga.parquet`, `anggota.parquet` and `workbooks.parquet` (one row a workbook: what became of it). A workbook
whose checksum is known is not parsed again, its rows are copied; one that cannot be read (rule F00) is left out, or
its last good parse stands in, until it has changed; one that is gone takes its families along.
"""

import json
import logging
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from kampungkb.connections import Connection
from kampungkb.contracts import Contract, Table, contract
from kampungkb.engine import duckdb as engine
from kampungkb.errors import ConfigurationError, ContractError
from kampungkb.progress import Progress, Tell, silent
from kampungkb.run import FAMILY_SURVEY, Run
from kampungkb.sources.bounded import Exceeded, run_each
from kampungkb.sources.protocol import PARQUET_COMPRESSION, Drift, Extracted, Previous
from kampungkb.sources.workbook import Parsed, merged_drift, parse_workbook, schema_of, sha256_of

LIBRARIES = ("python-calamine",)
PROCESSES = 2
WORKER_MEMORY = 4 * 1024**3
"""Address space of a parsing process, in bytes: a workbook that wants more is rejected, not the machine's end."""
WORKER_SECONDS = 300.0
"""Time on the clock that one workbook may take."""

WORKBOOKS = pa.schema([(name, pa.string()) for name in ("file", "sha256", "status", "reason", "sheet", "drift")])

log = logging.getLogger(__name__)


def extract(run: Run, connection: Connection, previous: Previous | None, folder: Path) -> Extracted:
    """Land every workbook of the folder; see :class:`kampungkb.sources.protocol.Source`."""
    terms = contract(FAMILY_SURVEY)
    root = workbook_folder(connection)
    files = list_workbooks(root)
    known = _known(previous) if previous else {}
    same_way = previous is not None and previous.same_way and not run.force
    kept, changed = _split(files, known, same_way)
    started = time.perf_counter()
    with TemporaryDirectory(prefix="parts-", dir=folder) as scratch:
        parsed = parse_all(changed, terms, Path(scratch), run.tell)
        log.info(
            "%s: %d workbooks, %d unchanged, %d parsed in %.1f s",
            FAMILY_SURVEY,
            len(files),
            len(kept),
            len(changed),
            time.perf_counter() - started,
        )
        outcome = {**kept, **{p.file: _outcome(p, known) for p in parsed}}
        copied = [file for file, p in outcome.items() if file in kept or p.status == "stale"]
        _check_usable(outcome, root)
        if previous is not None and not changed and outcome == known:
            for table in terms.tables:
                shutil.copyfile(previous.table(table.name.lower()), folder / f"{table.name.lower()}.parquet")
        else:
            with engine.connect(run) as database:
                database.execute("set preserve_insertion_order = true")
                for table in terms.tables:
                    _write(database, table, Path(scratch), previous, _with_rows(copied, outcome), folder)
    _write_outcome([outcome[file] for file in sorted(outcome)], folder)
    drift = merged_drift([d for p in outcome.values() if p.status == "read" for d in p.drift])
    return Extracted(drift=drift, parsed=len(changed))


def readable_since(connection: Connection, landed: Previous) -> bool:
    """Whether a workbook that could not be read, half copied perhaps, has changed since."""
    unread = {file: parsed.sha256 for file, parsed in _known(landed).items() if parsed.status != "read"}
    try:
        files = list_workbooks(workbook_folder(connection)) if unread else {}
    except (ConfigurationError, ContractError):
        return False
    return any(file in files and sha256_of(files[file]) != before for file, before in unread.items())


def workbook_folder(connection: Connection) -> Path:
    """The folder of workbooks: extra `path`, else the host or schema of the connection.

    Raises :class:`ConfigurationError` where none is named, or the named one is no folder we can list.
    """
    fallback = [f"/{connection.schema_}" if connection.schema_ else None, connection.schema_]
    named = [p for p in (connection.extra.get("path"), connection.host, *fallback) if p]
    if not named:
        raise ConfigurationError(
            "The connection family_workbooks names no folder. Set its extra `path`, for example "
            """AIRFLOW_CONN_FAMILY_WORKBOOKS='{"conn_type": "fs", "extra": {"path": "/data/workbooks"}}'."""
        )
    candidates = [Path(str(p)).expanduser().absolute() for p in named]
    root = next((p for p in candidates if p.is_dir()), None)
    if root is None:
        raise ConfigurationError(
            f"The folder of workbooks {candidates[0]} does not exist. Correct the extra `path` of the connection "
            "family_workbooks, or mount the folder."
        )
    if not os.access(root, os.R_OK | os.X_OK):
        raise ConfigurationError(
            f"The folder of workbooks {root} may not be read. Give the account that runs the load access to it."
        )
    return root


def list_workbooks(root: Path) -> dict[str, Path]:
    """The workbooks below a folder by relative path, in its order, without lock files (`~$…`).

    Raises :class:`ContractError` where there is none.
    """
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            if name.lower().endswith(".xlsx") and not name.startswith("~$"):
                path = Path(folder) / name
                found[os.fsencode(path.relative_to(root)).decode("utf-8", "backslashreplace")] = path
    if not found:
        raise ContractError(
            f"The folder of workbooks {root} holds no .xlsx file. Put the survey's workbooks there, "
            "or correct the extra `path` of the connection family_workbooks."
        )
    return dict(sorted(found.items()))


def _known(previous: Previous) -> dict[str, Parsed]:
    rows = pq.read_table(previous.table("workbooks"), schema=WORKBOOKS).to_pylist()
    return {
        row["file"]: Parsed(
            file=row["file"],
            sha256=row["sha256"],
            status=row["status"],
            reason=row["reason"],
            sheet=row["sheet"],
            drift=tuple(Drift.model_validate(d) for d in json.loads(row["drift"] or "[]")),
        )
        for row in rows
    }


def _split(
    files: dict[str, Path], known: dict[str, Parsed], same_way: bool
) -> tuple[dict[str, Parsed], dict[str, Path]]:
    """Workbooks whose outcome is known, and those to parse."""
    kept = {
        file: known[file]
        for file, path in files.items()
        if same_way and file in known and known[file].sha256 and known[file].sha256 == sha256_of(path)
    }
    return kept, {file: path for file, path in files.items() if file not in kept}


def parse_all(files: dict[str, Path], terms: Contract, scratch: Path, tell: Tell = silent) -> list[Parsed]:
    """Parse workbooks in processes of bounded memory and time; the parts appear in `scratch/<table>/`."""
    for table in terms.tables:
        (scratch / table.name).mkdir()
    tasks = [
        (path, file, terms, {table.name: scratch / table.name / f"{number:06d}.parquet" for table in terms.tables})
        for number, (file, path) in enumerate(files.items())
    ]
    outcomes = run_each(
        _parse,
        tasks,
        processes=PROCESSES,
        memory=WORKER_MEMORY,
        seconds=WORKER_SECONDS,
        done=lambda count: tell(Progress(FAMILY_SURVEY, "workbooks", count, len(tasks))),
    )
    return [_too_much(task, o) if isinstance(o, Exceeded) else o for task, o in zip(tasks, outcomes, strict=True)]


_Task = tuple[Path, str, Contract, dict[str, Path]]


def _parse(task: _Task) -> Parsed | Exceeded:
    try:
        return parse_workbook(*task)
    except MemoryError:
        return Exceeded.MEMORY
    except BaseException as fault:
        # The reader's panics derive from BaseException; whatever it stumbles over is that workbook's fault alone.
        if isinstance(fault, KeyboardInterrupt | SystemExit):
            raise
        path, file, *_ = task
        reason = f"The reader failed on it ({type(fault).__name__}). Save it again as .xlsx."
        return Parsed(file, sha256_of(path), "rejected", reason)


def _too_much(task: _Task, exceeded: Exceeded) -> Parsed:
    """A workbook that broke a bound; time also depends on the machine, so that verdict is not kept by checksum."""
    path, file, _, parts = task
    for part in parts.values():
        part.unlink(missing_ok=True)
    advice = "Delete empty rows and columns, or split it into one workbook a village."
    if exceeded is Exceeded.TIME:
        return Parsed(file, None, "rejected", f"Reading it takes more than {WORKER_SECONDS:g} seconds. {advice}")
    bound = f"{WORKER_MEMORY / 1024**3:g} GB"
    return Parsed(file, sha256_of(path), "rejected", f"Reading it needs more than {bound} of memory. {advice}")


def _outcome(parsed: Parsed, known: dict[str, Parsed]) -> Parsed:
    """A rejected workbook is stale where the previous snapshot holds rows of the same path."""
    before = known.get(parsed.file)
    if parsed.status == "rejected" and before is not None and before.status in ("read", "stale"):
        return replace(parsed, status="stale")
    return parsed


def _check_usable(outcome: dict[str, Parsed], root: Path) -> None:
    for parsed in outcome.values():
        if parsed.status != "read":
            log.warning("%s: workbook %s is %s: %s", FAMILY_SURVEY, parsed.file, parsed.status, parsed.reason)
    if all(parsed.status == "rejected" for parsed in outcome.values()):
        first = next(iter(outcome.values()))
        where = f"{first.file}, sheet {first.sheet}" if first.sheet else first.file
        raise ContractError(
            f"None of the {len(outcome)} workbooks in {root} can be used. The first is {where}: {first.reason}"
        )


def _with_rows(files: list[str], outcome: dict[str, Parsed]) -> list[str]:
    return [file for file in files if outcome[file].status != "rejected"]


def _write(
    database: duckdb.DuckDBPyConnection,
    table: Table,
    scratch: Path,
    previous: Previous | None,
    copied: list[str],
    folder: Path,
) -> None:
    """One table, by workbook and row: the parts parsed tonight, and what is copied from the snapshot before.

    The parts are in that order already.
    """
    schema = schema_of(table)
    pq.write_table(schema.empty_table(), scratch / table.name / "none.parquet")
    names = ", ".join(f'"{name}"' for name in schema.names)
    queries = [f"select {names} from read_parquet($parts)"]
    values: dict[str, object] = {"parts": str(scratch / table.name / "*.parquet")}
    if previous is not None and copied:
        before = previous.table(table.name.lower())
        landed = set(pq.read_schema(before).names)
        columns = ", ".join(f'"{n}"' if n in landed else f'null::varchar as "{n}"' for n in schema.names)
        queries.append(f"select {columns} from read_parquet($before) where file in (select unnest($copied))")
        values |= {"before": str(before), "copied": copied}
    order = "order by file, row_number" if len(queries) > 1 else ""
    target = folder / f"{table.name.lower()}.parquet"
    database.execute(
        f"copy ({' union all '.join(queries)} {order}) to '{_quoted(target)}' ({engine.WRITTEN})",
        values,
    )


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _write_outcome(outcome: list[Parsed], folder: Path) -> None:
    rows = [
        {
            "file": parsed.file,
            "sha256": parsed.sha256,
            "status": parsed.status,
            "reason": parsed.reason,
            "sheet": parsed.sheet,
            "drift": json.dumps([drift.model_dump() for drift in parsed.drift]) if parsed.drift else None,
        }
        for parsed in outcome
    ]
    pq.write_table(
        pa.Table.from_pylist(rows, schema=WORKBOOKS), folder / "workbooks.parquet", compression=PARQUET_COMPRESSION
    )
