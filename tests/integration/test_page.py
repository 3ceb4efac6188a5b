"""The page of Airflow's UI, route by route, over a warehouse that the pipeline filled."""

import inspect
import io
import itertools
import json
import os
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msoffcrypto
import openpyxl
import pytest
import sqlalchemy
from fastapi.dependencies.utils import get_flat_dependant
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from kampungkb.connections import Connection
from kampungkb.errors import WarehouseError
from kampungkb.ui import actions, queries, review
from kampungkb.ui.access import VIEWS, Reader, Role
from kampungkb.ui.reading import reading
from kampungkb.warehouse import embedded
from kampungkb.warehouse.connect import engine_of
from tests.integration.page_world import HOSTILE, Page, World, fill, only, same

pytestmark = pytest.mark.integration

LATEST = "as_of = (select max(as_of) from ops.load_run)"
ACCESS = """
users:
  dabo: {role: village, region: "%s"}
  singkep: {role: analyst, region: "%s"}
  reader: {role: viewer}
airflow_roles:
  admin: {role: steward}
"""
LISTS = {
    "/api/villages": queries.VILLAGE_COLUMNS,
    "/api/quality/villages": queries.QUALITY_COLUMNS,
    "/api/quality/rules": queries.RULE_COLUMNS,
    "/api/quarantine": queries.QUARANTINE_COLUMNS,
    "/api/loads": queries.LOAD_COLUMNS,
    "/api/action-lists": actions.COLUMNS,
    "/api/review": review.COLUMNS,
}


