"""Airflow's own metrics, switched as the deployment's variables do: a real scheduler, a real HTTP receiver."""

import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from kampungkb.orchestration.environment import airflow_environment
from kampungkb.orchestration.nightly import prepare_airflow
from kampungkb.orchestration.processes import running
from kampungkb.settings import Settings
from tests.deployment.conftest import SERVICES

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def stated(values: Mapping[str, str]) -> dict[str, str]:
    """The scheduler's variables of telemetry, with these values of `.env`."""
    variables = {
        name: str(value)
        for name, value in SERVICES["scheduler"]["environment"].items()
        if name.startswith(("OTEL_", "AIRFLOW__METRICS__"))
    }
    return {
        name: re.sub(r"\$\{(\w+):-([^}]*)\}", lambda part: values.get(part[1], part[2]), value)
        for name, value in variables.items()
    }


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    heard: list[tuple[str, bytes]] = []

    class Collect(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *told: object) -> None:
            """Stay quiet."""

    server = HTTPServer(("127.0.0.1", 0), Collect)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", heard
    finally:
        server.shutdown()
        server.server_close()


def test_a_collector_that_is_named_hears_of_the_scheduler(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "airflow.log"
    with collector() as (address, heard):
        telemetry = stated({"OTEL_METRICS": "True", "OTEL_ENDPOINT": address})
        variables = {**airflow_environment(settings, os.environ), **telemetry, "OTEL_METRIC_EXPORT_INTERVAL": "500"}
        prepare_airflow(settings, variables, log, lambda key: None)
        with running([sys.executable, "-m", "airflow", "scheduler"], variables, log):
            patience = time.monotonic() + 120
            while not any(b"airflow.scheduler" in body for _, body in heard):
                assert time.monotonic() < patience, log.read_text()[-3000:]
                time.sleep(0.2)
    assert {path for path, _ in heard} == {"/v1/metrics"}
    assert any(b"kampungkb" in body for _, body in heard)


def test_without_it_nothing_is_sent() -> None:
    assert stated({})["AIRFLOW__METRICS__OTEL_ON"] == "False"
