"""Simulated nights in a row, with small changes of every source and random faults; the truth reconciled at the end.

`python -m benchmarks.soak --nights 60` loads that many nights of a sample through the task bodies of the DAG, each in
a process of its own. Before each night the sources change; in every second night or so something goes wrong, and what
the scheduler would do then is done: the task is tried again, or the next night comes. At the end another home and an
empty warehouse are loaded from the sources as they then are, and every mart is compared with it, row for row. Figures
of each night are written to `--out` as JSON lines, with a plot.
"""

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path

import openpyxl
from sqlalchemy import NullPool, create_engine, text

from kampungkb.orchestration.journal import journal_path, read_journal
from kampungkb.orchestration.processes import interruptible
from kampungkb.run import SOURCES
from kampungkb.settings import PROJECT_ROOT, Settings
from kampungkb.warehouse import embedded
from kampungkb.warehouse.models import Base
from tests.faults.killing import Killer
from tests.faults.plot import Curve, plot
from tests.faults.steps import STEPS, Handed, Order, StepFailed
from tests.faults.world import FIRST, Sheet, World, differences, world

DEAD = "postgresql://nobody:nothing@127.0.0.1:9/none"
# Tells of earlier nights, as the means of `open` do, which stay until five families have changed (decision 0034).
OF_EARLIER_NIGHTS = {"mart.kampung_kb_effect"}


@dataclass
class Night:
    """What a night cost. `seconds` and `processor` are of the tasks that ended well, `recovery` of the rest."""

    number: int
    as_of: str
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0
    processor: float = 0.0
    recovery: float = 0.0
    peak_mib: float = 0.0
    lake_mib: float = 0.0
    warehouse_mib: float = 0.0
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
        order, handed, begun, world.processor = world.order(as_of), Handed(), time.monotonic(), 0.0
        for fault in faults:
            order = getattr(self, fault)(order, handed)
        lost = time.monotonic() - begun
        steps = [step for step in STEPS if str(step) not in handed]
        if faults and self.dice.random() < 0.3:
            steps = list(STEPS)
        costs = world.load(order, handed, steps)
        night.seconds, night.recovery, night.processor = sum(costs.values()), lost, world.processor
        self._measure(night, order, handed)
        return night

    def _measure(self, night: Night, order: Order, handed: Handed) -> None:
        entries = read_journal(journal_path(Settings(home=self.world.home), order.run_id))
        night.peak_mib = max(entry.peak_mib or 0 for entry in entries)
        night.stale = [source for source in SOURCES if handed[f"extract {source}"]["stale"]]
        files = [path for path in (self.world.home / "lake").rglob("*") if path.is_file()]
        night.lake_mib = sum(path.stat().st_size for path in files) / 2**20
        with self.world.engine.connect() as connection:
            size = connection.execute(text("select pg_database_size(current_database())")).scalar_one()
        night.warehouse_mib = size / 2**20

    # ── faults: each returns the order with which the night goes on ──────────────────────────────────────────────

    def killed_task(self, order: Order, handed: Handed) -> Order:
        """A task is killed somewhere; the scheduler tries it again."""
        victim = self.dice.choice([step for step in STEPS if str(step) not in handed])
        self.world.load(order, handed, [step for step in STEPS[: STEPS.index(victim)] if str(step) not in handed])
        killer = Killer(self.dice.uniform(0, 1.5))
        try:
            self.world.load(order, handed, [victim], acts={victim: killer})
        except StepFailed as fault:
            assert fault.code == -9, fault
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
    *("warehouse_away", "key_missing", "half_workbook", "loaded_twice"),
)


def soak(world: World, nights: int, seed: int, told: Callable[[Night], None]) -> Iterator[Night]:
    """Nights with changes and faults; the last one is undisturbed and reads every source in full."""
    dice = random.Random(seed)
    going = Soak(world, dice)
    for number in range(nights - 1):
        if number:
            world.lives_a_day(dice, FIRST + timedelta(number), events=dice.randint(1, 4))
        faults = [dice.choice(FAULTS)] if number > 1 and dice.random() < 0.5 else []
        night = going.night(number, faults)
        told(night)
        yield night
    world.lives_a_day(dice, FIRST + timedelta(nights - 1))
    world.variables.clear()
    world.api.always, world.api.faults = None, {}
    world.load(world.order(FIRST + timedelta(nights - 1), force=True))


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nights", type=int, default=60)
    parser.add_argument("--families", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "var" / "soak")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        server_home = Settings(home=Path(folder) / "server")
        root = Path(folder) / "world"
        root.mkdir()
        try:
            with (
                interruptible(),
                embedded.running(server_home) as server,
                world(root, server, "soak", asked.families) as lived,
                (asked.out / "nights.jsonl").open("w", encoding="utf-8") as lines,
            ):

                def told(night: Night) -> None:
                    print(json.dumps(asdict(night)), file=lines, flush=True)
                    what = ", ".join(night.faults) or "undisturbed"
                    print(f"night {night.number + 1:3}: {night.seconds:5.1f} s, {what}", flush=True)

                nights = list(soak(lived, asked.nights, asked.seed, told))
                verdict = reconcile(lived, FIRST + timedelta(asked.nights - 1))
        finally:
            embedded.discard(server_home)
    (asked.out / "verdict.json").write_text(json.dumps(verdict, indent=2), encoding="utf-8")
    (asked.out / "soak.svg").write_text(plot(nights_curves(nights)), encoding="utf-8")
    print(json.dumps(verdict, indent=2))
    if not verdict["equal"] or verdict["persons_apart"] or verdict["remains"]:
        raise SystemExit("The warehouse is not what a load from nothing gives.")


def nights_curves(nights: Sequence[Night]) -> list[Curve]:
    """What is plotted: each figure over the nights, those with a fault marked."""
    marks = [n for n, night in enumerate(nights) if night.faults]
    figures = {
        "processor, s": [night.processor for night in nights],
        "largest step, MiB": [night.peak_mib for night in nights],
        "lake, MiB": [night.lake_mib for night in nights],
        "warehouse, MiB": [night.warehouse_mib for night in nights],
    }
    return [Curve(name, values, marks) for name, values in figures.items()]
