"""A small world that lives: three sources with random changes, a home, a warehouse, all of which can be put back."""

import json
import random
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import openpyxl
import psutil
from openpyxl.worksheet.worksheet import Worksheet
from sqlalchemy import Engine, NullPool, create_engine, text

from kampungkb.orchestration.environment import connection_variable
from kampungkb.run import JAKARTA
from kampungkb.sample import generate, load_registry
from kampungkb.sample.insurance_entries import read_entries
from kampungkb.warehouse import embedded
from kampungkb.warehouse.models import Base
from tests.faults.publishing import other_schemas
from tests.faults.steps import PYTHONPATH, STEPS, Act, Handed, Order, Step, StepFailed, perform
from tests.generator import InsuranceApi

KEY = "a key for tests only"
FIRST = date(2026, 11, 24)
CLOCKS = {"ops.load_run": ("started_at", "finished_at"), "ops.gate_result": ("decided_at",)}
CHECKSUMS = {"ops.published_content": ("digest",)}
"""Of bytes of Parquet files, in which the same rows may stand in another order; the rows are compared themselves."""
BESIDE_THE_DATA = {
    "landing/*/*/manifest.json": (("extracted_at",), ("tables", "*", "sha256")),
    "gates/*/*.json": (("decision", "at"),),
    "accepted/*/*/made_of.json": (("inputs",), ("files",)),
    "scores/*/made_of.json": (("inputs",), ("files",)),
}
"""Clocks and checksums in the files of the lake."""
PER_RUN = ("ops.load_run", "ops.check_result", "ops.gate_result")
Rows = Counter[tuple[str, str]]