@pytest.fixture(scope="module")
def world(embedded_server: embedded.ServerInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("page")
    os.environ.setdefault("AIRFLOW_HOME", str(folder / "airflow"))
    name = f"page_{uuid.uuid4().hex[:12]}"
    embedded.ensure_database(embedded_server, name)
    (folder / "home").mkdir(mode=0o700)
    filled = fill(folder / "home", embedded_server.connection(name))
    yield filled
    filled.engine.dispose()


@pytest.fixture(scope="module")
def village(world: World) -> str:
    """A village with findings in quarantine."""
    return str(
        world.value(
            "select village_code from ops.quarantine where village_code <> 'unknown' "
            "group by village_code order by count(*) desc, village_code limit 1"
        )
    )


@pytest.fixture
def page(world: World, village: str, monkeypatch: pytest.MonkeyPatch) -> Page:
    """The application as Airflow mounts it, with an access file of its own."""
    monkeypatch.setenv("KAMPUNGKB_HOME", str(world.home))
    (world.home / "access.yaml").write_text(ACCESS % (village, village[:6]), encoding="utf-8")
    from kampungkb.ui.app import create_app
    from kampungkb.ui.session import warehouse_engine

    app = create_app()
    app.dependency_overrides[warehouse_engine] = lambda: world.engine
    return Page(app, world)


# Route by route: the routes are those of the application, so that a new one is tried too.

# The metrics are read by a program: by a token, whoever is logged in.
BY_TOKEN = "/metrics"
OPEN_TO_ALL_READERS = {"/", "/assets/{name:path}", "/api/words", "/api/me"}


@dataclass(frozen=True)
class Asked:
    """A route of the application: its template, its method, and the view that it needs (None: any reader's)."""

    route: APIRoute = field(compare=False)
    template: str
    method: str
    view: str | None

    def path(self, village: str) -> str:
        values = {"{name:path}": "index.html", "{code}": village, "{key}": "abcd1234"}
        return re.sub(r"\{[^}]+\}", lambda part: values[part[0]], self.template)

    def status(self, client: TestClient, village: str) -> int:
        own = {"Sec-Fetch-Site": "same-origin"}
        return client.request(
            self.method, self.path(village), json={} if self.method == "POST" else None, headers=own
        ).status_code


def routes(page: Page) -> list[Asked]:
    """Every route and method, the view read from the dependency that `opening` made."""
    return [
        Asked(
            route,
            route.path,
            method,
            next((view for each in route.dependant.dependencies if (view := _view(each.call))), None),
        )
        for route in page.app.routes
        if isinstance(route, APIRoute) and route.path != BY_TOKEN
        for method in sorted(route.methods)
    ]


def _view(dependency: Any) -> Any:
    return inspect.getclosurevars(dependency).nonlocals.get("view") if inspect.isfunction(dependency) else None


def test_every_route_needs_a_view_or_is_one_that_any_reader_may_ask(page: Page) -> None:
    found = routes(page)
    assert len(found) > 20
    assert {each.template for each in found if each.view is None} == OPEN_TO_ALL_READERS
    assert {each.view for each in found} - {None} == set(VIEWS["steward"])


def test_nothing_answers_a_visitor_without_a_session(page: Page, village: str) -> None:
    client = TestClient(page.app)
    assert {(each, each.status(client, village)) for each in routes(page)} == {(each, 401) for each in routes(page)}


@pytest.mark.parametrize(
    ("name", "role"), [("admin", "steward"), ("singkep", "analyst"), ("dabo", "village"), ("reader", "viewer")]
)
def test_a_role_opens_the_routes_of_its_views_and_no_others(page: Page, village: str, name: str, role: Role) -> None:
    with page.asked_by(name) as client:
        found = {each: each.status(client, village) for each in routes(page)}
    refused = {each for each, status in found.items() if status == 403}
    assert refused == {each for each in found if each.view is not None and each.view not in VIEWS[role]}
    assert set(found.values()) <= {200, 403, 404, 422}


def test_no_answer_to_a_village_office_names_another_village(page: Page, village: str) -> None:
    others = {str(row["village_code"]) for row in page.world.rows("select village_code from mart.village_index")} - {
        village
    }
    asked = [each for each in routes(page) if each.method == "GET"]
    with page.asked_by("dabo") as client:
        answers = {each.template: client.get(each.path(village)) for each in asked}
        foreign = {client.get(each.path(min(others))).status_code for each in asked if "{code}" in each.template}
    assert foreign == {404}
    assert {template for template, answer in answers.items() if answer.status_code == 200} > {
        "/api/overview",
        "/api/tiles",
    }
    for template, answer in answers.items():
        told = answer.text if "spreadsheet" not in answer.headers["content-type"] else _cells(answer.content)
        assert not [code for code in others if code in told], template


def _cells(workbook: bytes) -> str:
    book = openpyxl.load_workbook(io.BytesIO(workbook))
    return "\n".join(str(cell.value) for sheet in book.worksheets for row in sheet.iter_rows() for cell in row)


def test_a_user_whom_the_access_file_does_not_know_sees_nothing(page: Page) -> None:
    with page.asked_by("stranger", "viewer") as client:
        assert {each.status(client, "2104011001") for each in routes(page)} == {403}


def test_a_broken_access_file_opens_nothing_and_says_what_is_wrong(page: Page) -> None:
    (page.world.home / "access.yaml").write_text("users: {dabo: {role: village}}", encoding="utf-8")
    with page.asked_by("admin") as client:
        answer = client.get("/api/me")
    assert answer.status_code == 503
    assert "the role village needs a region" in answer.json()["detail"]


def test_without_an_access_file_admins_are_stewards_and_viewers_analysts(page: Page) -> None:
    (page.world.home / "access.yaml").unlink()
    assert page.get("/api/me", "a", "admin")["role"] == "steward"
    assert page.get("/api/me", "b", "viewer")["role"] == "analyst"
    assert page.status("/api/me", "c", "op") == 403


def test_a_viewer_reads_the_publishable_figures_and_no_others(page: Page, village: str) -> None:
    measures = only("ibangga", "ketentraman", "families", "rentan", "berkembang", "tangguh")
    overview = page.get("/api/overview", "reader")
    regencies = page.world.rows("select * from open.regency_index")
    same(list(map(measures, overview["areas"])), list(map(measures, regencies)))
    assert (overview["kampung_kb"], overview["freshness"], overview["load"]) == ([], [], None)
    shown = page.all_rows("/api/villages", "reader", basis="survey")
    measures = only("village_code", "ibangga", "ketentraman", "families", "rentan", "berkembang", "tangguh")
    same(list(map(measures, shown)), list(map(measures, page.world.rows("select * from open.village_index"))))
    assert len(page.get("/api/districts", "reader")) == page.world.value("select count(*) from open.district_index")


def test_a_village_is_shown_to_a_viewer_as_it_is_published(page: Page, village: str) -> None:
    found = page.get(f"/api/villages/{village}", "reader")
    assert [row["basis"] for row in found["trend"]] == ["integrated"]
    shown = "indicator, achieved, not_achieved as unmet, applicable, share"
    published = page.world.rows(f"select {shown} from open.indicator_coverage where region_code = :code", code=village)
    keys = only("indicator", "achieved", "unmet", "applicable", "share")
    same([keys(row) for row in found["indicators"]], published)
    regency = page.world.rows("select indicator, share from open.indicator_coverage where region_code = '2104'")
    wanted = {row["indicator"]: row["share"] for row in regency}
    assert all(row["region_share"] == wanted[row["indicator"]] for row in found["indicators"])
    needs = {row["need"]: row["families"] for row in found["needs"]}
    assert needs == {row["indicator"]: row["unmet"] for row in published if row["unmet"] is not None}
    assert needs, "something is published"
    of_function = {row["indicator"]: row["function"] for row in page.world.rows("select * from core.dim_indicator")}
    for row in found["functions"]:
        own = [r for r in published if of_function[r["indicator"]] == row["function"] and r["applicable"] is not None]
        assert row["share"] == pytest.approx(sum(r["achieved"] for r in own) / sum(r["applicable"] for r in own))
    programmes = "select programme, participating, share from open.programme_coverage where region_code = :code"
    same(
        [only("programme", "participating", "share")(row) for row in found["programmes"]],
        page.world.rows(programmes, code=village),
    )
    assert "life_cycle" not in found


def test_a_reader_takes_the_warehouses_role_where_there_is_one(page: Page) -> None:
    """A viewer who somehow asked for more than the page offers is refused by the warehouse itself."""
    with page.world.engine.begin() as connection:
        if connection.execute(sqlalchemy.text("select to_regrole('kkb_viewer')")).scalar() is None:
            connection.execute(sqlalchemy.text("create role kkb_viewer"))
        connection.execute(sqlalchemy.text("grant usage on schema open to kkb_viewer"))
        connection.execute(sqlalchemy.text("grant select on all tables in schema open to kkb_viewer"))
    assert page.get("/api/villages", "reader")["total"] > 0
    with (
        pytest.raises(WarehouseError, match="permission denied"),
        reading(page.world.engine, Reader(name="reader", role="viewer")) as view,
    ):
        assert view.connection.execute(sqlalchemy.text("select current_user")).scalar() == "kkb_viewer"
        view.connection.execute(sqlalchemy.text("select * from mart.village_index"))


# Match review.


@pytest.fixture
def pair(page: Page) -> str:
    """The key of an open pair, made for the test where the loads left none."""
    find = "select review_key from vault.match_review where state = 'open' order by review_key limit 1"
    if not page.world.rows(find):
        with page.world.engine.begin() as connection:
            connection.execute(
                sqlalchemy.text(PAIR),
                {"village": page.world.value("select min(code) from core.dim_region where length(code) = 10")},
            )
    return str(page.world.value(find))


PAIR = """
insert into vault.match_pair (
    review_key, left_source, left_key, left_name, left_village_code, right_source, right_key, right_name,
    right_village_code, probability, match_weight, comparison, linked, doubt, first_seen, last_seen
)
values (
    'abcd1234', 'civil_registry', '1', '=<script>alert(1)</script>', :village, 'family_survey', '2', 'Siti', :village,
    0.6, 0.58, '[{"comparison": "name", "level": 1, "weight": 0.58}]', false, 'between_thresholds',
    '2026-11-24', '2026-11-24'
)
"""


def test_only_stewards_see_pairs_and_only_those_of_their_region(page: Page, pair: str, village: str) -> None:
    for path in ("/api/review", f"/api/review/{pair}"):
        assert page.status(path) == 200
        assert {page.status(path, name) for name in ("dabo", "singkep", "reader")} == {403}
    (page.world.home / "access.yaml").write_text('users: {far: {role: steward, region: "99"}}', encoding="utf-8")
    assert page.get("/api/review", "far", state="")["total"] == 0
    assert page.status(f"/api/review/{pair}", "far") == 404


def test_a_pair_is_shown_as_it_stands_in_the_vault(page: Page, pair: str) -> None:
    found = page.get(f"/api/review/{pair}")
    stored = page.world.rows("select * from vault.match_review where review_key = :key", key=pair)[0]
    for name in ("left_name", "right_name", "left_key", "right_nik", "probability", "match_weight", "comparison"):
        assert found[name] == stored[name], name
    opened = page.world.value("select count(*) from vault.match_review where state = 'open' and review_key is not null")
    assert page.get("/api/review")["total"] == opened


def decision(page: Page, path: str, body: object, name: str = "admin", **headers: str) -> httpx.Response:
    own = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json", **headers}
    with page.asked_by(name) as client:
        return client.post(path, content=json.dumps(body), headers={k: v for k, v in own.items() if v})


def test_a_decision_is_made_in_the_stewards_name_and_can_be_undone(page: Page, pair: str) -> None:
    asked = {"decision": "different", "reason": "dua orang, <b>lihat</b> KK"}
    assert decision(page, f"/api/review/{pair}/decision", asked).status_code == 200
    stored = page.world.rows(
        "select state, decision, decided_by, reason from vault.match_review where review_key = :key", key=pair
    )
    assert stored == [{"state": "decided", "decision": "different", "decided_by": "admin", "reason": asked["reason"]}]
    assert decision(page, f"/api/review/{pair}/undo", {"reason": "salah tekan"}).status_code == 200
    assert page.world.value("select state from vault.match_review where review_key = :key", key=pair) == "open"
    again = decision(page, f"/api/review/{pair}/undo", {"reason": "lagi"})
    assert (again.status_code, "nothing to undo" in again.json()["detail"]) == (409, True)


def test_a_decision_from_elsewhere_or_by_others_is_refused(page: Page, pair: str) -> None:
    path, body = f"/api/review/{pair}/decision", {"decision": "same", "reason": "x"}
    assert decision(page, path, body, "dabo").status_code == 403
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "", "Origin": "https://elsewhere.example"},
        {"Sec-Fetch-Site": ""},
        {"Content-Type": "text/plain"},
    ):
        assert decision(page, path, body, **headers).status_code == 403, headers
    for wrong in ({"decision": "same"}, {"decision": "same", "reason": ""}, {"decision": "undone", "reason": "x"}):
        assert decision(page, path, wrong).status_code == 422
    assert decision(page, "/api/review/ffffffff/decision", body).status_code == 404
    assert page.world.value("select count(*) from vault.match_decision where decision = 'same'") == 0


