"""Roles against a real PostgreSQL: what the matrix allows works, everything else is refused, regions are kept apart."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from kampungkb.connections import WAREHOUSE
from kampungkb.run import Run
from kampungkb.warehouse import embedded, publish
from kampungkb.warehouse.connect import engine_of
from kampungkb.warehouse.migrate import migrate
from kampungkb.warehouse.models import SCHEMAS, Base
from kampungkb.warehouse.privileges import Relation, apply_privileges, load_matrix, wanted_policies
from tests.integration.warehouse_lake import BATU_BERDAUN, DABO, MEPAR, night

pytestmark = pytest.mark.integration

OPERATIONS = ("select", "insert", "update", "delete")
READS = {
    "kkb_loader": set(SCHEMAS),
    "kkb_steward": set(SCHEMAS),
    "kkb_analyst": {"core", "mart", "open", "ops"},
    "kkb_viewer": {"open"},
}
VILLAGE_READS = {
    "core": {"dim_region", "dim_indicator", "dim_date", "role_region", "quarantine_history", "source_load"},
    "mart": {"family_index", "family_indicator"},
    "service": {"action_list"},
}


def allowed(role: str, schema: str, table: str, kind: str, regional: bool) -> set[str]:
    """What a role may do, written from the roles' description and not from the matrix."""
    if table == "access_log":
        return {"insert"} if role == "kkb_loader" else set()
    if role == "kkb_analyst" and table in ("match_review_count", "erasure"):
        return set()  # a view over the vault, read with its reader's rights
    if role == "kkb_village":
        own = schema in ("core", "mart", "service") and regional and kind == "r"
        return {"select"} if own or schema == "open" or table in VILLAGE_READS.get(schema, ()) else set()
    if (role, table) == ("kkb_viewer", "dim_indicator"):
        return {"select"}
    if schema not in READS[role]:
        return set()
    if role == "kkb_loader" and kind == "r":
        return set(OPERATIONS)
    return {"select", "insert"} if role == "kkb_steward" and table == "match_decision" else {"select"}


def attempt(connection: Connection, operation: str, table: str, column: str) -> str | None:
    """Try one operation on no row; returns the SQLSTATE of a refusal."""
    statement = {
        "select": f"select count(*) from {table}",
        "insert": f"insert into {table} ({column}) select null where false",
        "update": f"update {table} set {column} = null where false",
        "delete": f"delete from {table} where false",
    }[operation]
    try:
        with connection.begin_nested():
            connection.execute(text(statement))
    except SQLAlchemyError as fault:
        return str(fault.orig.sqlstate)  # type: ignore[attr-defined]
    return None


RELATIONS = """
    select n.nspname as schema, c.relname as table, c.relkind::text as kind,
        bool_or(a.attname = 'village_code') as regional,
        quote_ident(min(a.attname) filter (where a.attidentity = '')) as column
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where n.nspname = any(:schemas) and c.relkind in ('r', 'v')
    group by 1, 2, 3 order by 1, 2
"""


@contextmanager
def acting_as(engine: Engine, role: str) -> Iterator[Connection]:
    """A transaction in the name of a role."""
    with engine.begin() as connection:
        connection.execute(text(f"set local role {role}"))
        yield connection


@pytest.fixture
def office(warehouse_engine: Engine) -> Iterator[str]:
    """A login of a village office, not yet given any region."""
    migrate(warehouse_engine)
    name = f"office_{uuid.uuid4().hex[:8]}"
    with warehouse_engine.begin() as connection:
        connection.execute(text(f"create role {name} login in role kkb_village"))
    yield name
    with warehouse_engine.begin() as connection:
        connection.execute(text(f"drop owned by {name}"))
        connection.execute(text(f"drop role {name}"))


def give(engine: Engine, role: str, region: str) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("insert into core.role_region values (:role, :region)"), {"role": role, "region": region}
        )


@pytest.mark.parametrize("role", [*READS, "kkb_village"])
def test_a_role_may_do_what_is_described_and_nothing_else(warehouse_engine: Engine, role: str) -> None:
    migrate(warehouse_engine)
    with acting_as(warehouse_engine, role) as connection:
        relations = connection.execute(text(RELATIONS), {"schemas": list(SCHEMAS)}).all()
        assert len(relations) > 20
        for schema, table, kind, regional, column in relations:
            may = allowed(role, schema, table, kind, regional)
            for operation in OPERATIONS:
                refused = attempt(connection, operation, f"{schema}.{table}", column)
                if operation in may:
                    assert refused is None, f"{role} must be able to {operation} {schema}.{table}"
                else:
                    expected = {"42501"} if kind == "r" or operation == "select" else {"42501", "55000"}
                    assert refused in expected, f"{role} must not {operation} {schema}.{table}"


