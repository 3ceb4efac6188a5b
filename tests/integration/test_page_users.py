"""The page behind the auth manager of a deployment: real users of FAB, Airflow's own API server."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kampungkb.orchestration.environment import airflow_environment
from kampungkb.settings import Settings
from tests.ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.slow]

MANAGER = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
USERS = {"ani": "Admin", "vina": "Viewer", "tamu": "Public"}
ACCESS = """
users:
  vina: {role: village, region: "2104011001"}
airflow_roles:
  Admin: {role: steward}
  Public: {role: steward}
"""


def password(user: str) -> str:
    return f"rahasia-{user}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an API server with FAB users."""
    home = tmp_path_factory.mktemp("users") / "home"
    port = free_port()
    environment = airflow_environment(Settings(home=home), os.environ, port) | {"AIRFLOW__CORE__AUTH_MANAGER": MANAGER}
    airflow = [sys.executable, "-m", "airflow"]

    def run(*arguments: str) -> None:
        done = subprocess.run([*airflow, *arguments], env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr

    run("db", "migrate")
    for user, role in USERS.items():
        named = ["--firstname", user, "--lastname", user, "--email", f"{user}@example.org"]
        run("users", "create", "--username", user, "--password", password(user), "--role", role, *named)
    (home / "access.yaml").write_text(ACCESS, encoding="utf-8")
    log = Path(home) / "api-server.log"
    with log.open("w") as out:
        process = subprocess.Popen([*airflow, "api-server"], env=environment, stdout=out, stderr=out)
    url = environment["AIRFLOW__API__BASE_URL"]
    try:
        await_answer(url, process, log)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)


def await_answer(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 240
    while True:
        assert process.poll() is None and time.monotonic() < deadline, log.read_text(encoding="utf-8")[-3000:]
        try:
            if httpx.get(f"{url}/api/v2/version", timeout=5).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.5)


def status(url: str, user: str, path: str) -> int:
    """What the page answers to a user who logged in with a password."""
    credentials = {"username": user, "password": password(user)}
    token = httpx.post(f"{url}/auth/token", json=credentials, timeout=60).json()["access_token"]
    return httpx.get(f"{url}/kampungkb{path}", headers={"Authorization": f"Bearer {token}"}, timeout=60).status_code


def test_a_wrong_password_opens_nothing(server: str) -> None:
    wrong = httpx.post(f"{server}/auth/token", json={"username": "ani", "password": "salah"}, timeout=60)
    assert wrong.status_code == 401
    assert httpx.get(f"{server}/kampungkb/api/overview", timeout=60).status_code == 401


@pytest.mark.parametrize(
    ("user", "path", "expected"),
    [
        ("ani", "/", 200),
        # Allowed, as far as a warehouse is there to be asked: this server has none.
        ("ani", "/api/review", 503),
        ("vina", "/", 200),
        ("vina", "/api/quarantine", 503),
        ("vina", "/api/review", 403),
        # A role in access.yaml is not enough: Airflow itself keeps this one from the DAG.
        ("tamu", "/", 403),
        ("tamu", "/api/overview", 403),
    ],
)
def test_users_of_the_deployment_see_what_their_role_opens(server: str, user: str, path: str, expected: int) -> None:
    assert status(server, user, path) == expected
