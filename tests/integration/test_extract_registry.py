"""The civil registry: real databases in, landed text out; an incremental night equals a full one."""

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from kampungkb.connections import CIVIL_REGISTRY, Connection, parse_connection
from kampungkb.contracts import contract
from kampungkb.errors import ConfigurationError, ContractError, KampungkbError, SourceRefused, SourceUnavailable
from kampungkb.landing import extract, read_manifest
from kampungkb.refs import Snapshot
from kampungkb.run import Run
from kampungkb.sources import registry as module

pytestmark = pytest.mark.integration

TERMS = contract(CIVIL_REGISTRY)
PERSONS = TERMS.table("biodata_wni").names
CARDS = TERMS.table("data_keluarga").names
Row = dict[str, Any]


def person(nik: Any = "2104010101900001", changed: Any = "2026-11-01 08:00:00", **other: Any) -> Row:
    return {**dict.fromkeys(PERSONS), "nik": nik, "nama_lgkp": "ANI", "tgl_ubah": changed, **other}


def card(no_kk: Any = "2104010101900009", changed: Any = "2026-11-01 08:00:00", **other: Any) -> Row:
    return {**dict.fromkeys(CARDS), "no_kk": no_kk, "tgl_ubah": changed, **other}


class Registry:
    """A registry database to change between nights."""

    def __init__(
        self, url: str | sa.URL, types: dict[str, Any] | None = None, names: Callable[[str], str] = str
    ) -> None:
        self.engine = sa.create_engine(url, poolclass=sa.NullPool)
        meta = sa.MetaData()
        self.tables = {
            table: sa.Table(
                names(table), meta, *(sa.Column(names(c), (types or {}).get(c, sa.String(200)), key=c) for c in columns)
            )
            for table, columns in (("biodata_wni", PERSONS), ("data_keluarga", CARDS))
        }
        meta.create_all(self.engine)

    def add(self, *rows: Row, table: str = "biodata_wni") -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.insert(self.tables[table]), list(rows))

    def sql(self, text: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(text), values)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "registry of lingga.db"


@pytest.fixture
def sqlite(file: Path) -> Registry:
    return Registry(f"sqlite:///{file}")


Land = Callable[..., Snapshot]


def lander(run: Run, connection: Connection) -> Land:
    base = replace(run, connections={CIVIL_REGISTRY: connection})

    def _land(night: int = 0, **changes: Any) -> Snapshot:
        return extract(replace(base, as_of=base.as_of + dt.timedelta(days=night), **changes), CIVIL_REGISTRY)

    return _land


@pytest.fixture
def land(run: Run, file: Path) -> Land:
    return lander(run, Connection(conn_type="sqlite", host=str(file)))


def rows(snapshot: Snapshot, table: str = "biodata_wni") -> list[tuple[str | None, ...]]:
    columns = pq.read_table(snapshot.path / f"{table}.parquet").to_pydict().values()
    return sorted(zip(*columns, strict=True), key=repr)


def column(snapshot: Snapshot, name: str, table: str = "biodata_wni") -> list[str | None]:
    return sorted(pq.read_table(snapshot.path / f"{table}.parquet")[name].to_pylist(), key=repr)


def test_both_tables_land_as_text_under_the_contracts_names(sqlite: Registry, land: Land) -> None:
    sqlite.add(person(nik="0021", agama=" ISLAM "), person(nik=None), person(nik="0021"))
    sqlite.add(card(), table="data_keluarga")
    snapshot = land()
    assert snapshot.read == {"biodata_wni": 3, "data_keluarga": 1}
    assert pq.read_schema(snapshot.path / "biodata_wni.parquet").names == list(PERSONS)
    assert column(snapshot, "nik") == ["0021", "0021", None]
    assert " ISLAM " in column(snapshot, "agama")
    assert read_manifest(snapshot.path).watermark == "2026-11-01 08:00:00"


def test_identifiers_may_stand_in_any_case(run: Run, file: Path, land: Land) -> None:
    Registry(f"sqlite:///{file}", names=str.upper).add(person())
    assert land().read["biodata_wni"] == 1


