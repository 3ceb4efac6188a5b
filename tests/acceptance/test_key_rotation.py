"""Another pseudonym key takes over on whole loads: every name is another one, and nothing else has changed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from kampungkb import lake
from kampungkb.connections import connections_from_environment
from kampungkb.errors import ConfigurationError, DecisionError, KampungkbError
from kampungkb.key_guard import guard_key
from kampungkb.key_ring import keys_of
from kampungkb.landing import extract, read_manifest
from kampungkb.linkage.decisions import decide
from kampungkb.pseudonym import pseudonym
from kampungkb.retention import apply_retention
from kampungkb.review import query
from kampungkb.rights.erasure import erase
from kampungkb.rights.export import export
from kampungkb.rights.subject import Wanted
from kampungkb.rights.traces import fits, load_traces
from kampungkb.rotation.rotation import finish, plan, rotate
from kampungkb.run import Run
from kampungkb.settings import PROJECT_ROOT, Settings
from kampungkb.warehouse.models import Base
from kampungkb.warehouse.place import place_of
from tests.acceptance.conftest import AS_OF, World, sampled

pytestmark = [pytest.mark.e2e, pytest.mark.integration]
NEXT = AS_OF + timedelta(days=1)
PYTHONPATH = f"{PROJECT_ROOT / 'plugins'}:{PROJECT_ROOT}"
BY, BECAUSE = "ani", "a yearly change"
FIRST_KEY = "the first key, which is long enough to be one"
PSEUDONYM = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
IN_ALL_SOURCES = "select person_key from vault.person_link group by 1 having count(*) = 3 order by 1"
CHANGED_PROBLEMS = "select * from mart.data_quality_change where new_problems + resolved > 0 and as_of ="
KEY_FILE = "key.sample.check"
ROTATION = "kampungkb.rotation.rotation"


@dataclass
class Keyed(World):
    """A world whose key changes; the last of `keys` is in force."""

    keys: list[str] = field(default_factory=lambda: [FIRST_KEY])

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home, pseudonym_key=SecretStr(self.keys[-1]))

    def run(self, new: str | None = None, key: str | None = None) -> Run:
        """A run under the key in force, or another one."""
        changed = {"pseudonym_key": key and SecretStr(key), "new_pseudonym_key": new and SecretStr(new)}
        settings = self.settings.model_copy(update={name: value for name, value in changed.items() if value})
        return Run("rotation", NEXT, settings, connections_from_environment(self.variables))

    def next_key(self) -> str:
        return f"key number {len(self.keys) + 1}, which is long enough to be one"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    """Two nights of a small sample, a steward's decision, and an erased person on the block list."""
    with sampled(tmp_path_factory.mktemp("rotation") / "home", FIRST_KEY, Keyed) as made:
        made.load()
        pair = query.pairs(made.engine, query.Wanted(limit=1), "weight")[0]
        decide(made.engine, query.pair_of(made.engine, str(pair["review_key"])), "different", BY, "they are brothers")
        (erased,) = made.rows(f"{IN_ALL_SOURCES} limit 1")
        erase(made.run(), Wanted(person_key=erased.person_key), BY, BECAUSE)
        made.load(NEXT, force=True)
        yield made


def stored(world: Keyed) -> dict[str, list[str]]:
    """Every row of every table and every file of the lake, as text; leaves out what is about the key itself."""
    held = world.dump("core", "mart", "open", "ops", "service", "vault")
    del held["vault.key_rotation"]
    held["vault.blocked"] = [row.digest for row in world.rows("select digest from vault.blocked")]
    held["core.open_release"] = [str(row) for row in world.rows("select village_code, means_of from core.open_release")]
    with duckdb.connect() as reader:
        for path in sorted(path for path in world.settings.lake.rglob("*") if path.is_file()):
            if path.suffix == ".parquet":
                rows = reader.execute("select * from read_parquet(?)", [str(path)]).fetchall()
                held[path.relative_to(world.settings.lake).as_posix()] = list(map(str, rows))
            elif path.name != KEY_FILE:
                held[path.relative_to(world.settings.lake).as_posix()] = [path.read_text(encoding="utf-8")]
    return held


def renamed(held: Mapping[str, list[str]], key: str) -> dict[str, list[str]]:
    """The same with every pseudonym passed through a key; rows of tables have no order of their own."""

    def again(found: re.Match[str]) -> str:
        return pseudonym((key.encode(),), "again", found[0])

    return in_order({name: [PSEUDONYM.sub(again, row) for row in rows] for name, rows in held.items()})


