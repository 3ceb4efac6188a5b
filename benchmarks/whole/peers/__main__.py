"""The load with dlt into PostgreSQL and dbt models and tests, as a team that uses them would write it.

Runs in the environment of `requirements/peers.txt`. dlt reads the workbooks (by pandas with calamine, cell by cell as
text), both tables of the registry as Arrow and the web service's pages, and loads them raw; dbt types, judges, links
and scores them in the warehouse. What they do not do: tell a changed workbook from an unchanged one, keep a rejected
row's reason and key apart from the tables, hold a delivery back, give persons keys that last, link by anything but an
equal NIK, keep a history, and publish all tables in one transaction.

    python -m benchmarks.whole.peers --as-of 2026-11-26 --out FOLDER

Connections come from `AIRFLOW_CONN_*`, the database to write from `BENCH_DATABASE`. The last line of standard output
holds the stages as JSON.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dlt
import pandas as pd
import psycopg
import pyarrow as pa
from dbt.cli.main import dbtRunner
from dlt.sources.sql_database import sql_table

from kampungkb.connections import (
    CIVIL_REGISTRY,
    FAMILY_WORKBOOKS,
    HEALTH_INSURANCE,
    Connection,
    connections_from_environment,
)
from kampungkb.contracts import Table, contract
from kampungkb.settings import load_settings
from kampungkb.sources.insurance_api import Client, Service

PROJECT = Path(__file__).parent / "dbt"
SURVEY = "family_survey"
FOOTERS = ("JUMLAH", "TOTAL")
CELL_KINDS = {str: "text", int: "number", float: "number"}
WORKBOOKS_AT_ONCE = 50

STAGES: list[dict[str, Any]] = []


@contextmanager
def stage(name: str, part: str | None = None) -> Iterator[None]:
    """Time a stage."""
    begun, at = time.monotonic(), datetime.now(UTC).isoformat()
    yield
    STAGES.append({"stage": name, "part": part, "at": at, "seconds": time.monotonic() - begun})


def column_name(name: str) -> str:
    """A column as dlt and PostgreSQL name it."""
    return name.lower().replace(".", "_")


def workbooks(folder: Path, sheet: str) -> Iterator[pa.Table]:
    """The data rows of a sheet of all workbooks, as Arrow tables of text."""
    table, frames = contract(SURVEY).table(sheet), list[pd.DataFrame]()
    files = sorted(folder.rglob("*.xlsx"))
    for number, path in enumerate(files, start=1):
        cells = pd.read_excel(path, sheet_name=sheet, header=None, dtype=object, engine="calamine", na_filter=False)
        frames.append(_rows(cells, table).assign(file=str(path.relative_to(folder))))
        if number % WORKBOOKS_AT_ONCE == 0 or number == len(files):
            yield pa.Table.from_pandas(pd.concat(frames, ignore_index=True), preserve_index=False)
            frames.clear()


def _rows(cells: pd.DataFrame, table: Table) -> pd.DataFrame:
    top = cells.head(20).map(lambda cell: str(cell).strip().upper())
    header = int((top == "KODE_KELUARGA").any(axis=1).argmax())
    official = {name.upper(): name for name in table.names}
    places = {official[name]: place for place, name in enumerate(top.loc[header]) if name in official}
    rows = cells.loc[header + 1 :]
    leading = rows.map(lambda cell: str(cell).strip() or None).bfill(axis=1)[0]
    rows = rows[leading.notna() & ~leading.astype("str").str.upper().str.startswith(FOOTERS)]
    frame = pd.DataFrame({"row_number": rows.index + 1}, index=rows.index)
    for column in table.columns:
        name = column_name(column.name)
        cell = rows[places[column.name]] if column.name in places else pd.Series("", index=rows.index)
        frame[name] = cell.map(_text).astype("string")
        if column.kind == "identity":
            frame[f"{name}_cell"] = cell.map(lambda value: CELL_KINDS.get(type(value))).astype("string")
    return frame


def _text(cell: object) -> str | None:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime | date):
        return cell.isoformat()[:10]
    return str(cell).strip() or None


def entries(service: Service) -> Iterator[list[dict[str, Any]]]:
    """The pages of the insurance service."""
    read, total, number = 0, 1, 1
    with Client(service) as client:
        while read < total:
            body, page = client.page(number)
            if not page.entries:
                return
            yield json.loads(body)["response"]["list"]
            read, total, number = read + page.entries, page.total or 0, number + 1


def load(database: str, out: Path, sources: dict[str, Connection], regions: Path) -> None:
    """Load everything raw with dlt."""
    folder = Path(str(sources[FAMILY_WORKBOOKS].extra["path"]))
    registry = sources[CIVIL_REGISTRY]
    address = (
        f"postgresql+psycopg2://{registry.login}:{registry.secret()}@{registry.host}:{registry.port}/{registry.schema_}"
    )
    pipeline = dlt.pipeline(
        "peers",
        destination=dlt.destinations.postgres(database.replace("postgresql+psycopg://", "postgresql://")),
        dataset_name="raw",
        pipelines_dir=str(out / "dlt"),
    )
    replaced = {"write_disposition": "replace", "loader_file_format": "csv"}
    with stage("extract", SURVEY):
        sheets = [
            dlt.resource(workbooks(folder, table.name), name=table.name.lower()) for table in contract(SURVEY).tables
        ]
        pipeline.run(sheets, **replaced)
        pipeline.run(dlt.resource(pd.read_csv(regions, dtype=str)[["code", "level"]], name="region"), **replaced)
    with stage("extract", CIVIL_REGISTRY):
        tables = [
            sql_table(address, table=name, backend="pyarrow", chunk_size=100_000)
            for name in ("biodata_wni", "data_keluarga")
        ]
        pipeline.run(tables, **replaced)
    with stage("extract", HEALTH_INSURANCE):
        pages = dlt.resource(entries(Service.of(sources[HEALTH_INSURANCE])), name="peserta", max_table_nesting=0)
        pipeline.run(pages, **replaced)


def build(database: str, out: Path, as_of: date) -> None:
    """Run models and tests with dbt, tag by tag; raises where one fails."""
    answers = {
        column_name(column.name): {
            "codes": sorted(column.codes),
            "labels": {label.lower(): code for code, names in column.codes.items() for label in names},
        }
        for table in contract(SURVEY).tables
        for column in table.columns
        if column.codes
    }
    with psycopg.connect(database.replace("postgresql+psycopg://", "postgresql://")) as connection:
        info = connection.info
        os.environ |= {
            "PEERS_HOST": info.host,
            "PEERS_PORT": str(info.port),
            "PEERS_USER": info.user,
            "PEERS_PASSWORD": info.password,
            "PEERS_DATABASE": info.dbname,
        }
    given = [
        "--project-dir",
        str(PROJECT),
        "--profiles-dir",
        str(PROJECT),
        "--target-path",
        str(out / "target"),
    ]
    given += ["--log-path", str(out / "logs"), "--vars", json.dumps({"as_of": as_of.isoformat(), "answers": answers})]
    for tag in ("validate", "link", "score"):
        with stage(tag):
            done = dbtRunner().invoke(["--quiet", "build", "-s", f"tag:{tag}", *given])
        if not done.success:
            broken = ", ".join(each.node.name for each in done.result or () if each.status == "error")
            raise SystemExit(f"dbt could not build {broken or tag}. {out / 'logs' / 'dbt.log'} says why.")


def counts(database: str, out: Path) -> dict[str, int]:
    """What was found, and the scores as a file to be compared."""
    with psycopg.connect(database.replace("postgresql+psycopg://", "postgresql://")) as connection:
        found = {
            name: connection.execute(f"select count(*) from peers.{table}").fetchone()[0]  # type: ignore[index]
            for name, table in (("families", "accepted_family"), ("members", "accepted_member"))
        }
        rows = connection.execute("select code, basis, ibangga from peers.family_score").fetchall()
    scores = pd.DataFrame(rows, columns=["KODE_KELUARGA", "basis", "ibangga"]).astype({"ibangga": "float64"})
    scores.to_parquet(out / "family_score.parquet")
    return found


def main() -> None:
    """Load once and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--as-of", type=date.fromisoformat, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false"}
    database, sources = os.environ["BENCH_DATABASE"], dict(connections_from_environment(os.environ))
    load(database, given.out, sources, load_settings().reference("regions.csv"))
    build(database, given.out, given.as_of)
    print()
    print(json.dumps({"stages": STAGES, "counts": counts(database, given.out)}))


if __name__ == "__main__":
    main()