# Action lists by name.


def action_list(page: Page, need: tuple[str, str], name: str = "admin", **more: str) -> httpx.Response:
    asked = {"village": need[0], "sector": need[1], "purpose": "kunjungan rumah", **more}
    return decision(page, "/api/action-lists", asked, name)


@pytest.fixture
def need(page: Page, village: str) -> tuple[str, str]:
    """The village and a sector that has something to do there."""
    found = page.all_rows("/api/action-lists", search=village)
    return village, max(found, key=lambda row: (row["needs"], row["sector"]))["sector"]


def test_the_choice_of_lists_counts_what_they_hold(page: Page) -> None:
    found = page.all_rows("/api/action-lists")
    expected = "select village_code, sector, count(*) as needs from service.action_list group by 1, 2"
    same([only("village_code", "sector", "needs")(row) for row in found], page.world.rows(expected))


def test_a_list_names_the_families_of_the_warehouse_and_the_read_is_recorded(page: Page, need: tuple[str, str]) -> None:
    answer = action_list(page, need)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-store")
    assert answer.headers["content-disposition"] == f'attachment; filename="action_list_{need[0]}_{need[1]}.xlsx"'
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0]
    heading = int(str(sheet.print_title_rows).rpartition("$")[2])
    shown = [(row[2].value, row[4].value) for row in sheet.iter_rows(min_row=heading + 1)]
    query = "select head_name, family_code from service.action_list where village_code = :village and sector = :sector"
    rows = page.world.rows(query, village=need[0], sector=need[1])
    assert sorted(shown) == sorted((row["head_name"] or "–", row["family_code"]) for row in rows)
    recorded = page.world.rows("select * from ops.access_log order by access_id desc limit 2")
    assert {row["purpose"] for row in recorded} == {"kunjungan rumah (page Kampung KB, user admin)"}
    assert {(row["role"], row["subject"]) for row in recorded} == {
        ("kkb_steward", "service.action_list"),
        ("kkb_steward", "service.family_contact"),
    }


