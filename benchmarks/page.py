"""The routes of the page at the size of a province: milliseconds each, over a warehouse grown from a loaded one.

Takes a home that has been loaded (`make run`), copies its warehouse on its embedded server, and repeats what the page
reads, region by region, until there are `--villages` villages; `--quarantine` findings stand in quarantine. Then each
route is asked as a steward, in this process, without a network; with `--browser`, each view is opened in chromium and
used too (`make test-browser` installs what that needs). Figures only; nothing is asserted. The copy stays until the
next run.

    KAMPUNGKB_HOME=var python benchmarks/page.py --villages 1600 --quarantine 170000 --browser
"""

import argparse
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from psycopg import sql
from sqlalchemy import Engine, create_engine

from kampungkb.settings import load_settings
from kampungkb.warehouse import embedded

DATABASE = "page_benchmark"
ROUTES = {
    "page": "/",
    "words": "/api/words",
    "overview": "/api/overview",
    "districts": "/api/districts",
    "villages, first page": "/api/villages",
    "villages, by another column, last page": "/api/villages?sort=tangguh&descending=true&page=60",
    "villages, searched": "/api/villages?search=desa",
    "villages, tiles": "/api/tiles",
    "one village": "/api/villages/2104011001",
    "quality": "/api/quality",
    "quality, heat map": "/api/quality/villages?sort=validity",
    "quality, rules": "/api/quality/rules",
    "quarantine, first page": "/api/quarantine",
    "quarantine, by file, far page": "/api/quarantine?sort=file&page=5000",
    "quarantine, by row, far page": "/api/quarantine?sort=row_number&page=5000",
    "quarantine, searched, 1 in 3 found": "/api/quarantine?search=NIK",
    "quarantine, searched, nothing found": "/api/quarantine?search=zzzz",
    "quarantine, filters": "/api/quarantine/facets",
    "sources": "/api/sources",
    "action lists": "/api/action-lists",
    "match review": "/api/review",
}
VIEWS = ("overview", "villages", "villages/2104011001", "quality", "quarantine", "sources", "actions", "review")
# What people do in a view: its name, the view, and what is done to the page.
USES = {
    "overview: open the data quality": ("overview", lambda page: page.click('nav a[href="#/quality"]')),
    "overview: open the quarantine": ("overview", lambda page: page.click('nav a[href="#/quarantine"]')),
    "villages: sort": ("villages", lambda page: page.click('button[data-sort="tangguh"]')),
    "villages: Kampung KB only": ("villages", lambda page: page.select_option("#kampung-kb", "yes")),
    "villages: next page": ("villages", lambda page: page.locator(".pager button").last.click()),
    "quarantine: sort": ("quarantine", lambda page: page.click('button[data-sort="rule"]')),
    "quarantine: one source": ("quarantine", lambda page: page.select_option("#filter-source", "civil_registry")),
    "quarantine: next page": ("quarantine", lambda page: page.locator(".pager button").last.click()),
    "quality: sort": ("quality", lambda page: page.locator('button[data-sort="validity"]').first.click()),
}
SETTLED = """() => document.querySelector('main[aria-busy="false"] h1')
    && !document.querySelector('.serverlist[aria-busy="true"]')
    && document.querySelector('main').dataset.address === location.hash.split('?')[0]"""
# The moment at which the page is told of a use: what a browser's driver does before it is not the page's.
WATCHED = """() => ['click', 'change'].forEach((kind) =>
    addEventListener(kind, (event) => { window.usedAt ??= event.timeStamp; }, { capture: true }))"""
# Tables with a village code (or another code of a region) that are repeated for each further regency.
REPEATED = {
    "core.dim_region": "code",
    "core.kampung_kb": "village_code",
    "mart.village_index": "village_code",
    "mart.district_index": "district_code",
    "mart.regency_index": "regency_code",
    "mart.indicator_coverage": "village_code",
    "mart.data_quality": "village_code",
    "ops.check_result": "village_code",
}
CODE = """case
    when {0} ~ '^[0-9]{{4,}}$'
        then substr({0}, 1, 2) || lpad((substr({0}, 3, 2)::integer + {1})::text, 2, '0') || substr({0}, 5)
    else {0}
end"""


def _columns(connection: psycopg.Connection, table: str) -> list[str]:
    schema, name = table.split(".")
    found = connection.execute(
        "select column_name from information_schema.columns where table_schema = %s and table_name = %s "
        "order by ordinal_position",
        [schema, name],
    )
    return [row[0] for row in found]


