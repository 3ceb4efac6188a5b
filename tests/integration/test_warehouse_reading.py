"""Connecting, migrating and reading the warehouse, with the sentences that people get when it fails."""

import dataclasses
import io
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from kampungkb.connections import Connection, parse_connection
from kampungkb.errors import ConfigurationError, WarehouseError
from kampungkb.run import Run
from kampungkb.warehouse import publish
from kampungkb.warehouse.connect import engine_of, url
from kampungkb.warehouse.migrate import migrate
from kampungkb.warehouse.models import SCHEMAS, Base
from kampungkb.warehouse.query import load_summary, to_csv
from tests.conftest import AS_OF
from tests.integration.warehouse_lake import DABO, night, score

pytestmark = pytest.mark.integration


def csv_of(engine: Engine, query: str) -> str:
    out = io.StringIO()
    to_csv(engine, query, out)
    return out.getvalue()


def test_migrations_make_what_the_models_say_and_run_once(warehouse_engine: Engine) -> None:
    for _ in range(2):
        migrate(warehouse_engine)
    with warehouse_engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, parents: kind != "schema" or name in SCHEMAS,
                "version_table_schema": "ops",
            },
        )
        assert compare_metadata(context, Base.metadata) == []


def test_every_table_view_and_column_carries_a_comment(warehouse_engine: Engine) -> None:
    migrate(warehouse_engine)
    silent = """
        select c.oid::regclass::text, a.attname from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where n.nspname = any(:schemas) and c.relkind in ('r', 'v') and c.relname <> 'alembic_version'
        and (col_description(c.oid, a.attnum) is null or obj_description(c.oid) is null)"""
    with warehouse_engine.connect() as connection:
        assert connection.execute(text(silent), {"schemas": list(SCHEMAS)}).all() == []


def test_a_newer_warehouse_is_left_alone(warehouse_engine: Engine) -> None:
    migrate(warehouse_engine)
    with warehouse_engine.begin() as connection:
        connection.execute(text("update ops.alembic_version set version_num = '9999'"))
    with pytest.raises(WarehouseError, match="Upgrade this installation"):
        migrate(warehouse_engine)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"port": 1}, "Connection refused"),
        ({"password": "wrong-password"}, "password authentication failed"),
        ({"schema": "not_there"}, "does not exist"),
        ({"host": "no-such-host.invalid"}, "no-such-host"),
    ],
)
def test_an_unreachable_warehouse_is_told_in_one_sentence_without_password(
    warehouse_connection: Connection, change: dict[str, object], told: str
) -> None:
    fields = {**warehouse_connection.model_dump(by_alias=True), "password": warehouse_connection.secret(), **change}
    with pytest.raises(WarehouseError, match="unreachable") as raised:
        engine_of(Connection.model_validate(fields))
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)
    assert str(fields["password"]) not in str(raised.value)


def test_options_of_libpq_pass_and_others_do_not() -> None:
    made = url(parse_connection("warehouse", "postgresql://u:p%40ss@h:5433/db?sslmode=require&iam=true"))
    assert (made.query["sslmode"], made.password, made.port) == ("require", "p@ss", 5433)
    assert "iam" not in made.query


@pytest.mark.parametrize(
    ("uri", "told"), [("mysql://u@h/db", "is PostgreSQL"), ("postgres://u@h", "names no database")]
)
def test_a_connection_that_is_no_warehouse_is_refused(uri: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        url(parse_connection("warehouse", uri))


def test_a_query_becomes_csv(warehouse_engine: Engine) -> None:
    query = "select * from (values (1, 'Dabo, \"é\"'), (2, null)) as v (n, name);  "
    assert csv_of(warehouse_engine, query) == 'n,name\n1,"Dabo, ""é"""\n2,\n'
    assert csv_of(warehouse_engine, "select 1 as one -- a closing comment") == "one\n1\n"
    assert csv_of(warehouse_engine, "select n from generate_series(1, 100000) n").count("\n") == 100_001


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("select\n  nothing", r'column "nothing" does not exist \(line 2, column 3\)'),
        ("selec 1", r"syntax error .*line 1, column 1"),
        ("select 1; select 2", "cannot insert multiple commands"),
        ("select 1) to program 'true' --", "syntax error"),
        ("create table t (n int)", "returns no rows"),
        ("with gone as (delete from pg_class returning 1) select 1", "read-only transaction"),
        ("select setval('s', 1) from pg_class", "does not exist"),
        ("select 1 / 0", "division by zero"),
    ],
)
def test_a_wrong_query_gets_the_message_of_postgresql(warehouse_engine: Engine, query: str, told: str) -> None:
    with pytest.raises(WarehouseError, match=told):
        csv_of(warehouse_engine, query)


def test_a_summary_tells_the_figures_of_a_load(warehouse_run: Run, warehouse_engine: Engine) -> None:
    with pytest.raises(WarehouseError, match="nothing has been published yet"):
        load_summary(warehouse_engine)
    lake = night(seed=1, stale=frozenset({"civil_registry"}))
    publish(warehouse_run, *lake.write(warehouse_run))
    earlier = dataclasses.replace(warehouse_run, run_id="run-0", as_of=AS_OF - timedelta(9))
    publish(earlier, *night(seed=2).write(earlier))
    summary = load_summary(warehouse_engine, as_of=AS_OF)
    assert (summary.run_id, summary.latest, summary.stale_sources) == ("run-1", True, ["civil_registry"])
    assert summary.sources["family_survey"].total.rejected == 2
    assert summary.sources["family_survey"].linked_share == pytest.approx(1 / summary.sources["family_survey"].records)
    known = [value for f in lake.families if f.village == DABO and (value := score(f.survey)[3]) is not None]
    (kampung_kb,) = [row for row in summary.index if row.area is None and row.basis == "survey"]
    assert kampung_kb.ibangga == pytest.approx(sum(known) / len(known), abs=1e-9)
    assert [row.area for row in summary.index if row.area] == ["Kabupaten Lingga"] * 2
    found = {source: (p.compared_with, p.new_problems, p.still_open) for source, p in summary.problems.items()}
    assert found == dict.fromkeys(summary.sources, (AS_OF - timedelta(9), 0, 5))
    assert not load_summary(warehouse_engine, run_id="run-0").latest
    with pytest.raises(WarehouseError, match="no published load for 2001-01-01"):
        load_summary(warehouse_engine, as_of=AS_OF.replace(2001, 1, 1))