def test_a_village_office_gets_the_lists_of_its_own_village_from_the_warehouse_itself(
    page: Page, need: tuple[str, str]
) -> None:
    assert {row["village_code"] for row in page.all_rows("/api/action-lists", "dabo")} == {need[0]}
    assert action_list(page, need, "dabo").status_code == 200
    assert page.world.value("select role from ops.access_log order by access_id desc limit 1") == "kkb_village"
    assert page.world.value("select count(*) from core.role_region") == 0
    other = next(row for row in page.all_rows("/api/action-lists") if row["village_code"] != need[0])
    assert action_list(page, (other["village_code"], other["sector"]), "dabo").status_code == 404
    with reading(page.world.engine, Reader(name="dabo", role="village", region=need[0]), personal=True) as view:
        seen = view.connection.execute(sqlalchemy.text("select distinct village_code from service.action_list"))
        assert set(seen.scalars()) == {need[0]}, "whatever the statement asks for"


def test_a_list_opens_with_the_password_given_else_with_the_recipients(page: Page, need: tuple[str, str]) -> None:
    path = page.world.home / "recipients.yaml"
    path.write_text("recipients: [{name: office, password: kept for them}]", encoding="utf-8")
    path.chmod(0o600)
    try:
        for given, password in (({}, "kept for them"), ({"password": "typed today"}, "typed today")):
            locked = msoffcrypto.OfficeFile(io.BytesIO(action_list(page, need, **given).content))
            locked.load_key(password=password, verify_password=True)
    finally:
        path.unlink()


def test_others_and_orders_without_a_purpose_get_no_list(page: Page, need: tuple[str, str]) -> None:
    before = page.world.value("select count(*) from ops.access_log")
    for name in ("singkep", "reader"):
        assert action_list(page, need, name).status_code == 403
        assert page.status("/api/action-lists", name) == 403
    for wrong in ({"purpose": ""}, {"password": "short"}, {"sector": "../x"}, {"village": "21"}):
        assert action_list(page, need, **wrong).status_code == 422, wrong
    elsewhere = decision(page, "/api/action-lists", {}, "admin", **{"Sec-Fetch-Site": "cross-site"})
    assert elsewhere.status_code == 403
    assert page.world.value("select count(*) from ops.access_log") == before


# Every figure equals a query on the marts.


def test_the_overview_shows_the_regency_on_both_bases_load_by_load(page: Page) -> None:
    found = page.get("/api/overview")
    columns = "basis, families, ketentraman, kemandirian, kebahagiaan, ibangga, category, rentan, berkembang, tangguh"
    same(
        found["areas"],
        page.world.rows(
            f"select as_of, regency_code as code, regency as name, {columns}, stale_sources from mart.regency_index"
        ),
    )
    assert len({row["as_of"] for row in found["areas"]}) == 2
    same(found["freshness"], page.world.rows(f"select * from mart.source_freshness where {LATEST}"))
    assert found["load"]["run_id"] == "second"