def test_values_of_every_type_land_as_exact_text(sqlite: Registry, land: Land) -> None:
    sqlite.sql("drop table biodata_wni")
    sqlite.sql(f"create table biodata_wni ({', '.join(PERSONS)})")
    sqlite.sql("insert into biodata_wni (nik, agama, no_prop, nama_lgkp) values (2104010101900010, 1.0, 21, x'c3a9')")
    sqlite.sql(
        "insert into biodata_wni (nik, agama, no_prop, nama_lgkp) values ('021', 1e-7, '21', cast(x'e9' as text))"
    )
    snapshot = land()
    assert column(snapshot, "nik") == ["021", "2104010101900010"]
    assert column(snapshot, "agama") == ["0.0000001", "1"]
    assert column(snapshot, "no_prop") == ["21", "21"]
    assert column(snapshot, "nama_lgkp") == ["é", "é"]


def test_the_next_night_reads_only_what_changed(sqlite: Registry, land: Land, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    sqlite.add(*(person(nik=f"{n:016}", changed=f"2026-10-{n % 28 + 1:02} 08:00:00") for n in range(500)))
    sqlite.add(person(nik="watermark", changed="2026-11-23 10:00:00"))
    land(0)
    caplog.clear()
    sqlite.add(person(nik="new", changed="2026-11-24 10:00:00"))
    assert land(1).read["biodata_wni"] == 502
    assert "2 rows of biodata_wni read (changed since 2026-11-20)" in caplog.text


def test_a_night_whose_rows_are_those_of_before_lands_the_same_files(sqlite: Registry, land: Land) -> None:
    sqlite.add(*(person(nik=f"{n}", changed=f"2026-11-{n % 23 + 1:02} 08:00:00") for n in range(100)))
    sqlite.add(person(nik=None, changed=None), person(nik="7", changed="2026-11-22 08:00:00"))
    first, second = land(0), land(1)
    assert read_manifest(second.path).tables == read_manifest(first.path).tables
    sqlite.sql("delete from biodata_wni where nik is null")
    assert land(2).read["biodata_wni"] == first.read["biodata_wni"] - 1


def test_all_rows_of_a_touched_nik_are_read_again(sqlite: Registry, land: Land) -> None:
    old = "2026-01-01 00:00:00"
    sqlite.add(
        person(nik="a", changed=old, agama="1"), person(nik="a", changed=old, agama="2"), person(nik="b", changed=old)
    )
    sqlite.add(person(nik="z", changed="2026-11-23 10:00:00"))
    land(0)
    sqlite.sql("update biodata_wni set agama = 'silent' where agama = '1'")
    sqlite.sql("update biodata_wni set tgl_ubah = '2026-11-24 09:00:00' where agama = '2'")
    assert column(land(1), "agama") == ["2", "silent", None, None]


def test_a_deleted_row_is_noticed_by_the_full_extraction_of_the_seventh_day(sqlite: Registry, land: Land) -> None:
    sqlite.add(person(nik="gone", changed="2026-01-01 00:00:00"), person(nik="z", changed="2026-11-23 10:00:00"))
    land(0)
    sqlite.sql("delete from biodata_wni where nik = 'gone'")
    seen = [land(night) for night in (1, 6, 7)]
    assert [s.read["biodata_wni"] for s in seen] == [2, 2, 1]
    assert [read_manifest(s.path).full_on for s in seen] == [seen[0].as_of - dt.timedelta(days=1)] * 2 + [seen[2].as_of]


def test_force_reads_everything(sqlite: Registry, land: Land) -> None:
    sqlite.add(person(nik="gone", changed="2026-01-01 00:00:00"), person(nik="z"))
    land(0)
    sqlite.sql("delete from biodata_wni where nik = 'gone'")
    assert land(1, force=True).read["biodata_wni"] == 1


def test_another_database_is_read_in_full(sqlite: Registry, land: Land, run: Run, tmp_path: Path) -> None:
    sqlite.add(person(nik="a", changed="2026-01-01 00:00:00"))
    land(0)
    Registry(f"sqlite:///{tmp_path / 'other.db'}").add(person(nik="b", changed="2026-01-01 00:00:00"))
    other = lander(run, Connection(conn_type="sqlite", host=str(tmp_path / "other.db")))
    assert column(other(1), "nik") == ["b"]


CHANGES = [
    "2026-11-01 08:00:00",
    "2026-11-20T08:00:00+07:00",
    "2027-05-05 00:00:00",
    "20/11/2026",
    "",
    None,
    1764547200,
]


@pytest.mark.parametrize("seed", range(6))
def test_incremental_equals_full_over_random_changes(sqlite: Registry, land: Land, run: Run, seed: int) -> None:
    """Rows appear, change and move between keys' duplicates; every change sets its time, in any form or to null."""
    dice = random.Random(seed)
    sqlite.add(
        *(
            person(nik=dice.choice([None, "", *"abcdefgh"]), changed=dice.choice(CHANGES), agama=str(n))
            for n in range(60)
        )
    )
    sqlite.add(
        *(card(no_kk=dice.choice([None, *"abcd"]), changed=dice.choice(CHANGES), alamat=str(n)) for n in range(20)),
        table="data_keluarga",
    )
    land(0)
    for night in range(1, 6):
        now = (run.as_of + dt.timedelta(days=night)).isoformat() + " 00:30:00"
        for n in range(dice.randint(0, 8)):
            changed = dice.choice([now, now, None, "24/11/2026"])
            sqlite.sql(
                "update biodata_wni set stat_kwn = :v, tgl_ubah = :t where agama = :n",
                v=f"{night}.{n}",
                t=changed,
                n=str(dice.randrange(60)),
            )
            sqlite.sql(
                "update data_keluarga set no_rt = :v, tgl_ubah = :t where alamat = :n",
                v=f"{night}.{n}",
                t=changed,
                n=str(dice.randrange(20)),
            )
        sqlite.add(person(nik=dice.choice([None, *"abcxyz"]), changed=now, agama=f"new {night}"))
        incremental, full = land(night), land(night, force=True)
        # The full snapshot must not become the base of the next night.
        for table in ("biodata_wni", "data_keluarga"):
            assert rows(incremental, table) == rows(full, table)
        for file in full.path.iterdir():
            file.unlink()
        full.path.rmdir()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("drop table biodata_wni", r"no table biodata_wni in the default schema"),
        ("alter table biodata_wni rename to biodata_wni_2026", r"no table biodata_wni .*biodata_wni_2026"),
        (
            "alter table biodata_wni rename column jenis_klmin to jenis_kelamin",
            r"biodata_wni .* lacks a needed column: jenis_klmin .*jenis_kelamin",
        ),
        ("alter table data_keluarga drop column no_kk", r"data_keluarga .* lacks a needed column: no_kk"),
    ],
)
def test_a_missing_table_or_needed_column_stops_the_source_with_its_name(
    sqlite: Registry, land: Land, damage: str, message: str
) -> None:
    sqlite.sql(damage)
    with pytest.raises(ContractError, match=message):
        land()


