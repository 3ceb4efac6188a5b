"""Removing a person from files of the lake: folder by folder, each replaced as a whole.

Comes in: the traces and how a value is known to be the person's. Goes out: rows deleted and cleared by pattern. A
landed snapshot gets a manifest that fits its files again. Killed anywhere, each folder is as before or done.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from kampungkb import lake
from kampungkb.lake import sha256_of
from kampungkb.landing import MANIFEST, read_manifest
from kampungkb.rights.cleaning import Counted, clean, rows_of
from kampungkb.rights.traces import Matches, Trace, load_traces
from kampungkb.settings import Settings
from kampungkb.sources.protocol import TableFile


def clean_files(settings: Settings, database: DuckDBPyConnection, matches: Matches) -> Counted:
    """Remove the person from every folder of the lake, and files that go as a whole.

    Returns rows gone or cleared, and files removed, by pattern.
    """
    traces = load_traces()
    counted = _remove(settings.lake, traces.lake) + _remove(settings.root, traces.home)
    for folder in sorted({path.parent for path in settings.lake.rglob("*.parquet")}):
        counted += _clean_folder(settings.lake, folder, database, matches)
    return counted


def _remove(root: Path, traces: Mapping[str, Trace]) -> Counted:
    counted = Counted()
    for pattern in (pattern for pattern, trace in traces.items() if trace.remove is not None):
        for path in root.glob(pattern):
            path.unlink()
            counted[pattern] += 1
    return counted


def _clean_folder(root: Path, folder: Path, database: DuckDBPyConnection, matches: Matches) -> Counted:
    place = folder.relative_to(root).as_posix()
    if not any(rows_of(database, folder, place, path.name, matches) for path in folder.glob("*.parquet")):
        return Counted()
    with lake.replacing(folder) as fresh:
        for path in folder.iterdir():
            os.link(path, fresh / path.name)
        counted = clean(database, fresh, place, matches)
        if (fresh / MANIFEST).exists():
            _refresh_manifest(fresh)
    return counted


def _refresh_manifest(snapshot: Path) -> None:
    """Write the manifest of a landed snapshot with the rows and checksums that its files have now."""
    path = snapshot / MANIFEST
    manifest = read_manifest(snapshot)
    tables = {
        name: TableFile(
            file=table.file,
            rows=pq.read_metadata(snapshot / table.file).num_rows,
            sha256=sha256_of(snapshot / table.file),
        )
        for name, table in manifest.tables.items()
    }
    cleaned = path.with_name(f".{MANIFEST}")
    cleaned.write_text(manifest.model_copy(update={"tables": tables}).model_dump_json(indent=2), encoding="utf-8")
    cleaned.chmod(0o600)
    cleaned.replace(path)