def test_kampung_kb_and_the_other_villages_stand_beside_each_other(page: Page) -> None:
    found = page.get("/api/overview")["kampung_kb"]
    expected = page.world.rows(
        f"""
        select village.kampung_kb, family.basis, count(distinct village.village_code) as villages,
            count(*) as families, avg(family.ibangga) as ibangga,
            count(*) filter (where family.category = 'rentan') as rentan,
            count(*) filter (where family.category = 'berkembang') as berkembang,
            count(*) filter (where family.category = 'tangguh') as tangguh
        from mart.family_index as family
        join mart.village_index as village using (village_code, basis)
        where village.{LATEST}
        group by 1, 2
        """
    )
    keys = only("kampung_kb", "basis", "families", "rentan", "berkembang", "tangguh")
    same([keys(row) for row in found if row["families"]], [keys(row) for row in expected])
    mean = {(row["kampung_kb"], row["basis"]): row["ibangga"] for row in expected}
    for row in found:
        assert row["ibangga"] == (pytest.approx(mean[row["kampung_kb"], row["basis"]]) if row["families"] else None)


@pytest.mark.parametrize("basis", ["survey", "integrated"])
def test_the_villages_are_those_of_the_mart(page: Page, basis: str) -> None:
    found = page.all_rows("/api/villages", basis=basis)
    changes = {row["village_code"]: row.pop("change") for row in found}
    same(
        found,
        page.world.rows(
            "select village_code, village, district, kampung_kb, families, ketentraman, kemandirian, kebahagiaan, "
            f"ibangga, category, rentan, berkembang, tangguh from mart.village_index where {LATEST} and basis = :basis",
            basis=basis,
        ),
    )
    expected = page.world.rows(
        "select village_code, ibangga - lag(ibangga) over (partition by village_code order by as_of) as change, as_of "
        "from mart.village_index where basis = :basis order by as_of",
        basis=basis,
    )
    assert changes == {row["village_code"]: row["change"] for row in expected}
    assert any(changes.values())


def test_villages_can_be_filtered_and_found(page: Page, village: str) -> None:
    marked = page.all_rows("/api/villages", kampung_kb="yes")
    assert marked and all(row["kampung_kb"] for row in marked)
    assert len(marked) + len(page.all_rows("/api/villages", kampung_kb="no")) == page.get("/api/villages")["total"]
    district = page.all_rows("/api/villages", district=village[:6])
    assert district and all(row["village_code"].startswith(village[:6]) for row in district)
    name = next(row["village"] for row in district if row["village_code"] == village)
    assert village in {row["village_code"] for row in page.all_rows("/api/villages", search=name.upper())}
    assert [row["village_code"] for row in page.all_rows("/api/villages", search=village)] == [village]


def test_the_districts_are_those_of_the_mart(page: Page) -> None:
    expected = page.world.rows(
        "select district_code, district, families, ketentraman, kemandirian, kebahagiaan, ibangga, category, rentan, "
        f"berkembang, tangguh from mart.district_index where {LATEST} and basis = 'survey'"
    )
    same(page.get("/api/districts", basis="survey"), expected)


def test_a_village_is_shown_with_its_trend_and_every_indicator(page: Page, village: str) -> None:
    found = page.get(f"/api/villages/{village}")
    same(found["trend"], page.world.rows("select * from mart.village_index where village_code = :code", code=village))
    keys = only("indicator", "basis", "applicable", "achieved", "share")
    coverage = page.world.rows("select * from mart.indicator_coverage where village_code = :code", code=village)
    same([keys(row) for row in found["indicators"]], [keys(row) for row in coverage])
    whole = page.world.rows(
        "select indicator, basis, sum(achieved)::float8 / nullif(sum(applicable), 0) as region_share "
        "from mart.indicator_coverage group by 1, 2"
    )
    same([only("indicator", "basis", "region_share")(row) for row in found["indicators"]], whole)
    assert all(row["unmet"] == row["applicable"] - row["achieved"] for row in found["indicators"])
    assert page.status("/api/villages/9999999999") == 404


@pytest.mark.parametrize(
    ("part", "mart", "columns"),
    [
        ("functions", "family_function", "function, basis, applicable, achieved, share"),
        ("life_cycle", "life_cycle", "life_cycle, persons, families, insured_share"),
        ("programmes", "programme_coverage", "programme, eligible, participating, share"),
        ("needs", "sector_action", "sector, need, families, persons"),
    ],
)
def test_every_part_of_a_village_is_its_mart(page: Page, village: str, part: str, mart: str, columns: str) -> None:
    expected = page.world.rows(f"select {columns} from mart.{mart} where village_code = :code", code=village)
    assert expected, "something to compare"
    same(page.get(f"/api/villages/{village}")[part], expected)


@pytest.mark.parametrize(("name", "table"), [("admin", "mart"), ("reader", "open")])
def test_the_tiles_are_the_villages_in_their_districts(page: Page, name: str, table: str) -> None:
    columns = "village_code, village, district, kampung_kb, ibangga, category"
    latest = f"where {LATEST} and basis = 'survey'" if table == "mart" else ""
    found = page.get("/api/tiles", name, basis="survey")
    same(found, page.world.rows(f"select {columns} from {table}.village_index {latest}"))
    assert [row["district"] for row in found] == sorted(row["district"] for row in found)