@pytest.mark.parametrize("role", ["kkb_steward", "kkb_analyst", "kkb_viewer", "kkb_village"])
@pytest.mark.parametrize(
    "statement",
    [
        "create table core.mine (a int)",
        "create schema mine",
        "truncate core.family_score",
        "alter table core.family_score disable row level security",
        "set role kkb_loader",
        "insert into core.role_region values (current_user, '21')",
    ],
)
def test_a_reader_cannot_make_itself_more(warehouse_engine: Engine, office: str, role: str, statement: str) -> None:
    with warehouse_engine.begin() as connection:
        connection.execute(text(f"grant {role} to {office}"))
        connection.execute(text(f"set local session authorization {office}"))
        if role != "kkb_village":
            connection.execute(text(f"set local role {role}"))
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
            connection.execute(text(statement))


def regional_relations(connection: Connection) -> list[str]:
    """Tables and views with villages that an office may read."""
    relations = connection.execute(text(RELATIONS), {"schemas": ["core", "mart", "service"]}).all()
    return [
        f"{schema}.{table}"
        for schema, table, kind, regional, _ in relations
        if regional and "select" in allowed("kkb_village", schema, table, kind, regional)
    ]


def test_an_office_sees_its_region_only(warehouse_run: Run, warehouse_engine: Engine, office: str) -> None:
    publish(warehouse_run, *night(3, 60).write(warehouse_run))
    regions = {"": set(), DABO: {DABO}, "210401": {DABO, BATU_BERDAUN}, "2104": {DABO, BATU_BERDAUN, MEPAR}}
    for region, villages in regions.items():
        if region:
            give(warehouse_engine, office, region)
        with acting_as(warehouse_engine, office) as connection:
            filled = set()
            for name in regional_relations(connection):
                seen = set(connection.execute(text(f"select distinct village_code from {name}")).scalars())
                assert seen <= villages, name
                filled |= {name} if seen else set()
            everything = "create or replace function pg_temp.everything() returns setof text language sql as "
            connection.execute(text(everything + "'select distinct village_code from core.family_score'"))
            through_a_function = connection.execute(text("select * from pg_temp.everything()")).scalars()
            assert set(through_a_function) <= villages
            # A condition of the reader's own must not see a row before the region is decided.
            probe = "select 1 / (case when village_code = any(:own) then 1 else 0 end) from core.family_score"
            connection.execute(text(probe), {"own": sorted(villages)}).all()
            if villages:
                assert {"core.family_score", "mart.family_index", "mart.family_indicator"} <= filled


def test_reading_personal_data_is_recorded_whoever_reads(
    warehouse_run: Run, warehouse_engine: Engine, office: str
) -> None:
    publish(warehouse_run, *night(3, 20).write(warehouse_run))
    with warehouse_engine.begin() as connection:
        connection.execute(text(f"grant kkb_steward to {office}"))
    with acting_as(warehouse_engine, office) as connection:
        connection.execute(text("set local kampungkb.purpose = 'complaint 17'"))
        found = connection.execute(
            text("select count(*) from vault.person_link join vault.family_link on true")
        ).scalar_one()
        connection.execute(text("select count(*) from mart.family_index"))
        assert found > 0
    with warehouse_engine.connect() as connection:
        recorded = connection.execute(text("select role, subject, purpose from ops.access_log order by subject")).all()
    assert [tuple(row) for row in recorded] == [
        (office, "vault.family_link", "complaint 17"),
        (office, "vault.person_link", "complaint 17"),
    ]


def test_a_read_that_cannot_be_recorded_is_refused(warehouse_run: Run, warehouse_engine: Engine, office: str) -> None:
    publish(warehouse_run, *night(3, 20).write(warehouse_run))
    with warehouse_engine.begin() as connection:
        connection.execute(text(f"grant kkb_steward to {office}"))
    with acting_as(warehouse_engine, office) as connection:
        connection.execute(text("set transaction read only"))
        with pytest.raises(SQLAlchemyError, match="read-only transaction"):
            connection.execute(text("select * from vault.person_link")).all()


def test_a_second_application_changes_nothing(warehouse_engine: Engine) -> None:
    migrate(warehouse_engine)
    with warehouse_engine.begin() as connection:
        assert apply_privileges(connection) == 0


