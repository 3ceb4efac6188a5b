"""Asking under a role: no more than it may see, and on record where it is personal."""

import io
import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from kampungkb.errors import WarehouseError
from kampungkb.linkage.decisions import Pair, Record, decide
from kampungkb.run import Run
from kampungkb.warehouse import publish
from kampungkb.warehouse.acting import acting, as_steward, query_as
from tests.integration.warehouse_lake import night

pytestmark = pytest.mark.integration
PAIR = Pair(Record("civil_registry", "1"), Record("family_survey", "2"))


@pytest.fixture
def published(warehouse_run: Run, warehouse_engine: Engine) -> Engine:
    publish(warehouse_run, *night(3, 20).write(warehouse_run))
    return warehouse_engine


@pytest.fixture
def stranger(published: Engine) -> Iterator[Engine]:
    """The warehouse under a login that is a member of no group but may read and record, as an owner may."""
    name = f"stranger_{uuid.uuid4().hex[:8]}"
    with published.begin() as connection:
        connection.execute(text(f"create role {name} in role kkb_analyst"))
    with acting(published, name) as taken:
        yield taken
    with published.begin() as connection:
        connection.execute(text(f"drop role {name}"))


def asked(engine: Engine, query: str, role: str = "kkb_analyst", purpose: str = "") -> list[str]:
    out = io.StringIO()
    query_as(engine, query, out, role, purpose)
    return out.getvalue().splitlines()


def reads(engine: Engine) -> list[tuple[str, str, str]]:
    with engine.connect() as connection:
        found = connection.execute(text("select role, subject, purpose from ops.access_log order by access_id"))
        return [tuple(row) for row in found]


def test_without_more_a_query_asks_as_an_analyst(published: Engine) -> None:
    assert asked(published, "select current_user") == ["current_user", "kkb_analyst"]
    assert int(asked(published, "select count(*) from mart.family_index")[1]) > 0
    with pytest.raises(WarehouseError, match="permission denied for schema vault"):
        asked(published, "select * from vault.person_link")
    assert reads(published) == []


def test_a_steward_reads_personal_data_on_record_with_the_purpose(published: Engine) -> None:
    query = "select count(*) from vault.family_link"
    with pytest.raises(WarehouseError, match="--purpose"):
        asked(published, query, "kkb_steward", " ")
    purpose = r"complaint 17, \'as said\' + more"
    assert int(asked(published, query, "kkb_steward", purpose)[1]) > 0
    assert reads(published) == [("kkb_steward", "vault.family_link", purpose)]


def test_a_query_under_a_recorded_role_cannot_write(published: Engine) -> None:
    writing = (
        "with made as (insert into vault.match_decision"
        " (left_source, left_key, right_source, right_key, decision, decided_by, reason)"
        " values ('a', 'b', 'c', 'd', 'same', 'x', 'y') returning 1) select * from made"
    )
    for role, reason in (("kkb_steward", "changes a table"), ("kkb_viewer", "permission denied|read-only|must be at")):
        with pytest.raises(WarehouseError, match=reason):
            asked(published, writing, role, "a try")
    with published.connect() as connection:
        assert connection.execute(text("select count(*) from vault.match_decision")).scalar_one() == 0


def test_a_role_that_cannot_be_taken_is_an_error_not_the_owners_rights(published: Engine, stranger: Engine) -> None:
    with pytest.raises(WarehouseError, match="kkb_weather does not exist"):
        asked(published, "select 1", "kkb_weather", "a try")
    assert asked(stranger, "select current_user")[1] == "kkb_analyst"


def test_a_steward_decides_under_the_stewards_role(published: Engine) -> None:
    with as_steward(published, "vault.match_review", "review, Rina") as engine:
        assert decide(engine, PAIR, "same", "Rina", "seen") == 1
        with pytest.raises(WarehouseError), engine.connect() as connection:
            query_as(engine, "delete from vault.match_decision returning 1", io.StringIO(), "kkb_steward", "a try")
            connection.rollback()
    found = reads(published)
    assert found and {(role, purpose) for role, _, purpose in found} == {("kkb_steward", "review, Rina")}