def test_sources_and_loads_are_those_of_the_runs(page: Page) -> None:
    loads = page.all_rows("/api/loads")
    columns = "run_id, as_of, status"
    same(
        [only("run_id", "as_of", "status")(row) for row in loads],
        page.world.rows(f"select {columns} from ops.load_run"),
    )
    sources = page.get("/api/sources")["sources"]
    fresh = page.world.rows(f"select source, snapshot_date, stale from mart.source_freshness where {LATEST}")
    same([only("source", "snapshot_date", "stale")(row) for row in sources], fresh)


def test_quality_by_village_is_the_mart_and_one_village_alone_gives_its_own_score(page: Page, village: str) -> None:
    for source in ("family_survey", "civil_registry"):
        found = page.all_rows("/api/quality/villages", source=source)
        scores = [
            {"village_code": row["village_code"], "dimension": dimension, "score": row[dimension]}
            for row in found
            for dimension in ("overall", *queries.QUALITY_COLUMNS[4:10])
            if row[dimension] is not None
        ]
        expected = f"select village_code, dimension, score from mart.data_quality where {LATEST} and source = :source"
        same(scores, page.world.rows(expected, source=source))
    whole = page.get("/api/quality")["scores"]
    columns = "as_of, source, dimension, score, checked, failed"
    same(whole, page.world.rows(f"select {columns} from mart.data_quality_source"))
    own = page.get("/api/quality", "dabo")["scores"]
    expected = (
        "select as_of, source, dimension, score, checked, failed from mart.data_quality where village_code = :code"
    )
    same(own, page.world.rows(expected, code=village))


def test_rules_and_what_changed_are_those_of_the_warehouse(page: Page) -> None:
    found = page.all_rows("/api/quality/rules")
    same(
        [only("source", "rule", "checked", "failed")(row) for row in found],
        page.world.rows(
            "select source, rule, sum(checked)::bigint as checked, sum(failed)::bigint as failed "
            "from ops.check_result where run_id = 'second' group by 1, 2"
        ),
    )
    changed = "sum(new_problems)::bigint as new_problems, sum(still_open)::bigint as still_open"
    expected = page.world.rows(
        f"select source, {changed}, sum(resolved)::bigint as resolved, max(compared_with) as compared_with, "
        f"max(open_days) as oldest_days from mart.data_quality_change where {LATEST} group by source"
    )
    same(page.get("/api/quality")["changes"], expected)
    totals = {key: sum(row[key] for row in expected) for key in ("new_problems", "still_open", "resolved")}
    assert totals == {key: sum(row[key] for row in found) for key in totals}
    assert all(totals.values())


def test_the_quarantine_is_whole_and_its_filters_count_right(page: Page, village: str) -> None:
    found = page.all_rows("/api/quarantine")
    columns = "source, source_table, row_key, village_code, rule, action, column_name, reason, file, sheet, row_number"
    keys = only(*columns.split(", "))
    same([keys(row) for row in found], page.world.rows(f"select {columns} from ops.quarantine"))
    assert {row["first_seen"] for row in found} == {
        row["first_seen"].isoformat()
        for row in page.world.rows("select first_seen from core.quarantine_history where resolved_on is null")
    }
    facets = page.get("/api/quarantine/facets")
    for kind, choices in facets.items():
        assert sum(choice["findings"] for choice in choices) == len(found)
        first = choices[0]
        assert page.get("/api/quarantine", **{kind: first["value"]})["total"] == first["findings"]
    assert page.get("/api/quarantine", village=village)["total"] == page.world.value(
        "select count(*) from ops.quarantine where village_code = :code", code=village
    )


def test_each_source_shows_what_it_delivered(page: Page) -> None:
    counts = page.world.value("select counts from ops.load_run where run_id = 'second'")
    found = {row["source"]: row for row in page.get("/api/sources")["sources"]}
    assert found.keys() == counts.keys()
    for source, row in found.items():
        assert only("read", "accepted", "rejected", "nulled")(row) == counts[source]["total"]
        assert (row["snapshot_date"], row["linked"]) == (counts[source]["snapshot"], counts[source]["linked"])
    assert [row["run_id"] for row in page.all_rows("/api/loads")] == ["second", "first"]


# Lists.


@pytest.mark.parametrize("path", LISTS)
def test_a_list_can_be_sorted_by_each_of_its_columns_in_both_directions(page: Page, path: str) -> None:
    for column in LISTS[path]:
        for descending in (False, True):
            rows = page.get(path, sort=column, descending=descending, size=200)["rows"]
            values = [row[column] for row in rows]
            present = [value for value in values if value is not None]
            assert values[: len(present)] == present, "missing values stand last"
            if present and not isinstance(present[0], str):
                assert present == sorted(present, reverse=descending), (path, column)


