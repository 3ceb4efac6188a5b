"""Pseudonyms in files of the lake: written anew below one folder first, moved into place when the warehouse is done."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from kampungkb.lake import PARTIAL, private_folder
from kampungkb.pseudonym import AGAIN
from kampungkb.rights.cleaning import literal, trace_of
from kampungkb.rights.traces import quoted
from kampungkb.settings import Settings
from kampungkb.sources.protocol import PARQUET_COMPRESSION

_NEW = ".new"


def counted(settings: Settings) -> Counter[str]:
    """The rows with pseudonyms by kind of file."""
    rows: Counter[str] = Counter()
    for path, pattern, _ in _with_pseudonyms(settings):
        rows[pattern] += pq.read_metadata(path).num_rows
    return rows


def write_renamed(settings: Settings, database: DuckDBPyConnection) -> Counter[str]:
    """Write every file with pseudonyms anew, aside; `database` knows the macro of the new key alone.

    Returns rows by kind of file. What an earlier try has left aside is thrown away first.
    """
    discard(settings)
    database.execute("set preserve_insertion_order = true")
    rows: Counter[str] = Counter()
    for path, pattern, columns in _with_pseudonyms(settings):
        aside = _aside(settings) / path.relative_to(settings.lake)
        private_folder(aside.parent)
        fresh = aside.with_name(f"{aside.name}{_NEW}")
        renamed = ", ".join(f"pseudonym('{AGAIN}', {quoted(each)}) as {quoted(each)}" for each in columns)
        database.execute(
            f"copy (select * replace ({renamed}) from read_parquet({literal(path)})) to {literal(fresh)} "
            f"(format parquet, compression {PARQUET_COMPRESSION})"
        )
        fresh.chmod(0o600)
        rows[pattern] += pq.read_metadata(fresh).num_rows
    os.sync()
    return rows


def swap(settings: Settings) -> None:
    """Move the files into place; those that an earlier try has moved are there already."""
    aside = _aside(settings)
    for fresh in sorted(aside.rglob(f"*{_NEW}")):
        os.replace(fresh, settings.lake / fresh.relative_to(aside).with_name(fresh.name.removesuffix(_NEW)))
    discard(settings)


def discard(settings: Settings) -> None:
    """Remove what stands aside."""
    shutil.rmtree(_aside(settings), ignore_errors=True)


def _aside(settings: Settings) -> Path:
    return settings.lake / f"{PARTIAL}renamed"


def _with_pseudonyms(settings: Settings) -> Iterator[tuple[Path, str, tuple[str, ...]]]:
    """Files with their pattern and the columns of pseudonyms; raises where the traces do not know a file."""
    for path in sorted(settings.lake.rglob("*.parquet")):
        pattern, trace = trace_of(path.relative_to(settings.lake).as_posix())
        if trace.pseudonyms:
            yield path, pattern, trace.pseudonyms
