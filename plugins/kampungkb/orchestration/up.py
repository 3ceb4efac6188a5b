"""`kampungkb up`: Airflow's page, scheduler, DAG processor and triggerer on this machine, with the same surroundings
as `kampungkb run`, until a signal stops them all.
"""

import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen

import httpx

from kampungkb.errors import ConfigurationError
from kampungkb.lake import private_folder
from kampungkb.orchestration.environment import airflow_environment, airflow_home, password_file
from kampungkb.orchestration.journal import runs_folder
from kampungkb.orchestration.lock import alone
from kampungkb.orchestration.nightly import LOCAL_RUN, LoadFailed, prepare_airflow
from kampungkb.orchestration.processes import running, start, stop
from kampungkb.orchestration.surroundings import Say, surroundings
from kampungkb.run import today
from kampungkb.settings import Settings

PARTS = ("api-server", "scheduler", "dag-processor", "triggerer")
_REPORTING = ("metadatabase", "scheduler", "dag_processor")
_READY_SECONDS = 180.0


def serve(
    settings: Settings,
    environ: Mapping[str, str],
    port: int,
    families: int,
    say: Say,
    ready: Callable[[str, Path], None],
) -> None:
    """Keep Airflow up until a signal comes (:class:`~kampungkb.orchestration.processes.Interrupted`).

    `ready` is told the address of the page and the file with the passwords. Raises :class:`ConfigurationError` where
    the port is taken, :class:`LoadFailed` where a part of Airflow ends by itself.
    """
    with alone(settings, "up"), surroundings(settings, environ, today(), families, say) as around:
        variables = airflow_environment(settings, environ, port) | around.variables
        log = runs_folder(settings) / "up.log"
        prepare_airflow(settings, variables, log, say)
        say("up_wait")
        with running([sys.executable, str(LOCAL_RUN), "tidy"], variables, log) as tidying:
            tidying.wait()
        passwords = _passwords(settings)
        _check_port(port)
        url = variables["AIRFLOW__API__BASE_URL"]
        with ExitStack() as stack:
            parts: dict[str, Popen[bytes]] = {}
            stack.callback(lambda: stop(*parts.values()))
            for part in PARTS:
                parts[part] = start([sys.executable, "-m", "airflow", part], variables, _part_log(settings, part))
            _await_page(settings, parts, url)
            ready(url, passwords)
            while True:
                _check_parts(settings, parts)
                time.sleep(1)


def _part_log(settings: Settings, part: str) -> Path:
    return airflow_home(settings) / "logs" / f"{part}.log"


def _passwords(settings: Settings) -> Path:
    """The file of the page's users `admin` and `viewer`, with generated passwords where it is not there yet."""
    path = password_file(settings)
    if not path.exists():
        private_folder(path.parent)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            json.dump({user: secrets.token_urlsafe(12) for user in ("admin", "viewer")}, file)
    return path


def _check_port(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as fault:
            raise ConfigurationError(
                f"Port {port} cannot be used ({fault.strerror}): choose another with `kampungkb up --port` or "
                "AIRFLOW__API__PORT."
            ) from None


def _check_parts(settings: Settings, parts: Mapping[str, Popen[bytes]]) -> None:
    for part, process in parts.items():
        if (code := process.poll()) is not None:
            raise LoadFailed(f"Airflow's {part} ended by itself (exit code {code}).", _part_log(settings, part))


def _await_page(settings: Settings, parts: Mapping[str, Popen[bytes]], url: str) -> None:
    """Wait until the page answers and scheduler and DAG processor report to it."""
    deadline = time.monotonic() + _READY_SECONDS
    while not _healthy(url):
        _check_parts(settings, parts)
        if time.monotonic() > deadline:
            raise LoadFailed(f"Airflow did not get ready in {_READY_SECONDS:.0f} s.", _part_log(settings, "api-server"))
        time.sleep(0.5)


def _healthy(url: str) -> bool:
    try:
        health = httpx.get(f"{url}/api/v2/monitor/health", timeout=5).json()
    except (httpx.HTTPError, ValueError):
        return False
    return all(health.get(part, {}).get("status") == "healthy" for part in _REPORTING)