def grow(connection: psycopg.Connection, villages: int, findings: int) -> None:
    """Repeat the regency until there are so many villages, and the quarantine until there are so many findings."""
    one = connection.execute("select count(distinct village_code) from mart.village_index").fetchone()
    times = max(1, round(villages / one[0])) - 1 if one else 0
    for table, code in REPEATED.items():
        columns = _columns(connection, table)
        values = [CODE.format(column, "step") if column in (code, "parent") else column for column in columns]
        long_enough = f"length({code}) >= 4 and {code} ~ '^[0-9]+$'"
        connection.execute(
            f"insert into {table} ({', '.join(columns)}) select {', '.join(values)} "
            f"from {table}, generate_series(1, {times}) as step where {long_enough}"
        )
    standing = connection.execute("select count(*) from ops.quarantine").fetchone()
    copies = max(1, round(findings / standing[0])) - 1 if standing else 0
    for table in ("core.quarantine_spell", "ops.quarantine_row"):
        columns = _columns(connection, table)
        moved = CODE.format("village_code", f"step % {times + 1}")
        values = [{"row_key": "row_key || '-' || step", "village_code": moved}.get(name, name) for name in columns]
        connection.execute(
            f"insert into {table} ({', '.join(columns)}) select {', '.join(values)} "
            f"from {table}, generate_series(1, {copies}) as step"
        )


def measure(client: TestClient, tries: int) -> Iterator[tuple[str, float, float, int]]:
    """Route, median and slowest milliseconds, and the size of the answer."""
    for name, path in ROUTES.items():
        spent = []
        for _ in range(tries):
            begun = time.perf_counter()
            answer = client.get(path)
            spent.append(1000 * (time.perf_counter() - begun))
            if answer.status_code != 200:
                raise SystemExit(f"{path}: {answer.status_code} {answer.text}")
        yield name, statistics.median(spent), max(spent), len(answer.content)


def main() -> None:
    """Grow, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--villages", type=int, default=1600)
    parser.add_argument("--quarantine", type=int, default=170_000)
    parser.add_argument("--tries", type=int, default=7)
    parser.add_argument("--browser", action="store_true", help="open and use the page in chromium too")
    given = parser.parse_args()
    with embedded.running(load_settings()) as server:
        with psycopg.connect(server.uri("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(DATABASE)))
            connection.execute(
                sql.SQL("create database {} template {}").format(
                    sql.Identifier(DATABASE), sql.Identifier(embedded.WAREHOUSE_DATABASE)
                )
            )
        with psycopg.connect(server.uri(DATABASE), autocommit=True) as connection:
            grow(connection, given.villages, given.quarantine)
            connection.execute("analyze")
        print(f"warehouse: {server.uri(DATABASE).split('@')[1]}")
        engine = create_engine(server.url(DATABASE), pool_pre_ping=True)
        app = _app(engine)
        _report(app, engine, given.tries)
        if given.browser:
            _paint(app, given.tries)
        engine.dispose()


def _app(engine: Engine) -> FastAPI:
    """The page for a steward, without Airflow around it."""
    from kampungkb.ui.access import Reader
    from kampungkb.ui.app import create_app
    from kampungkb.ui.session import current_reader, may_read_dag, warehouse_engine

    app = create_app()
    app.dependency_overrides |= {
        current_reader: lambda: Reader(name="benchmark", role="steward"),
        may_read_dag: lambda: None,
        warehouse_engine: lambda: engine,
    }
    return app


def _report(app: FastAPI, engine: Engine, tries: int) -> None:
    with engine.connect() as connection:
        for table in ("mart.village_index", "ops.quarantine", "ops.check_result", "mart.indicator_coverage"):
            rows = connection.exec_driver_sql(f"select count(*) from {table}").scalar_one()
            print(f"{table:<26} {rows:>10,} rows")
    print(f"\n{'route':<42} {'median ms':>10} {'slowest':>9} {'kB':>7}")
    for name, median, slowest, size in measure(TestClient(app), tries):
        print(f"{name:<42} {median:>10.1f} {slowest:>9.1f} {size / 1000:>7.1f}")


def _paint(app: FastAPI, tries: int) -> None:
    """Milliseconds to the first paint and to the whole view, and from a use of a view to its new state."""
    from playwright.sync_api import sync_playwright

    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        print(f"\n{'view in chromium':<42} {'paint ms':>10} {'whole':>9}")
        for view in VIEWS:
            paints, wholes = zip(*(_opened(page, f"{url}#/{view}") for _ in range(tries)), strict=True)
            print(f"{view:<42} {statistics.median(paints):>10.0f} {statistics.median(wholes):>9.0f}")
        print(f"\n{'use in chromium':<42} {'median ms':>10} {'slowest':>9}")
        for name, (view, use) in USES.items():
            spent = [_used(page, f"{url}#/{view}", use) for _ in range(tries)]
            print(f"{name:<42} {statistics.median(spent):>10.0f} {max(spent):>9.0f}")
        browser.close()
    server.should_exit = True


def _opened(page: Any, address: str) -> tuple[float, float]:
    page.goto("about:blank")
    begun = time.perf_counter()
    page.goto(address)
    _settle(page)
    whole = 1000 * (time.perf_counter() - begun)
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
    return paint, whole


def _used(page: Any, address: str, use: Any) -> float:
    _opened(page, address)
    page.evaluate(WATCHED)
    use(page)
    _settle(page)
    return float(page.evaluate("performance.now() - window.usedAt"))


def _settle(page: Any) -> None:
    """Wait until the view stands; the page's content policy forbids what playwright does for that."""
    while not page.evaluate(SETTLED):
        time.sleep(0.005)


if __name__ == "__main__":
    main()