def in_order(held: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {name: rows if "/" in name else sorted(rows) for name, rows in held.items()}


def names(held: Mapping[str, list[str]]) -> set[str]:
    return {name for rows in held.values() for row in rows for name in PSEUDONYM.findall(row)}


def everything_written(world: Keyed) -> str:
    """A dump of the database, and what the files under the home say, in bytes and in cells; the server's own aside."""
    program = place_of(world.settings).programs / "pg_dump"
    address = world.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    dumped = subprocess.run([str(program), address], capture_output=True, text=True, check=True, timeout=120).stdout
    own = [path for path in world.home.rglob("*") if path.is_file() and "postgres" not in path.parts]
    raw = [path.read_bytes().decode("utf-8", "replace") for path in own]
    return "\n".join([dumped, *raw, *(row for rows in stored(world).values() for row in rows)])


def rotate_now(world: Keyed) -> None:
    new = world.next_key()
    rotate(world.run(new), BY, BECAUSE)
    world.keys.append(new)


def test_a_dry_run_counts_and_changes_nothing(world: Keyed) -> None:
    before = stored(world)
    planned = plan(world.run())
    assert planned.warehouse["vault.person_link"] == len(before["vault.person_link"])
    links = [rows for place, rows in before.items() if fits(place, "persons/*/person_link.parquet")]
    assert planned.lake["persons/*/person_link.parquet"] == sum(map(len, links))
    assert stored(world) == before


def test_every_pseudonym_is_declared(world: Keyed) -> None:
    """Held against reality: a column of pseudonyms that nobody declared would keep its names, and fails here."""
    traces = load_traces()
    declared = {name: set(trace.pseudonyms) for name, trace in traces.warehouse.items()}
    for name, table in Base.metadata.tables.items():
        for column in (column for column in table.columns if column.name not in declared.get(name, ())):
            rows = world.rows(f'select cast("{column.name}" as text) as said from {name}')
            assert not any(PSEUDONYM.search(row.said or "") for row in rows), f"{name}.{column.name}"
    with duckdb.connect() as reader:
        for path in sorted(world.settings.lake.rglob("*.parquet")):
            place = path.relative_to(world.settings.lake).as_posix()
            (trace,) = [trace for pattern, trace in traces.lake.items() if fits(place, pattern)]
            for row in reader.read_parquet(str(path)).to_arrow_table().to_pylist():
                found = {column for column, value in row.items() if PSEUDONYM.search(str(value))}
                assert found <= set(trace.pseudonyms), f"{place}: {found}"


def test_every_name_changes_and_nothing_else(world: Keyed) -> None:
    before, old = stored(world), world.settings
    rotate_now(world)
    after = stored(world)
    forgotten = {"ops.published_content": []}  # digests over names: the next load publishes the whole
    assert before["ops.published_content"] and in_order(after) == renamed(before, world.keys[-1]) | forgotten
    assert not names(before) & names({"": [everything_written(world)]})
    (record,) = world.rows("select * from vault.key_rotation")
    assert (record.requested_by, record.reason) == (BY, BECAUSE)
    assert record.counts["warehouse"]["vault.person_link"] == len(after["vault.person_link"])
    for key in (old.pseudonym_key, world.settings.pseudonym_key):
        assert key is not None
        assert key.get_secret_value() not in everything_written(world)
        assert key.get_secret_value().encode().hex() not in everything_written(world)


def test_the_next_night_finds_everybody_as_before(world: Keyed) -> None:
    if len(world.keys) == 1:
        rotate_now(world)
    before, night = stored(world), NEXT + timedelta(days=len(world.keys))
    unmoved = {
        "who was decided about": "select left_key, right_key, decision from vault.match_decision",
        "means shown": "select village_code, families, ibangga, means_of from open.village_index order by 1",
        "families behind them": "select village_code, fingerprints from core.open_release order by 1",
    }
    told = {name: world.rows(statement) for name, statement in unmoved.items()}
    assert all(told.values())
    loaded = world.load(night, force=True)
    after = stored(world)
    assert world.rows(f"select * from vault.person_link_history where as_of = '{night}'") == []
    for name in ("vault.person_link", "vault.family_link", "core.dim_person", "core.dim_family", "vault.blocked"):
        assert sorted(after[name]) == sorted(before[name]), name
    assert sorted(after["core.fact_family_score"]) == sorted(before["core.fact_family_score"])
    assert {name: world.rows(statement) for name, statement in unmoved.items()} == told
    assert world.rows(f"{CHANGED_PROBLEMS} '{night}'") == []
    assert sum(read_manifest(snapshot.path).blocked for snapshot in loaded.snapshots.values()) > 0
    decided = "select linked from vault.match_pair join vault.match_decision using (left_key, right_key)"
    assert [row.linked for row in world.rows(decided)] == [False]


def test_the_old_key_alone_loads_nothing(world: Keyed) -> None:
    if len(world.keys) == 1:
        rotate_now(world)
    before = stored(world)
    for home in (world.home, world.home / "n"):  # in a new lake the warehouse knows
        run = world.run(key=world.keys[0])
        run = replace(run, settings=run.settings.model_copy(update={"home": home}), as_of=NEXT + timedelta(days=30))
        with pytest.raises(ConfigurationError, match="KAMPUNGKB_PSEUDONYM_KEY is not the key"):
            extract(run, "civil_registry")
    assert stored(world) == before


def test_a_new_lake_takes_the_earlier_keys_from_the_warehouse(world: Keyed) -> None:
    if len(world.keys) == 1:
        rotate_now(world)
    run = world.run()
    run = replace(run, settings=run.settings.model_copy(update={"home": world.home / "another"}))
    guard_key(run)
    assert keys_of(run) == keys_of(world.run()) == tuple(key.encode() for key in world.keys)


def test_the_rights_of_a_person_and_retention_go_on(world: Keyed, tmp_path: Path) -> None:
    if len(world.keys) == 1:
        rotate_now(world)
    (row, *_) = world.rows(IN_ALL_SOURCES)
    held = export(world.run(), Wanted(person_key=row.person_key), tmp_path / "out", BY, BECAUSE)
    assert {"vault.person_link", "core.dim_person", "core.fact_family_score"} <= set(held)
    erase(world.run(), Wanted(person_key=row.person_key), BY, BECAUSE)
    assert row.person_key not in names(stored(world))
    assert apply_retention(world.run(), dry_run=True).deleted


@pytest.mark.long
@pytest.mark.parametrize(
    ("place", "after", "how"),
    [
        pytest.param("kampungkb.rotation.files.trace_of", 12, (), id="while files are written anew"),
        pytest.param("kampungkb.rotation.tables._update", 5, (), id="while tables are renamed"),
        pytest.param(f"{ROTATION}._write", 0, ("done",), id="before the COMMIT"),
    ],
)
def test_killed_before_its_commit_nothing_has_changed(world: Keyed, place: str, after: int, how: tuple[str]) -> None:
    before, new = stored(world), world.next_key()
    assert killed(world, new, place, after, *how)
    assert not finish(world.run())
    lake.settle_all(world.settings)
    assert in_order(stored(world)) == in_order(before)
    guard_key(world.run())
    rotate_now(world)
    assert in_order(stored(world)) == renamed(before, new)


@pytest.mark.parametrize(
    ("place", "after", "how"),
    [
        pytest.param("kampungkb.rotation.files.swap", 0, (), id="before the first file"),
        pytest.param("os.replace", 6, (), id="between two files"),
        pytest.param(f"{ROTATION}._write", 1, (), id="before the file of the key"),
        pytest.param(f"{ROTATION}._write", 1, ("done",), id="before its last step"),
    ],
)
def test_killed_after_its_commit_it_is_ended_by_the_next_try(
    world: Keyed, place: str, after: int, how: tuple[str]
) -> None:
    before, new = stored(world), world.next_key()
    assert killed(world, new, place, after, *how)
    with pytest.raises(KampungkbError, match="has not ended"):
        guard_key(world.run())
    with pytest.raises(KampungkbError, match="has not ended"), lake.in_use(world.settings):
        pass  # no step of a load begins
    with pytest.raises(KampungkbError, match="has not ended"):
        rotate(world.run(), BY, BECAUSE)
    assert finish(world.run())  # no key is needed for it
    world.keys.append(new)
    assert in_order(stored(world)) == renamed(before, new)
    assert not list(world.settings.lake.rglob(".*"))
    guard_key(world.run())


def test_a_load_that_is_going_on_is_waited_for(world: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake, "WAIT_SECONDS", 0.2)
    before = stored(world)
    with lake.in_use(world.settings), pytest.raises(KampungkbError, match="A load has been working"):
        rotate(world.run(world.next_key()), BY, BECAUSE)
    assert stored(world) == before


def test_what_cannot_be_a_new_key_is_refused(world: Keyed) -> None:
    before = stored(world)
    for new, said in ((None, "is not set"), ("short", "is too short"), (world.keys[0], "was in force before")):
        with pytest.raises(ConfigurationError, match=f"KAMPUNGKB_NEW_PSEUDONYM_KEY {said}"):
            rotate(world.run(new), BY, BECAUSE)
    with pytest.raises(DecisionError, match="who ordered it"):
        rotate(world.run(world.next_key()), " ", BECAUSE)
    assert stored(world) == before


def test_on_the_command_line_no_key_is_said(world: Keyed) -> None:
    new = world.next_key()
    command = [sys.executable, "-m", "kampungkb", "key", "rotate", "--by", BY, "--because", BECAUSE]
    planned, done = (
        subprocess.run([*command, how], env=environ(world, new), capture_output=True, text=True, check=False)
        for how in ("--dry-run", "--yes")
    )
    assert "vault.person_link: " in planned.stdout
    assert done.returncode == 0, done.stderr
    assert "KAMPUNGKB_NEW_PSEUDONYM_KEY" in done.stdout
    assert not [key for key in (*world.keys, new) if key in done.stdout + done.stderr]
    world.keys.append(new)
    guard_key(world.run())


def environ(world: Keyed, new: str) -> dict[str, str]:
    own = {"PYTHONPATH": PYTHONPATH, "KAMPUNGKB_HOME": str(world.home), "KAMPUNGKB_PSEUDONYM_KEY": world.keys[-1]}
    return {**os.environ, **world.variables, **own, "KAMPUNGKB_NEW_PSEUDONYM_KEY": new}


def killed(world: Keyed, new: str, *how: object) -> bool:
    command = [sys.executable, "-m", "tests.acceptance.rotate_child", *map(str, how)]
    done = subprocess.run(command, env=environ(world, new), cwd=PROJECT_ROOT, capture_output=True, check=False)
    return done.returncode == -signal.SIGKILL