def test_other_columns_that_differ_are_drift_and_an_absent_one_is_null(sqlite: Registry, land: Land) -> None:
    sqlite.sql("alter table biodata_wni drop column agama")
    sqlite.sql("alter table biodata_wni add column gol_drh text")
    sqlite.sql("insert into biodata_wni (nik, gol_drh) values ('1', 'O')")
    snapshot = land()
    assert column(snapshot, "agama") == [None]
    assert {(d.column, d.change) for d in read_manifest(snapshot.path).drift} == {
        ("agama", "missing"),
        ("gol_drh", "unknown"),
    }


def test_a_column_that_appears_is_read_for_all_rows(sqlite: Registry, land: Land) -> None:
    sqlite.sql("alter table biodata_wni drop column agama")
    sqlite.sql("insert into biodata_wni (nik, tgl_ubah) values ('1', '2026-01-01'), ('2', '2026-11-20')")
    land(0)
    sqlite.sql("alter table biodata_wni add column agama text default 'ISLAM'")
    assert column(land(1), "agama") == ["ISLAM", "ISLAM"]


@pytest.mark.parametrize(
    "text",
    [
        "sqlite://{}",
        "sqlite:///{}",
        '{{"conn_type": "sqlite", "host": "{}"}}',
        '{{"conn_type": "sqlite", "schema": "{}"}}',
    ],
)
def test_an_sqlite_file_is_found_in_every_usual_form(sqlite: Registry, run: Run, file: Path, text: str) -> None:
    sqlite.add(person())
    path = str(file) if text.startswith("{") else str(file).replace(" ", "%20")
    assert lander(run, parse_connection(CIVIL_REGISTRY, text.format(path)))().read["biodata_wni"] == 1