@pytest.mark.parametrize("column", queries.QUARANTINE_COLUMNS)
@pytest.mark.parametrize("descending", [False, True])
def test_pages_of_the_quarantine_continue_each_other_in_any_order(page: Page, column: str, descending: bool) -> None:
    findings = page.all_rows("/api/quarantine", sort=column, descending=descending)
    values = [row[column] for row in findings]
    present = [value for value in values if value is not None]
    columns = ", ".join(("source", "source_table", "row_key", "rule", "column_name"))
    keys = only(*columns.split(", "))
    same([keys(row) for row in findings], page.world.rows(f"select {columns} from ops.quarantine"))
    assert values == sorted(present, reverse=descending) + [None] * (len(values) - len(present))


@pytest.mark.parametrize("path", LISTS)
def test_only_known_columns_sort_and_pages_have_bounds(page: Page, path: str) -> None:
    for wrong in ({"sort": 'ibangga"; drop table x'}, {"page": 0}, {"size": 201}, {"sort": "row_key"}):
        assert page.status(path, **wrong) == 422


@pytest.mark.parametrize("text", ["' or '1' = '1", "%", "_", "\\", "'; drop table mart.village_index; --"])
def test_a_search_is_text_and_nothing_else(page: Page, text: str) -> None:
    expected = "select count(*) from ops.quarantine q left join core.dim_region r on q.village_code = r.code where "
    joined = "concat_ws(' ', r.name, q.file, q.column_name, q.reason)"
    found = page.get("/api/quarantine", search=text)["total"]
    assert found == page.world.value(f"{expected} strpos(lower({joined}), lower(:text)) > 0", text=text)
    assert page.get("/api/villages", search=text)["total"] == 0
    assert page.status("/api/villages/" + text.replace("/", "")) == 404


WORDS = (
    "' or '1'='1",
    "'; drop table mart.village_index; --",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "\x00",
)


def test_no_parameter_of_any_route_is_read_as_sql_or_as_a_path(page: Page) -> None:
    """The parameters are those of the application, so that a new one is tried too."""
    before = page.world.rows("select * from mart.village_index")
    tried = Counter[str]()
    with page.asked_by("admin") as client:
        for asked, hostile in itertools.product(routes(page), WORDS):
            whole = get_flat_dependant(asked.route.dependant)
            values = {"name": "index.html", "code": "2104011001", "key": "abcd1234"}
            body = {name: "x" for each in whole.body_params for name in each.field_info.annotation.model_fields}
            hidden = [(values | {each.alias: quote(hostile, safe="/%")}, {}, body) for each in whole.path_params]
            hidden += [(values, {each.alias: hostile}, body) for each in whole.query_params]
            hidden += [(values, {}, body | {name: hostile}) for name in body]
            for path, query, posted in hidden:
                address = asked.template.replace(":path", "").format_map(path)
                headers = {"Sec-Fetch-Site": "same-origin"}
                answer = client.request(asked.method, address, params=query, json=posted or None, headers=headers)
                assert answer.status_code in (200, 404, 409, 422), (asked.template, query, posted)
                assert b"root:" not in answer.content
                tried[asked.template] += 1
    assert len(tried) > 10
    assert page.world.rows("select * from mart.village_index") == before


# A village office sees its village.


def test_a_village_office_sees_its_village_in_every_route(page: Page, village: str) -> None:
    other = page.world.value(
        "select min(village_code) from mart.village_index where village_code <> :code", code=village
    )
    overview = page.get("/api/overview", "dabo")
    assert {row["code"] for row in overview["areas"]} == {village}
    assert {row["villages"] for row in overview["kampung_kb"]} == {1}
    assert [row["village_code"] for row in page.all_rows("/api/villages", "dabo")] == [village]
    assert page.get("/api/villages", "dabo", district=other[:6], search=other)["total"] == 0
    assert page.get("/api/districts", "dabo") == []
    assert page.status(f"/api/villages/{other}", "dabo") == 404
    shares = page.get(f"/api/villages/{village}", "dabo")["indicators"]
    assert all(row["share"] == pytest.approx(row["region_share"]) for row in shares if row["applicable"])
    assert {row["village_code"] for row in page.all_rows("/api/quality/villages", "dabo")} == {village}
    assert page.get("/api/quality/rules", "dabo", village=other)["total"] == 0
    assert {row["village_code"] for row in page.all_rows("/api/quarantine", "dabo")} == {village}
    assert page.get("/api/quarantine", "dabo", village=other)["total"] == 0
    assert [choice["value"] for choice in page.get("/api/quarantine/facets", "dabo")["village"]] == [village]
    with page.asked_by("dabo") as client:
        book = openpyxl.load_workbook(io.BytesIO(client.get("/api/quarantine.xlsx").content))
    expected = "select count(*) from ops.quarantine where village_code = :code"
    assert book.worksheets[0].max_row - 1 == page.world.value(expected, code=village)


