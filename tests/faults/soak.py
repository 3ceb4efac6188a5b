"""Simulated nights in a row, with small changes of every source and random faults; the truth reconciled at the end.

`python -m benchmarks.soak --nights 60` loads that many nights of a sample through the task bodies of the DAG, each in
a process of its own, and every Sunday retention, with limits of a week so that it has something to delete.
Before each night the sources change, and stay about as large as they were; in every second night or so something goes
wrong, and what the scheduler would do then is done: the task is tried again, or the next night comes. At the end
another home and an empty warehouse are loaded from the sources as they then are, and every mart is compared with it,
row for row.

Written to `--out`: the figures of each night as JSON lines, a plot, and the verdict. It passes, and the command ends
with 0, where no row was lost or doubled and no figure grew by more than its bound.
"""

import argparse
import json
import math
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import openpyxl
import yaml
from sqlalchemy import NullPool, create_engine, text

from kampungkb.orchestration.journal import journal_path, read_journal, runs_folder
from kampungkb.orchestration.processes import Interrupted, interruptible
from kampungkb.retention import LIMITS_FILE
from kampungkb.run import JAKARTA, SOURCES
from kampungkb.settings import PROJECT_ROOT, Settings
from kampungkb.warehouse import embedded
from kampungkb.warehouse.models import Base
from tests.faults.killing import Killer
from tests.faults.plot import Curve, plot
from tests.faults.steps import PYTHONPATH, RETENTION, STEPS, Handed, Order, Step, StepFailed
from tests.faults.trend import Trend, trend
from tests.faults.world import FIRST, Sheet, World, differences, world

LIMIT_DAYS = 7
"""How long everything is kept here, so that a soak of weeks shows what years of the usual limits do."""
BALANCED = 14
"""From this night on as much is deleted every week as comes: the limit, and a week until the next Sunday."""
DEAD = "postgresql://nobody:nothing@127.0.0.1:9/none"
SCRATCH = "scratch"
SUNDAY = 6
WITH_A_DATABASE = {"prepare", "extract", "inspect", "settle", "link", "publish"}
# Tells of earlier nights, as the means of `open` do, which stay until five families have changed (decision 0034).
OF_EARLIER_NIGHTS = {"mart.kampung_kb_effect"}


@dataclass
class Night:
    """What a night cost, and what it left.

    `seconds` and `processor` are of the tasks that ended well, `recovery` are the seconds of the rest, `server` the
    processor's seconds of PostgreSQL, `yardstick` those of a piece of work that is the same every night. `home_mib` is
    what stands beside the lake (Data Docs, journals), `scratch_mib` what is left in the folder of temporary files.
    `deleted` says how much went where retention ran.
    """

    number: int
    as_of: str
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0
    processor: float = 0.0
    server: float = 0.0
    yardstick: float = 0.0
    recovery: float = 0.0
    peak_mib: float = 0.0
    lake_mib: float = 0.0
    home_mib: float = 0.0
    scratch_mib: float = 0.0
    warehouse_mib: float = 0.0
    source_rows: int = 0
    warehouse_rows: int = 0
    deleted: int | None = None
    stale: list[str] = field(default_factory=list)