def test_a_missing_or_foreign_sqlite_file_is_named(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.db .*does not exist"):
        lander(run, Connection(conn_type="sqlite", host=str(tmp_path / "none.db")))()
    (tmp_path / "text.db").write_text("no database, but long enough to be looked at" * 50)
    with pytest.raises(ConfigurationError, match=r"text\.db .*not an SQLite database"):
        lander(run, Connection(conn_type="sqlite", host=str(tmp_path / "text.db")))()
    assert not (tmp_path / "none.db").exists()


def test_the_registry_is_only_read(sqlite: Registry, land: Land, file: Path) -> None:
    sqlite.add(person())
    before = file.read_bytes()
    land()
    assert file.read_bytes() == before


def test_an_unknown_kind_of_database_says_which_are_known(run: Run) -> None:
    with pytest.raises(ConfigurationError, match=r"No driver is installed for the type 'nosuchdb'.*postgresql"):
        lander(run, Connection(conn_type="nosuchdb", host="h"))()


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_closed_port_is_unavailable_and_names_no_password(run: Run, kind: str) -> None:
    connection = parse_connection(CIVIL_REGISTRY, f"{kind}://reader:top-secret@127.0.0.1:1/siak")
    with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1:1 cannot be reached") as caught:
        lander(run, connection)()
    assert "top-secret" not in str(caught.value)


# On real servers --------------------------------------------------------------------------------------------------

TYPED: dict[str, Any] = {
    "nik": sa.CHAR(16),
    "tgl_lhr": sa.Date(),
    "tgl_kwn": sa.DateTime(),
    "tgl_ubah": sa.DateTime(),
    "no_prop": sa.Integer(),
    "stat_kwn": sa.Numeric(5, 2),
    "flag_status": sa.SmallInteger(),
}


def of_url(url: sa.URL, **changes: Any) -> Connection:
    fields = {
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.database,
    }
    return Connection.model_validate({"conn_type": url.get_backend_name(), **fields, **changes})


@pytest.fixture(params=["postgres_database", "mariadb_database"])
def server(request: pytest.FixtureRequest) -> sa.URL:
    return request.getfixturevalue(request.param)


@pytest.mark.services
def test_typed_columns_of_a_server_land_as_text(run: Run, server: sa.URL) -> None:
    changed = dt.datetime(2026, 11, 1, 8, 0, 5)
    typed = {
        "tgl_lhr": dt.date(1990, 2, 3),
        "tgl_kwn": dt.datetime(2015, 2, 3),
        "no_prop": 21,
        "stat_kwn": Decimal("2.00"),
        "flag_status": 0,
    }
    Registry(server, TYPED, str.upper).add(person(changed=changed, **typed))
    snapshot = lander(run, of_url(server))()
    (landed,) = pq.read_table(snapshot.path / "biodata_wni.parquet").to_pylist()
    assert {name: landed[name] for name in ("nik", *typed, "tgl_ubah")} == {
        "nik": "2104010101900001", "tgl_lhr": "1990-02-03", "tgl_kwn": "2015-02-03", "no_prop": "21", "stat_kwn": "2",
        "flag_status": "0", "tgl_ubah": "2026-11-01T08:00:05",
    }  # fmt: skip


@pytest.mark.services
@pytest.mark.parametrize("typed", [True, False], ids=["timestamp", "text"])
def test_incremental_equals_full_on_a_server(run: Run, server: sa.URL, typed: bool) -> None:
    as_type = (lambda text: dt.datetime.fromisoformat(text)) if typed else str
    registry = Registry(server, TYPED if typed else None)
    registry.add(
        *(
            person(nik=f"{n % 40:016}", changed=as_type(f"2026-10-{n % 28 + 1:02} 00:00:00"), agama=str(n))
            for n in range(50)
        )
    )
    registry.add(
        person(nik=None, changed=None),
        card(changed=None) and person(nik="late", changed=as_type("2026-11-23 10:00:00")),
    )
    registry.add(card(), table="data_keluarga") if not typed else registry.add(
        card(changed=as_type("2026-11-01 00:00:00")), table="data_keluarga"
    )
    land = lander(run, of_url(server))
    land(0)
    with registry.engine.begin() as connection:
        people = registry.tables["biodata_wni"]
        connection.execute(
            sa.update(people).where(people.c.agama == "7").values(agama="x", tgl_ubah=as_type("2026-11-24 10:00:00"))
        )
        connection.execute(sa.delete(people).where(people.c.nik.is_(None)))
    assert rows(land(1)) == rows(land(1, force=True))


@pytest.mark.services
def test_more_rows_than_a_batch_are_streamed(run: Run, server: sa.URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kampungkb.sources.registry.BATCH_ROWS", 100)
    Registry(server).add(*(person(nik=str(n)) for n in range(1001)))
    snapshot = lander(run, of_url(server))()
    assert snapshot.read["biodata_wni"] == 1001
    assert len(set(column(snapshot, "nik"))) == 1001


@pytest.mark.services
def test_a_missing_table_on_a_server_is_named(run: Run, server: sa.URL) -> None:
    with pytest.raises(ContractError, match="no table biodata_wni"):
        lander(run, of_url(server))()


@pytest.mark.services
def test_an_unknown_database_is_a_matter_of_configuration(run: Run, server: sa.URL) -> None:
    with pytest.raises(ConfigurationError, match="no database 'nowhere'"):
        lander(run, of_url(server, schema="nowhere"))()


@pytest.mark.services
def test_an_unknown_login_or_wrong_password_is_refused(run: Run, server: sa.URL) -> None:
    with pytest.raises(SourceRefused, match="refuses the login") as caught:
        lander(run, of_url(server, login="nobody_known", password="top-secret"))()
    assert "top-secret" not in str(caught.value)


@pytest.mark.services
def test_a_missing_right_to_read_is_refused(run: Run, postgres_database: sa.URL) -> None:
    registry = Registry(postgres_database)
    registry.sql("create role kampungkb_test_reader login")
    try:
        with pytest.raises(SourceRefused, match="grant select"):
            lander(run, of_url(postgres_database, login="kampungkb_test_reader"))()
    finally:
        registry.sql("drop role kampungkb_test_reader")


@pytest.mark.services
def test_another_schema_and_time_zones(run: Run, postgres_database: sa.URL) -> None:
    registry = Registry(postgres_database, {"tgl_ubah": sa.DateTime(timezone=True)})
    registry.add(person(changed=dt.datetime(2026, 11, 1, 1, 0, tzinfo=dt.UTC)))
    registry.sql('create schema "Siak"')
    for table in ("biodata_wni", "data_keluarga"):
        registry.sql(f'alter table {table} set schema "Siak"')
    with pytest.raises(ContractError, match="default schema"):
        lander(run, of_url(postgres_database))()
    snapshot = lander(run, of_url(postgres_database, extra={"schema": "siak"}))()
    assert column(snapshot, "tgl_ubah") == ["2026-11-01T08:00:00+07:00"]
    with pytest.raises(ConfigurationError, match=r"no schema sia .*found instead: siak"):
        lander(run, of_url(postgres_database, extra={"schema": "sia"}))(0, force=True)


@pytest.mark.services
def test_both_tables_are_read_in_one_state(run: Run, server: sa.URL, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry(server)
    registry.add(person())
    stream = module._stream

    def stream_and_then_change(*arguments: Any) -> int:
        rows = stream(*arguments)
        registry.add(card(), table="data_keluarga")
        return rows

    monkeypatch.setattr(module, "_stream", stream_and_then_change)
    assert lander(run, of_url(server))().read == {"biodata_wni": 1, "data_keluarga": 0}


@pytest.mark.services
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # PyMySQL's own, on a dead connection
def test_a_connection_that_breaks_off_is_unavailable_and_leaves_nothing(
    run: Run, server: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(server)
    registry.add(*(person(nik=str(n), agama="x" * 200) for n in range(20_000)))
    monkeypatch.setattr(module, "BATCH_ROWS", 100)
    convert, kill = module.text_column, iter([True])

    def break_off_once(*arguments: Any) -> Any:
        if next(kill, False):
            if server.get_backend_name() == "postgresql":
                own = "from pg_stat_activity where application_name = 'kampungkb' and datname = current_database()"
                registry.sql(f"select pg_terminate_backend(pid) {own}")
            else:
                with registry.engine.connect() as connection:
                    own = (
                        "select id from information_schema.processlist where db = database() and id <> connection_id()"
                    )
                    for (number,) in connection.exec_driver_sql(own).all():
                        connection.exec_driver_sql(f"kill {number}")
        return convert(*arguments)

    monkeypatch.setattr(module, "text_column", break_off_once)
    with pytest.raises(SourceUnavailable, match="broke off"):
        lander(run, of_url(server))()
    assert not list((run.settings.lake / "landing" / CIVIL_REGISTRY).iterdir())


def test_a_failed_extraction_leaves_nothing_behind(sqlite: Registry, land: Land, run: Run) -> None:
    sqlite.sql("drop table data_keluarga")
    with pytest.raises(KampungkbError):
        land()
    assert not list((run.settings.lake / "landing" / CIVIL_REGISTRY).iterdir())