@dataclass
class World:
    """Sources, home and warehouse under `root`; what was loaded can be kept under a name and put back."""

    root: Path
    server: embedded.ServerInfo
    name: str
    api: InsuranceApi
    born: int = 0
    processor: float = 0.0  # seconds that the steps have used
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def folder(self) -> Path:
        return self.root / "sample" / "family_survey"

    @property
    def registry_name(self) -> str:
        return f"{self.name}_registry"

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a task, as a deployment would set it."""
        return {
            "KAMPUNGKB_HOME": str(self.home),
            "KAMPUNGKB_PSEUDONYM_KEY": KEY,
            "PYTHONPATH": PYTHONPATH,
            "AIRFLOW_CONN_FAMILY_WORKBOOKS": json.dumps({"conn_type": "fs", "extra": {"path": str(self.folder)}}),
            "AIRFLOW_CONN_CIVIL_REGISTRY": connection_variable(self.server.connection(self.registry_name)),
            "AIRFLOW_CONN_HEALTH_INSURANCE": json.dumps(self.api.connection()),
            "AIRFLOW_CONN_WAREHOUSE": connection_variable(self.server.connection(self.name)),
            **self.variables,
        }

    def order(self, as_of: date, run_id: str = "night", *, force: bool = False, **variables: str) -> Order:
        """A run of the DAG on this world; `variables` replace those of :attr:`environ`."""
        return Order(f"{run_id}__{as_of}", as_of, {**self.environ, **variables}, force)

    # ── loading ──────────────────────────────────────────────────────────────────────────────────────────────────

    def load(
        self,
        order: Order,
        handed: Handed | None = None,
        steps: Sequence[Step] = STEPS,
        before: Callable[[Step], None] = lambda _: None,
        acts: Mapping[Step, Act] | None = None,
        folder: Path | None = None,
    ) -> dict[Step, float]:
        """Perform steps in order; `before` is called in front of each, `acts` are done to their processes.

        Loads that run at the same time need a `folder` each for what their steps hand on.
        """
        handed = {} if handed is None else handed
        seconds = {}
        for step in steps:
            before(step)
            begun = time.monotonic()
            self.processor += perform(order, step, handed, folder or self.root, (acts or {}).get(step))
            seconds[step] = time.monotonic() - begun
        return seconds

    def refused(self, order: Order, steps: Sequence[Step] = STEPS, handed: Handed | None = None) -> StepFailed:
        """The fault with which the load ends."""
        try:
            self.load(order, handed, steps)
        except StepFailed as fault:
            return fault
        raise AssertionError("the load ended well")

    # ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def engine(self) -> Engine:
        return create_engine(self.server.url(self.name), poolclass=NullPool)

    def rows(self, run: Order, *earlier: Order) -> Rows:
        """Every row of every table of the warehouse as if `run` alone had loaded the date, whatever it is called.

        Clocks, checksums, and whether a workbook was read in this run or an earlier one, are left out; of `earlier`
        runs of the same date so is what is kept for each run.
        """
        return rows_of(self.engine, run.run_id, [each.run_id for each in earlier])

    def quarantined(self, rule: str, file: str) -> bool:
        """Whether a file is in quarantine by a rule."""
        query = "select count(*) > 0 from ops.quarantine where rule = :rule and file = :file"
        with self.engine.connect() as connection:
            return bool(connection.execute(text(query), {"rule": rule, "file": file}).scalar_one())

    def lake(self) -> Rows:
        """Every row of every Parquet file of the lake, and what else stands in it, without clocks and checksums."""
        found: Rows = Counter()
        lake = self.home / "lake"
        for path in sorted(path for path in lake.rglob("*") if path.is_file()):
            name = str(path.relative_to(lake))
            if path.suffix == ".parquet":
                rows = duckdb.execute("select cast(to_json(t) as varchar) from read_parquet($1) as t", [str(path)])
                found.update((name, row) for (row,) in rows.fetchall())
            elif path.suffix == ".json":
                found[name, json.dumps(_data_of(name, json.loads(path.read_bytes())))] += 1
            else:
                found[name, path.read_bytes().hex()] += 1
        return found

    def remains(self) -> list[str]:
        """What killed steps have left that the next run should have removed."""
        schemas = ["a staging schema"] * other_schemas(self.engine)
        return schemas + [str(path.relative_to(self.home)) for path in (self.home / "lake").rglob(".partial-*")]

    # ── keeping and putting back ─────────────────────────────────────────────────────────────────────────────────

    def keep(self, moment: str) -> None:
        """Remember home and warehouse under a name."""
        shutil.copytree(self.home, self.root / "kept" / moment, symlinks=True)
        self._copy_database(self.name, self._kept(moment))

    def put_back(self, moment: str) -> None:
        """Make home and warehouse as they were."""
        shutil.rmtree(self.home)
        shutil.copytree(self.root / "kept" / moment, self.home, symlinks=True)
        self.administer(f'drop database "{self.name}" with (force)')
        self._copy_database(self._kept(moment), self.name)

    def _kept(self, moment: str) -> str:
        return f"{self.name}_{moment.replace(' ', '_')}"

    def _copy_database(self, source: str, target: str) -> None:
        self.administer(
            f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{source}'",
            f'create database "{target}" template "{source}" strategy file_copy',
        )

    def cut_connections(self) -> None:
        """End every connection to the warehouse and to the registry."""
        names = f"'{self.name}', '{self.registry_name}'"
        self.administer(f"select pg_terminate_backend(pid) from pg_stat_activity where datname in ({names})")

    def server_seconds(self) -> float:
        """The processor's seconds of all connections to the server that have ended."""
        with self.engine.connect() as connection:
            backend = connection.execute(text("select pg_backend_pid()")).scalar_one()
            used = psutil.Process(psutil.Process(backend).ppid()).cpu_times()
        return float(used.children_user + used.children_system)

    def administer(self, *statements: str) -> None:
        """Execute statements on the server, each in a transaction of its own."""
        admin = create_engine(self.server.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with admin.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def drop_databases(self) -> None:
        """Remove the warehouse, the registry and all that was kept of them."""
        with create_engine(self.server.url("postgres"), poolclass=NullPool).connect() as connection:
            found = connection.execute(text("select datname from pg_database")).scalars().all()
        self.administer(*(f'drop database "{name}" with (force)' for name in found if name.startswith(self.name)))

    # ── living ───────────────────────────────────────────────────────────────────────────────────────────────────

    def lives_a_day(self, dice: random.Random, as_of: date, events: int = 5) -> None:
        """A few small changes in each source."""
        for _ in range(events):
            self.change_survey(dice)
            self.change_registry(dice, as_of)
            self.change_insurance(dice, as_of)

    def change_survey(self, dice: random.Random) -> None:
        """A family answers otherwise, comes (as a copy with another code), or is gone."""
        path = dice.choice(sorted(self.folder.glob("*.xlsx")))
        book = openpyxl.load_workbook(path)
        families, members = Sheet(book["KELUARGA"]), Sheet(book["ANGGOTA"])
        row = dice.choice([row for row in families.rows if not families.is_beside_the_data(row)])
        code = families.value(row, "KODE_KELUARGA")
        match dice.choice(("answer", "answer", "answer", "come", "go")):
            case "answer":
                families.set(row, dice.choice(("P.01", "P.09", "P.10")), dice.choice((1, 2)))
            case "come" if code:
                fresh = self._serial("9")
                families.copy(row, fresh)
                for each in members.of_family(code):
                    members.copy(each, fresh)
            case "go" if code and len(families.rows) > 5:
                for each in reversed(members.of_family(code)):
                    members.delete(each)
                families.delete(row)
        book.save(path.with_suffix(".saving"))
        path.with_suffix(".saving").replace(path)

    def change_registry(self, dice: random.Random, as_of: date) -> None:
        """Somebody gets a certificate, moves, or stands in the registry for the first time."""
        with create_engine(self.server.url(self.registry_name), poolclass=NullPool).begin() as connection:
            niks = connection.execute(text("select nik from biodata_wni where nik is not null order by nik")).scalars()
            values = {"nik": dice.choice(niks.all()), "at": datetime.combine(as_of, datetime.min.time())}
            match dice.choice(("certificate", "certificate", "status", "come")):
                case "certificate":
                    change = "akta_lhr = 3 - coalesce(akta_lhr, 1), tgl_ubah = :at where nik = :nik"
                    connection.execute(text(f"update biodata_wni set {change}"), values)
                case "status":
                    change = "stat_kwn = 1 + coalesce(stat_kwn, 1) % 4, tgl_ubah = :at where nik = :nik"
                    connection.execute(text(f"update biodata_wni set {change}"), values)
                case _:
                    self.born += 1
                    fresh = {**values, "fresh": f"210401{dice.randint(1, 28):02d}0190{self.born:04d}"}
                    columns = connection.execute(text("select * from biodata_wni limit 0")).keys()
                    given = {"nik": ":fresh", "tgl_ubah": ":at"}
                    picked = ", ".join(f"{given.get(name, name)}" for name in columns)
                    source = "(select * from biodata_wni where nik = :nik limit 1) as one"
                    connection.execute(text(f"insert into biodata_wni select {picked} from {source}"), fresh)

    def change_insurance(self, dice: random.Random, as_of: date) -> None:
        """A card becomes active or inactive, or a new one is given out."""
        place = dice.randrange(len(self.api.entries))
        entry = {
            **self.api.entries[place],
            "updatedAt": datetime.combine(as_of, datetime.min.time(), JAKARTA).isoformat(),
        }
        if dice.random() < 0.7:
            entry["statusPeserta"] = {"kode": dice.choice(("0", "0", "1", "6")), "keterangan": "STATUS"}
            self.api.entries[place] = entry
        else:
            self.api.entries.append({**entry, "noKartu": self._serial("0", 13)})

    def people_leave(self, dice: random.Random, registry: int, insurance: int) -> None:
        """Rows of persons leave the registry, cards the insurance, until no more than so many are left."""
        with create_engine(self.server.url(self.registry_name), poolclass=NullPool).begin() as connection:
            niks = connection.execute(text("select nik from biodata_wni where nik is not null order by nik")).scalars()
            known = list(niks)
            gone = dice.sample(known, max(0, len(known) - registry))
            connection.execute(text("delete from biodata_wni where nik = any(:gone)"), {"gone": gone})
        while len(self.api.entries) > insurance:
            del self.api.entries[dice.randrange(len(self.api.entries))]

    def _serial(self, first: str, digits: int = 18) -> str:
        self.born += 1
        return f"{first}{self.born:0{digits - 1}d}"


class Sheet:
    """A sheet of a workbook whose header is the first row that names KODE_KELUARGA."""

    def __init__(self, sheet: Worksheet) -> None:
        self.sheet = sheet
        for row in sheet.iter_rows(max_row=16):
            names = {str(cell.value).strip().upper(): cell.column for cell in row}
            if "KODE_KELUARGA" in names:
                self.names, self.header = names, row[0].row
                return
        raise AssertionError("no header")

    @property
    def rows(self) -> list[int]:
        return list(range(self.header + 1, self.sheet.max_row + 1))

    def value(self, row: int, name: str) -> Any:
        return self.sheet.cell(row, self.names[name]).value

    def set(self, row: int, name: str, value: Any) -> None:
        self.sheet.cell(row, self.names[name]).value = value

    def is_beside_the_data(self, row: int) -> bool:
        """Whether a row is empty, or the sum that the sample writes below its rows."""
        texts = [str(cell.value).strip() for cell in self.sheet[row] if cell.value is not None]
        return not any(texts) or "JUMLAH" in texts

    def of_family(self, code: Any) -> list[int]:
        return [row for row in self.rows if self.value(row, "KODE_KELUARGA") == code]

    def copy(self, row: int, code: str) -> None:
        """Add the row once more under another code of the family."""
        target = self.sheet.max_row + 1
        for cell in self.sheet[row]:
            fresh = self.sheet.cell(target, cell.column, cell.value)
            fresh.number_format = copy(cell.number_format)
        self.set(target, "KODE_KELUARGA", code)

    def delete(self, row: int) -> None:
        self.sheet.delete_rows(row)


@contextmanager
def world(root: Path, server: embedded.ServerInfo, name: str, families: int = 60, seed: int = 7) -> Iterator[World]:
    """A world in which nothing was loaded yet."""
    sample = root / "sample"
    (root / "home").mkdir(mode=0o700)
    generate(sample, families=families, seed=seed, as_of=FIRST - timedelta(1))
    entries = read_entries(sample / "health_insurance" / "peserta.parquet")
    with InsuranceApi(msgspec.to_builtins(entries.render(entries.select("2104", None))), overlap=False) as api:
        made = World(root, server, name, api)
        for database in (made.name, made.registry_name):
            embedded.ensure_database(server, database)
        load_registry(sample, server.url(made.registry_name))
        try:
            yield made
        finally:
            made.drop_databases()


def _data_of(name: str, told: dict[str, Any]) -> dict[str, Any]:
    """What a file of the lake says, without clocks and checksums."""
    for pattern, places in BESIDE_THE_DATA.items():
        if fnmatch(name, pattern):
            for place in places:
                _remove(told, *place)
    return told


def _remove(told: dict[str, Any] | None, key: str, *inner: str) -> None:
    for each in list(told or {}) if key == "*" else [key]:
        if told and inner:
            _remove(told[each], *inner)
        elif told:
            told.pop(each, None)


def rows_of(engine: Engine, run_id: str, earlier: Sequence[str] = ()) -> Rows:
    """What :meth:`World.rows` gives, of any warehouse."""
    others = [each for each in earlier if each != run_id]
    found: Rows = Counter()
    with engine.connect() as connection:
        for table in sorted(Base.metadata.tables):
            beside = ", ".join(f"'{name}'" for name in (*CLOCKS.get(table, ()), *CHECKSUMS.get(table, ())))
            row = f"cast(to_jsonb(t) - array[{beside}]::text[] #- '{{counts,family_survey,parsed}}' as text)"
            where = "where run_id <> all(:others)" if table in PER_RUN else "where cast(:others as text[]) is not null"
            for (line,) in connection.execute(text(f"select {row} from {table} as t {where}"), {"others": others}):
                for each in (run_id, *others):
                    line = line.replace(each, "tonight")
                line = re.sub(r'("snapshot": "[\d-]{10})\.\d+"', r'\1"', line)  # landed anew, or not
                found[table, line] += 1
    return found


def differences(truth: Rows, found: Rows) -> tuple[int, int]:
    """Rows of the truth that are missing, and rows beyond it."""
    return (truth - found).total(), (found - truth).total()