def test_a_grant_that_is_not_declared_is_taken_back(warehouse_engine: Engine) -> None:
    migrate(warehouse_engine)
    with warehouse_engine.begin() as connection:
        connection.execute(text("grant select, delete on vault.person_link to kkb_analyst"))
        assert apply_privileges(connection) == 2
    with acting_as(warehouse_engine, "kkb_analyst") as connection:
        assert attempt(connection, "select", "vault.person_link", "source") == "42501"


def test_a_table_that_comes_later_is_covered(warehouse_engine: Engine) -> None:
    migrate(warehouse_engine)
    with warehouse_engine.begin() as connection:
        connection.execute(text("create table vault.later (village_code text)"))
        connection.execute(text("create view mart.later as select village_code from mart.village_index"))
        assert apply_privileges(connection) > 0
        found = connection.execute(
            text("select relrowsecurity, reloptions from pg_class where relname = 'later' order by relkind")
        ).all()
    assert [tuple(row) for row in found] == [(True, None), (False, ["security_invoker=true"])]


def test_a_plain_owner_of_a_database_loads_without_the_roles(
    warehouse_run: Run, embedded_server: embedded.ServerInfo, warehouse_engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """The owner may not create roles; whether they exist on its server or not, its load is complete."""
    owner, connection = f"owner_{uuid.uuid4().hex[:8]}", warehouse_run.connections[WAREHOUSE]
    with warehouse_engine.begin() as admin:
        admin.execute(text(f"create role {owner} login password 'plain'"))
        admin.execute(text(f'alter database "{connection.schema_}" owner to {owner}'))
    plain = connection.model_copy(update={"login": owner, "password": type(connection.password)("plain")})
    engine = engine_of(plain)
    try:
        with engine.begin() as own, caplog.at_level(logging.WARNING):
            own.execute(text("create schema core"))
            for schema in sorted(set(SCHEMAS) - {"core"}):
                own.execute(text(f"create schema {schema}"))
            own.execute(text("create function ops.note_access(text) returns boolean language sql as 'select true'"))
            matrix = load_matrix()
            absent = {f"absent_{n}": meaning for n, meaning in enumerate(matrix.roles.values())}
            assert apply_privileges(own, matrix.model_copy(update={"roles": absent, "privileges": {}})) == 0
            assert "may not create roles" in caplog.text
            own.execute(text("drop function ops.note_access; drop schema core, mart, open, ops, vault, service"))
        run = replace(warehouse_run, connections={WAREHOUSE: plain})
        publish(run, *night(3, 20).write(run))
        with engine.connect() as own:
            assert own.execute(text("select count(*) from mart.family_index")).scalar_one() == 40
    finally:
        engine.dispose()
        with warehouse_engine.begin() as admin:
            admin.execute(text(f'alter database "{connection.schema_}" owner to current_user'))
            admin.execute(text(f"reassign owned by {owner} to current_user"))
            admin.execute(text(f"drop owned by {owner}"))
            admin.execute(text(f"drop role {owner}"))


def test_a_loader_that_owns_nothing_publishes(warehouse_run: Run, warehouse_engine: Engine) -> None:
    publish(warehouse_run, *night(3, 20).write(warehouse_run))
    connection = warehouse_run.connections[WAREHOUSE]
    loader = f"loader_{uuid.uuid4().hex[:8]}"
    with warehouse_engine.begin() as admin:
        admin.execute(text(f"create role {loader} login password 'plain' in role kkb_loader"))
    try:
        plain = connection.model_copy(update={"login": loader, "password": type(connection.password)("plain")})
        run = replace(warehouse_run, run_id="run-2", connections={WAREHOUSE: plain})
        publish(run, *night(3, 30).write(run))
        with warehouse_engine.connect() as admin:
            assert admin.execute(text("select count(*) from mart.family_index")).scalar_one() == 60
    finally:
        with warehouse_engine.begin() as admin:
            admin.execute(text(f"drop role {loader}"))


def test_tables_closed_to_a_role_exist() -> None:
    """A typing error in an entry that closes a table would leave it open."""
    named = {
        f"{schema}.{table}"
        for schemas in load_matrix().privileges.values()
        for schema, tables in schemas.items()
        for table, privileges in tables.items()
        if not privileges
    }
    assert named <= {*Base.metadata.tables, "ops.match_review_count"}
    assert named


def test_policies_are_needed_only_where_somebody_is_limited() -> None:
    matrix = load_matrix()
    roles = tuple(matrix.roles)
    assert wanted_policies(matrix, roles, Relation("open", "village_index", False, True)) == []
    assert wanted_policies(matrix, roles, Relation("mart", "district_index", False, False)) == []
    labels = [policy.label for policy in wanted_policies(matrix, roles, Relation("service", "any", False, True))]
    assert labels == ["unrestricted", "region", "recorded"]
