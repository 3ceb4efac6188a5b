"""Whole loads of the sample at given sizes: ours, a naive one, one by dlt and dbt, and the limit; in one file.

For each size a home with a sample of its own. Ours is `kampungkb run` three times: the first night in full, the next
one with nothing changed, and one after a per cent of every source has changed (`changes.py`). The others read the same
sources at the state of the first night. Nothing is asserted but that all sides find the same families and scores, where
they claim to.

    python -m benchmarks.whole 32000 580000
    python -m benchmarks.whole 580000 --parts naive --share 0.1
    python -m benchmarks.whole --parts report
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb

from benchmarks.whole.changes import change
from benchmarks.whole.limit import limit
from benchmarks.whole.nights import environment, night
from benchmarks.whole.report import write_report
from benchmarks.whole.results import Load, Results, Stage, read_results, write_results
from benchmarks.whole.usage import watched
from kampungkb import lake
from kampungkb.connections import connections_from_environment
from kampungkb.orchestration.surroundings import surroundings
from kampungkb.run import today
from kampungkb.sample import generate
from kampungkb.settings import PROJECT_ROOT, Settings
from kampungkb.warehouse import embedded

SEED = 2104
PARTS = ("sample", "full", "unchanged", "naive", "peers", "limit", "changed", "report")
ALONE = ("peers", "report")  # only where they are asked for
PEERS_PYTHON = PROJECT_ROOT / ".venv" / "peers" / "bin" / "python"
OTHERS = "bench_others"
PUBLISHED = PROJECT_ROOT / "docs" / "explanation"


class World:
    """One size: its home, its dates, and where its loads are recorded."""

    def __init__(self, families: int, out: Path) -> None:
        self.families, self.out = families, out
        self.home = out / f"home-{families}"
        self.settings = Settings(home=self.home)
        self.touched = self.home / "sources-changed"

    def day(self, night: int) -> date:
        """The date of a night; the sample is of the first."""
        begun = self.home / "first"
        if not begun.exists():
            begun.write_text((today() - timedelta(days=2)).isoformat(), encoding="ascii")
        return date.fromisoformat(begun.read_text(encoding="ascii")) + timedelta(days=night)

    def sample(self) -> None:
        """Make the sample that `kampungkb run` would make."""
        lake.private_folder(self.home)
        if not (self.home / "sample" / "manifest.json").exists():
            generate(self.home / "sample", families=self.families, seed=SEED, as_of=self.day(0))

    @contextmanager
    def sources(self) -> Iterator[dict[str, str]]:
        """The environment that leads to the running sources, and to an own database for those beside us."""
        variables = environment(self.home)
        with (
            surroundings(self.settings, variables, self.day(0), self.families, lambda _: None) as around,
            embedded.running(self.settings) as server,
        ):
            embedded.ensure_database(server, OTHERS)
            database = server.url(OTHERS).render_as_string(hide_password=False)
            yield variables | around.variables | {"BENCH_DATABASE": database}

    def full(self) -> Load:
        """Ours, from nothing."""
        return night(self.home, self.families, "full", self.day(0))

    def unchanged(self) -> Load:
        """Ours, the next day."""
        return night(self.home, self.families, "unchanged", self.day(1))

    def changed(self) -> Load:
        """Ours, after a per cent of the sources has changed."""
        self.touched.touch()
        counts = change(self.home, self.day(2))
        load = night(self.home, self.families, "changed", self.day(2))
        return load.model_copy(update={"counts": {**load.counts, **counts}})

    def naive(self, share: float) -> Load:
        """The load a user would write."""
        work = lake.private_folder(self.home / "naive")
        command = ["-m", "benchmarks.whole.naive", "--as-of", str(self.day(0)), "--share", str(share)]
        return self._other("naive", [sys.executable, *command], work, share)

    def peers(self, python: Path) -> Load:
        """dlt and dbt, in the environment of `requirements/peers.txt`."""
        if not python.exists():
            raise SystemExit(f"dlt and dbt are not installed: {python} is missing. `make bench-peers` installs them.")
        work = lake.private_folder(self.home / "peers")
        return self._other("peers", [str(python), "-m", "benchmarks.whole.peers", "--as-of", str(self.day(0))], work)

    def limit(self) -> Load:
        """Reading and writing alone."""
        work = lake.private_folder(self.home / "limit")
        try:
            with self.sources() as variables, embedded.running(self.settings) as server:
                address = server.url().render_as_string(hide_password=False)
                return limit(self.settings, self.families, connections_from_environment(variables), work, address)
        finally:
            shutil.rmtree(work)

    def _other(self, side: str, command: list[str], work: Path, share: float = 1.0) -> Load:
        """Run a program that prints its stages on the last line and writes its scores into `work`."""
        if self.touched.exists():
            raise SystemExit(f"The sources of {self.home} have changed since the first night. Use another --out.")
        begun = time.monotonic()
        with (
            self.sources() as variables,
            subprocess.Popen(
                [*command, "--out", str(work)],
                env=variables | {"PYTHONPATH": str(PROJECT_ROOT / "plugins")},
                stdout=subprocess.PIPE,
                text=True,
                cwd=PROJECT_ROOT,
            ) as process,
            watched(self.settings, process.pid) as usage,
        ):
            printed, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"{side} failed (exit code {process.returncode}).")
        told = json.loads(printed.splitlines()[-1])
        stages = []
        for stage in told["stages"]:
            at = datetime.fromisoformat(stage.pop("at"))
            over = at + timedelta(seconds=stage["seconds"])
            program, postgres = usage.peak(at, over)
            processor = usage.processor(at, over)
            stages.append(Stage(**stage, processor=processor, program_mib=program, postgres_mib=postgres))
        part = f"--parts {side}" + (f" --share {share}" if share < 1 else "")
        return Load(
            side=side,
            case="full",
            families=self.families,
            command=f"python -m benchmarks.whole {self.families} {part}",
            share=share,
            seconds=time.monotonic() - begun,
            stages=stages,
            counts={
                **told["counts"],
                **self._agreement(work / "family_score.parquet"),
                "peak_program_mib": usage.peak()[0],
                "peak_postgres_mib": usage.peak()[1],
            },
        )

    def _agreement(self, scores: Path) -> dict[str, float]:
        """How many families another side scored as we did, by basis, to nine decimals."""
        ours, links = lake.scores(self.settings, self.day(0)), lake.persons(self.settings, self.day(0))
        if not ours.is_dir():
            return {}
        with duckdb.connect() as database:
            rows = database.execute(
                f"""
                select basis, count(*), count(*) filter (where
                    round(ours.ibangga, 9) is not distinct from round(theirs.ibangga, 9))
                from '{scores}' as theirs
                inner join '{links / "family_link.parquet"}' as link on theirs."KODE_KELUARGA" = link.source_key
                inner join '{ours / "family_score.parquet"}' as ours using (family_key, basis)
                group by basis
                """
            ).fetchall()
        return {f"{what}_{basis}": count for basis, *counts in rows for what, count in zip(_HELD, counts, strict=True)}


_HELD = ("compared", "same")


def measure(world: World, part: str, given: argparse.Namespace) -> Load | None:
    """Do one part; the load it measured, if it is one."""
    match part:
        case "sample":
            world.sample()
            return None
        case "naive":
            return world.naive(given.share)
        case "peers":
            return world.peers(given.peers)
        case _:
            load: Load = getattr(world, part)()
            return load


def main() -> int:
    """Measure the parts that are asked for and keep the results; `report` writes them into the documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", type=int)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[part for part in PARTS if part not in ALONE])
    parser.add_argument("--share", type=float, default=1.0, help="of the workbooks that the naive side reads")
    parser.add_argument("--peers", type=Path, default=PEERS_PYTHON, help="the Python that has dlt and dbt")
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "var" / "bench")
    parser.add_argument("--docs", type=Path, default=PUBLISHED, help="where report writes")
    parser.add_argument("--discard", action="store_true", help="remove the homes at the end")
    given = parser.parse_args()
    file = given.out / "results.json"
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    for families in given.families:
        world = World(families, lake.private_folder(given.out))
        for part in (part for part in given.parts if part != "report"):
            load = measure(world, part, given)
            if load is not None:
                results: Results = read_results(file, SEED)
                results.add(load)
                write_results(file, results)
                print(f"{families:,} families, {load.side}, {load.case}: {load.library_seconds:.1f} s", file=sys.stderr)
        if given.discard:
            embedded.discard(world.settings)
            shutil.rmtree(world.home)
    if "report" in given.parts:
        write_report(file, given.docs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