@dataclass
class Soak:
    """The nights of one world. Faults are methods that load the night in spite of what they do."""

    world: World
    dice: random.Random

    def night(self, number: int, faults: Sequence[str]) -> Night:
        """Load one night, with the faults in it."""
        world, as_of = self.world, FIRST + timedelta(number)
        night = Night(number, as_of.isoformat(), list(faults))
        world.variables.clear()
        world.api.always, world.api.faults = None, {}
        order, handed, world.processor = world.order(as_of), Handed(), 0.0
        begun, served = time.monotonic(), world.server_seconds()
        for fault in faults:
            order = getattr(self, fault)(order, handed)
        lost = time.monotonic() - begun
        steps = [step for step in STEPS if str(step) not in handed]
        if faults and self.dice.random() < 0.3:
            steps = list(STEPS)
        costs = world.load(order, handed, steps)
        night.seconds, night.recovery, night.processor = sum(costs.values()), lost, world.processor
        night.server, night.yardstick = world.server_seconds() - served, yardstick()
        entries = read_journal(journal_path(Settings(home=world.home), order.run_id))
        night.peak_mib = max(entry.peak_mib or 0 for entry in entries)
        self._date_journals(as_of)
        if as_of.weekday() == SUNDAY:
            night.deleted = self._delete_expired(order)
            self._date_journals(as_of)
        self._measure(night, order, handed)
        return night

    def _date_journals(self, as_of: date) -> None:
        """Give the journals of tonight the time that they would have: retention looks at it."""
        at = datetime.combine(as_of, datetime.min.time(), JAKARTA).timestamp()
        for path in runs_folder(Settings(home=self.world.home)).glob(f"*{as_of}*"):
            os.utime(path, (at, at))

    def _delete_expired(self, order: Order) -> int:
        """What the weekly DAG does; every other time it is killed first."""
        if self.dice.random() < 0.5:
            self._killed(order, Handed(), RETENTION, 0.5)
        handed = Handed()
        self.world.load(order, handed, [RETENTION])
        return sum(each["deleted"] for each in handed[str(RETENTION)]["deleted"])

    def _measure(self, night: Night, order: Order, handed: Handed) -> None:
        home = self.world.home
        night.stale = [source for source in SOURCES if handed[f"extract {source}"]["stale"]]
        night.lake_mib, night.scratch_mib = size_mib(home / "lake"), size_mib(self.world.root / SCRATCH)
        night.home_mib = size_mib(home) - night.lake_mib
        night.source_rows = sum(offered(self.world).values())
        with self.world.engine.connect() as connection:
            size = connection.execute(text("select pg_database_size(current_database())")).scalar_one()
            tables = [f"select count(*) as rows from {name}" for name in Base.metadata.tables]
            rows = f"select sum(rows) from ({' union all '.join(tables)}) as counted"
            night.warehouse_rows = int(connection.execute(text(rows)).scalar_one())
        night.warehouse_mib = size / 2**20

    # ── faults: each returns the order with which the night goes on ──────────────────────────────────────────────

    def killed_task(self, order: Order, handed: Handed) -> Order:
        """A task is killed somewhere; the scheduler tries it again."""
        victim = self.dice.choice([step for step in STEPS if str(step) not in handed])
        self.world.load(order, handed, [step for step in STEPS[: STEPS.index(victim)] if str(step) not in handed])
        self._killed(order, handed, victim, 1.5)
        return order

    def _killed(self, order: Order, handed: Handed, victim: Step, within: float) -> None:
        """Kill a step within so many seconds, if it has not ended by then."""
        try:
            self.world.load(order, handed, [victim], acts={victim: Killer(self.dice.uniform(0, within))})
        except StepFailed as fault:
            assert fault.code == -9, fault

    def connections_cut(self, order: Order, handed: Handed) -> Order:
        """The database server ends all connections while a task runs; the scheduler tries it again."""
        victim = self.dice.choice([step for step in STEPS if step.task in WITH_A_DATABASE and str(step) not in handed])
        self.world.load(order, handed, [step for step in STEPS[: STEPS.index(victim)] if str(step) not in handed])
        delay = self.dice.uniform(0, 1.5)

        def cut(process: BaseProcess) -> None:
            process.join(delay)
            self.world.cut_connections()

        try:
            self.world.load(order, handed, [victim], acts={victim: cut})
        except StepFailed as fault:
            assert fault.code == 1 and fault.message, fault
        return order

    def insurance_down(self, order: Order, handed: Handed) -> Order:
        """The service answers nothing but errors tonight: the last snapshot stands in."""
        self.world.api.always = self.dice.choice((503, "cut", "json", "code", "total"))
        return order

    def insurance_troubled(self, order: Order, handed: Handed) -> Order:
        """The service errs, and recovers."""
        self.world.api.faults = {1: [self.dice.choice((503, "cut", "json", "code", 502))]}
        return order

    def registry_away(self, order: Order, handed: Handed) -> Order:
        """The registry cannot be reached tonight."""
        self.world.variables["AIRFLOW_CONN_CIVIL_REGISTRY"] = DEAD
        return self.world.order(order.as_of)

    def warehouse_away(self, order: Order, handed: Handed) -> Order:
        """The warehouse is away when the load begins; then it is back."""
        away = self.world.order(order.as_of, AIRFLOW_CONN_WAREHOUSE=DEAD)
        refused = self.world.refused(away, [STEPS[0]])
        assert "warehouse" in refused.message.lower(), refused
        return order

    def key_missing(self, order: Order, handed: Handed) -> Order:
        """The key of the pseudonyms is another one; then it is set right."""
        refused = self.world.refused(self.world.order(order.as_of, KAMPUNGKB_PSEUDONYM_KEY="another key"), [STEPS[0]])
        assert "KAMPUNGKB_PSEUDONYM_KEY" in refused.message, refused
        return order

    def half_workbook(self, order: Order, handed: Handed) -> Order:
        """A workbook is being copied while it is read: half of it is there."""
        path = self.dice.choice(sorted(self.world.folder.glob("*.xlsx")))
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * self.dice.uniform(0.05, 0.95))])
        first = [step for step in STEPS[:2] if str(step) not in handed]
        try:
            self.world.load(order, handed, first)
        finally:
            path.write_bytes(whole)
        return order

    def loaded_twice(self, order: Order, handed: Handed) -> Order:
        """The night is loaded, and somebody starts it again."""
        self.world.load(order)
        return self.world.order(order.as_of, "again")