def test_a_region_bounds_other_roles_too(page: Page, village: str) -> None:
    assert {row["code"] for row in page.get("/api/overview", "singkep")["areas"]} == {village[:6]}
    found = page.all_rows("/api/villages", "singkep")
    assert {row["village_code"][:6] for row in found} == {village[:6]}


# What comes from files is text.


def test_a_hostile_file_name_is_text_in_answers_and_in_the_workbook(page: Page) -> None:
    found = page.get("/api/quarantine", search="<img src=x", size=200)
    assert found["total"] > 0
    assert all(row["file"].endswith(HOSTILE) for row in found["rows"])
    with page.asked_by("admin") as client:
        answer = client.get("/api/quarantine.xlsx", params={"search": "<img src=x"})
    assert answer.headers["content-disposition"] == 'attachment; filename="quarantine.xlsx"'
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    rows = list(book.worksheets[0].iter_rows(min_row=2))
    assert len(rows) == found["total"]
    assert not [cell for row in rows for cell in row if cell.data_type == "f"]
    places = [row[1] for row in rows]
    assert all(cell.value.endswith(HOSTILE) for cell in places)
    assert all(cell.quotePrefix for cell in places if cell.value.startswith("="))


def test_the_workbook_says_where_what_and_what_to_do_in_both_languages(page: Page) -> None:
    headings = {}
    for language in ("id", "en"):
        with page.asked_by("admin") as client:
            answer = client.get("/api/quarantine.xlsx", params={"rule": "F03", "language": language})
        sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0]
        headings[language] = [cell.value for cell in sheet[1]]
        assert sheet.max_row - 1 == page.world.value("select count(*) from ops.quarantine where rule = 'F03'") > 0
        fixes = {row[8].value for row in sheet.iter_rows(min_row=2)}
        assert fixes == {page.get("/api/words")["rules"]["F03"]["fix"][language]}
        assert (sheet.freeze_panes, sheet.print_title_rows) == ("A2", "$1:$1")
    assert headings["id"][1] == "berkas" and headings["en"][1] == "file"


def test_only_the_files_of_the_page_are_served_and_they_load_from_nowhere_else(page: Page) -> None:
    with page.asked_by("admin") as client:
        for name in ("../app.py", "..%2Fapp.py", "js/../../app.py", "/etc/passwd", ""):
            assert client.get(f"/assets/{name}").status_code == 404, name
        start = client.get("/")
        policy = start.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        served = re.findall(r'(?:href|src)="(assets/[^"]+)"', start.text)
        assert served and all(client.get(f"/{name}").status_code == 200 for name in served)
    from kampungkb.ui.app import ASSETS

    for path in ASSETS.values():
        outside = re.findall(r"https?://[^\s\"']+", path.read_text(encoding="utf-8"))
        assert set(outside) <= {"http://www.w3.org/2000/svg"}, path


def test_data_docs_are_shown_to_readers_of_the_whole_warehouse_and_nothing_else_of_the_home_is(page: Page) -> None:
    from kampungkb.settings import load_settings
    from kampungkb.validation.data_docs import build

    build(load_settings())
    index = page.get("/api/quality", "admin")["data_docs"]
    with page.asked_by("admin") as client:
        start = client.get(f"/data-docs/{index}")
        linked = {href for href in re.findall(r'href="([^"#]+\.html)"', start.text) if not href.startswith("http")}
        assert linked and all(client.get(f"/data-docs/{href}").status_code == 200 for href in linked)
        assert start.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
        for name in (
            "../access.yaml",
            "..%2Faccess.yaml",
            "%2e%2e/access.yaml",
            "/etc/passwd",
            "",
            "expectations",
            "%00.html",
        ):
            assert client.get(f"/data-docs/{name}").status_code == 404, name
    assert page.get("/api/quality", "dabo")["data_docs"] is None
    assert page.status(f"/data-docs/{index}", "dabo") == 404
    assert page.status(f"/data-docs/{index}", "reader") == 403


def test_only_the_match_review_reads_personal_data(page: Page) -> None:
    statements = Path(queries.__file__).parents[3] / "include" / "sql" / "ui"
    personal = [path.name for path in statements.glob("*.sql") if re.search(r"\b(vault|service)\.", path.read_text())]
    assert sorted(personal) == ["review_list.sql", "review_pair.sql"]


def test_an_empty_warehouse_is_said_in_one_sentence(page: Page, warehouse_connection: Connection) -> None:
    from kampungkb.ui.session import warehouse_engine

    engine = engine_of(warehouse_connection)
    page.app.dependency_overrides[warehouse_engine] = lambda: engine
    with page.asked_by("admin") as client:
        answers = [client.get(path) for path in ("/api/overview", "/api/villages", "/api/quality", "/api/sources")]
    engine.dispose()
    assert {answer.status_code for answer in answers} == {503}
    assert all("nothing to show yet" in answer.json()["detail"] for answer in answers)


def test_answers_stay_out_of_caches(page: Page) -> None:
    with page.asked_by("admin") as client:
        assert client.get("/api/quarantine").headers["cache-control"] == "private, no-store"
