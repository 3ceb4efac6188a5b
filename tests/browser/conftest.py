"""A running Airflow with the page in it, over two loads of a small sample, and a browser that is logged in.

Needs playwright (the extra `browser`) and Debian's chromium; skipped where they are absent, except under
`make test-browser`. Screenshots and downloads are kept under `var/test-browser`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from kampungkb.run import today
from kampungkb.settings import PROJECT_ROOT, Settings
from kampungkb.warehouse import embedded
from tests.conftest import discard_server
from tests.ports import free_port
from tests.schedules import HARDLY_EVER

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = os.environ.get("KAMPUNGKB_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
REQUIRED = os.environ.get("KAMPUNGKB_TEST_BROWSER") == "required"
KEPT = PROJECT_ROOT / "var" / "test-browser"
READY_SECONDS = 240
WAIT_SECONDS = 20


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass
class Airflow:
    """Where the running Airflow is, and how to ask its warehouse."""

    url: str
    home: Path
    environment: dict[str, str]

    def password(self, user: str) -> str:
        passwords: dict[str, str] = json.loads((self.home / "airflow" / "passwords.json").read_text(encoding="utf-8"))
        return passwords[user]

    def sql(self, query: str) -> list[list[str]]:
        """Rows of a query as text, whatever it reads; asked as the owner, who is on no record."""
        with self._connected() as connection:
            return [["" if value is None else str(value) for value in row] for row in connection.execute(query)]

    def write(self, statement: str, **values: str) -> None:
        """Change the embedded warehouse, as its owner."""
        with self._connected() as connection:
            connection.execute(statement, values)

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        with embedded.running(Settings(home=self.home)) as server, psycopg.connect(server.uri()) as connection:
            yield connection


def kampungkb(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "kampungkb", *arguments], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    home = tmp_path_factory.mktemp("browser") / "home"
    plugins = os.pathsep.join([str(PROJECT_ROOT / "plugins"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, **HARDLY_EVER, "KAMPUNGKB_HOME": str(home), "PYTHONPATH": plugins}
    before = (today() - timedelta(days=3)).isoformat()
    for as_of in (["--as-of", before], []):
        kampungkb(environment, "run", "--families", "400", *as_of)
    port = free_port()
    log = home / "up.log"
    command = [sys.executable, "-m", "kampungkb", "up", "--families", "400", "--port", str(port)]
    with log.open("w") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while f"localhost:{port}" not in log.read_text(encoding="utf-8"):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.5)
        yield Airflow(f"http://localhost:{port}", home, environment)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=90)
        discard_server(home)


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    if CHROMIUM is None:
        _absent("chromium is not installed (Debian: apt-get install chromium)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _absent("playwright is not installed (make test-browser installs it)")
    shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir(parents=True)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield started
        started.close()


def _absent(what: str) -> None:
    if REQUIRED:
        pytest.fail(what)
    pytest.skip(what)


@dataclass
class Visit:
    """A tab of a logged-in user, with everything that went wrong in it."""

    page: "Page"
    airflow: Airflow
    faults: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def open(self, view: str) -> "Page":
        """The page alone, at one of its views, once it is shown."""
        self.page.goto(f"{self.airflow.url}/kampungkb/#/{view}")
        self.page.reload()
        self.settle()
        return self.page

    def settle(self) -> None:
        self.until("[undefined, location.hash.split('?')[0]].includes(document.querySelector('main')?.dataset.address)")
        self.page.wait_for_selector('main[aria-busy="false"] h1')
        self.until("!document.querySelector('.serverlist[aria-busy=true]')")

    def until(self, expression: str) -> None:
        """Wait until an expression holds in the page; its content policy forbids what playwright does for that."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not self.page.evaluate(expression):
            assert time.monotonic() < deadline, f"not within {WAIT_SECONDS} s: {expression}"
            time.sleep(0.05)

    def keep(self, name: str) -> None:
        """Keep a screenshot of the whole page."""
        self.page.screenshot(path=KEPT / f"{name}.png", full_page=True)


def _visit(browser: "Browser", airflow: Airflow, user: str, **context: Any) -> Iterator[Visit]:
    opened = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True, **context)
    page = opened.new_page()
    page.goto(f"{airflow.url}/")
    page.fill('input[name="username"]', user)
    page.fill('input[name="password"]', airflow.password(user))
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "login" not in url)
    visit = Visit(page, airflow)
    page.on("pageerror", lambda fault: visit.faults.append(str(fault)))
    page.on("console", lambda text: visit.faults.append(text.text) if text.type == "error" else None)
    page.on(
        "request",
        lambda asked: (
            None if asked.url.startswith((airflow.url, "data:", "blob:")) else visit.elsewhere.append(asked.url)
        ),
    )
    yield visit
    opened.close()


@pytest.fixture
def steward(browser: "Browser", airflow: Airflow) -> Iterator[Visit]:
    """Airflow's admin, who is a steward where no access file says otherwise."""
    yield from _visit(browser, airflow, "admin", color_scheme="light")


@pytest.fixture
def analyst(browser: "Browser", airflow: Airflow) -> Iterator[Visit]:
    """Airflow's viewer, who is an analyst where no access file says otherwise."""
    yield from _visit(browser, airflow, "viewer", color_scheme="light")