FAULTS = (
    *("killed_task", "killed_task", "killed_task", "insurance_down", "insurance_troubled", "registry_away"),
    *("connections_cut", "connections_cut", "warehouse_away", "key_missing", "half_workbook", "loaded_twice"),
)


def yardstick() -> float:
    """The processor's seconds of the same work every time: how slow the machine is just now, whatever else it does."""
    begun, numbers = time.process_time(), random.Random(0)
    sorted(str(numbers.random()) for _ in range(200_000))
    return time.process_time() - begun


def size_mib(folder: Path) -> float:
    """What the files of a folder hold."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def soak(world: World, nights: int, seed: int, told: Callable[[Night], None], until: float = math.inf) -> list[Night]:
    """Nights with changes and faults; the last one is undisturbed, reads every source in full, and is not measured.

    No further night begins after `until`, on the monotonic clock, but the last one.
    """
    dice, done = random.Random(seed), list[Night]()
    going, people = Soak(world, dice), offered(world)
    _shorten_limits(world)
    while len(done) < nights - 1 and time.monotonic() < until:
        number = len(done)
        if number:
            world.lives_a_day(dice, FIRST + timedelta(number), events=dice.randint(1, 4))
            world.people_leave(dice, people["biodata_wni"], people["peserta"])
        faults = [dice.choice(FAULTS)] if number > 1 and dice.random() < 0.5 else []
        done.append(going.night(number, faults))
        told(done[-1])
    last = FIRST + timedelta(len(done))
    world.lives_a_day(dice, last)
    world.variables.clear()
    world.api.always, world.api.faults = None, {}
    world.load(world.order(last, force=True))
    return done


def _shorten_limits(world: World) -> None:
    limits = yaml.safe_load(LIMITS_FILE.read_text(encoding="utf-8"))
    path = world.home / "reference" / LIMITS_FILE.name
    path.parent.mkdir(mode=0o700)
    path.write_text(yaml.safe_dump({**limits, "days": dict.fromkeys(limits["days"], LIMIT_DAYS)}), encoding="utf-8")


def current(world: World, as_of: date) -> Counter[tuple[str, str]]:
    """The rows of the newest load in every mart, whatever the run was called."""
    found: Counter[tuple[str, str]] = Counter()
    with world.engine.connect() as connection:
        for name, table in sorted(Base.metadata.tables.items()):
            if table.schema != "mart" or name in OF_EARLIER_NIGHTS:
                continue
            row = "cast(to_jsonb(t) - array['run_id'] as text)"
            where = "where as_of = :as_of" if "as_of" in table.columns else "where cast(:as_of as date) is not null"
            lines = connection.execute(text(f"select {row} from {name} as t {where}"), {"as_of": as_of})
            found.update((name, line) for (line,) in lines)
    return found


def persons(world: World) -> Counter[tuple[str, str]]:
    """Which records are the same person, without the keys, which tell of earlier nights."""
    query = (
        "select 'person', cast(array_agg(source || ' ' || source_key order by source, source_key) as text) "
        "from vault.person_link group by person_key"
    )
    with world.engine.connect() as connection:
        return Counter((kind, members) for kind, members in connection.execute(text(query)))


def offered(world: World) -> dict[str, int]:
    """How many rows the sources hold, counted where they are."""
    survey = {"keluarga": 0, "anggota": 0}
    for path in world.folder.glob("*.xlsx"):
        book = openpyxl.load_workbook(path)
        for name in survey:
            sheet = Sheet(book[name.upper()])
            survey[name] += sum(not sheet.is_beside_the_data(row) for row in sheet.rows)
    with create_engine(world.server.url(world.registry_name), poolclass=NullPool).connect() as connection:
        registry = {
            name: connection.execute(text(f"select count(*) from {name}")).scalar_one()
            for name in ("biodata_wni", "data_keluarga")
        }
    return {**survey, **registry, "peserta": len(world.api.entries)}


def loaded(world: World, as_of: date) -> dict[str, int]:
    """How many rows the newest load read, as the warehouse tells it: accepted and rejected together."""
    with world.engine.connect() as connection:
        query = "select counts from ops.load_run where as_of = :as_of order by started_at desc limit 1"
        counts = connection.execute(text(query), {"as_of": as_of}).scalar_one()
    tables = [(name, each) for source in SOURCES for name, each in counts[source]["tables"].items()]
    return {name: each["accepted"] + each["rejected"] for name, each in tables}


@contextmanager
def from_nothing(lived: World, name: str) -> Iterator[World]:
    """Another home and an empty warehouse on the same sources."""
    root = lived.root / "from nothing"
    (root / "home").mkdir(parents=True, mode=0o700)
    fresh = World(root, lived.server, name, lived.api)
    embedded.ensure_database(lived.server, name)
    fresh.variables |= {
        key: lived.environ[key] for key in ("AIRFLOW_CONN_FAMILY_WORKBOOKS", "AIRFLOW_CONN_CIVIL_REGISTRY")
    }
    yield fresh


def reconcile(lived: World, as_of: date) -> dict[str, object]:
    """Rows lost and doubled against a load from nothing, by mart where there are any, and against the sources."""
    with from_nothing(lived, f"{lived.name}_nothing") as fresh:
        fresh.load(fresh.order(as_of))
        truth, found = current(fresh, as_of), current(lived, as_of)
        lost, doubled = differences(truth, found)
        apart = differences(persons(fresh), persons(lived))
        tables = Counter(name for name, _ in (truth - found) + (found - truth))
    rows, read = offered(lived), loaded(lived, as_of)
    return {
        "mart_rows": truth.total(),
        "lost": lost,
        "doubled": doubled,
        "tables": dict(tables),
        "persons": persons(lived).total(),
        "persons_apart": sum(apart),
        "source_rows": rows,
        "loaded_rows": read,
        "equal": rows == read and lost == doubled == 0,
        "remains": lived.remains(),
    }


@dataclass(frozen=True)
class Asked:
    """How many nights of how large a sample, and after how many hours no further one begins."""

    nights: int = 60
    families: int = 60
    seed: int = 1
    hours: float = math.inf


JUDGED: Mapping[str, Callable[[Night], float]] = {
    "processor of the tasks, yardsticks": lambda night: night.processor / night.yardstick,
    "processor of PostgreSQL, yardsticks": lambda night: night.server / night.yardstick,
    "largest step, MiB": lambda night: night.peak_mib,
    "lake, MiB": lambda night: night.lake_mib,
    "rest of the home, MiB": lambda night: night.home_mib,
    "temporary files, MiB": lambda night: night.scratch_mib,
    "warehouse, MiB": lambda night: night.warehouse_mib,
}
SHOWN: Mapping[str, Callable[[Night], float]] = {
    "seconds": lambda night: night.seconds,
    "processor of the tasks, s": lambda night: night.processor,
    **JUDGED,
    "rows of the sources": lambda night: night.source_rows,
}


def trends(nights: Sequence[Night]) -> dict[str, Trend]:
    """The trend of each figure over the nights in balance; what a night takes is told by the undisturbed ones."""
    balanced = [night for night in nights if night.number >= BALANCED]
    quiet = [night for night in balanced if not night.faults]
    return {
        name: trend([(night.number, figure(night)) for night in (quiet if name.startswith("processor") else balanced)])
        for name, figure in JUDGED.items()
    }


def verdict(nights: Sequence[Night], reconciled: Mapping[str, Any]) -> dict[str, Any]:
    """What the soak says: what was done, the trends, the rows against the truth, and whether it passed."""
    found = trends(nights)
    right = reconciled["equal"] and not reconciled["persons_apart"] and not reconciled["remains"]
    return {
        "passed": right and all(each.flat is not False for each in found.values()),
        "nights": len(nights) + 1,
        "faults": dict(Counter(fault for night in nights for fault in night.faults).most_common()),
        "trends": {name: asdict(each) for name, each in found.items()},
        **reconciled,
    }


def curves(nights: Sequence[Night]) -> list[Curve]:
    """What is plotted: each figure over the nights, those with a fault marked."""
    marks = [n for n, night in enumerate(nights) if night.faults]
    return [Curve(name, [figure(night) for night in nights], marks) for name, figure in SHOWN.items()]


def run(
    root: Path,
    server: embedded.ServerInfo,
    asked: Asked,
    told: Callable[[Night], None] = lambda _: None,
) -> tuple[list[Night], dict[str, Any]]:
    """The nights of a new world under `root`, and the verdict on them."""
    with world(root, server, "soak", asked.families) as lived:
        done = soak(lived, asked.nights, asked.seed, told, time.monotonic() + 3600 * asked.hours)
        found = verdict(done, reconcile(lived, FIRST + timedelta(len(done))))
    return done, {"seed": asked.seed, "families": asked.families, **found}


def _surround(root: Path) -> None:
    """Surroundings of the steps alone, before anything of Airflow is imported; of their log only errors."""
    for name in (SCRATCH, "airflow"):
        (root / name).mkdir()
    os.environ |= {
        "TMPDIR": str(root / SCRATCH),
        "AIRFLOW_HOME": str(root / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "PYTHONPATH": PYTHONPATH,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for each in fields(Asked):
        parser.add_argument(f"--{each.name}", type=type(each.default), default=each.default)
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "var" / "soak")
    given = vars(parser.parse_args())
    out, asked = given.pop("out"), Asked(**given)
    out.mkdir(parents=True, exist_ok=True)
    try:
        with interruptible(), tempfile.TemporaryDirectory(prefix="soak-") as folder:
            passed = _soaked(asked, out, Path(folder))
    except Interrupted as stopped:
        raise SystemExit(stopped.code) from None
    raise SystemExit(0 if passed else "The soak did not pass: see its verdict.")


def _soaked(asked: Asked, out: Path, folder: Path) -> bool:
    server_home, root = Settings(home=folder / "server"), folder / "world"
    root.mkdir()
    _surround(root)
    try:
        with embedded.running(server_home) as server, (out / "nights.jsonl").open("w", encoding="utf-8") as lines:

            def told(night: Night) -> None:
                print(json.dumps(asdict(night)), file=lines, flush=True)
                what = ", ".join(night.faults) or "undisturbed"
                print(f"night {night.number + 1:3}: {night.seconds:5.1f} s, {what}", flush=True)

            nights, found = run(root, server, asked, told)
    finally:
        embedded.discard(server_home)
    (out / "verdict.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (out / "soak.svg").write_text(plot(curves(nights)), encoding="utf-8")
    print(json.dumps(found, indent=2))
    return bool(found["passed"])
