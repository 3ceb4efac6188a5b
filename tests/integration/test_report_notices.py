"""What `publish_reports` tells by mail and webhook: a real run of the DAG, a real SMTP and a real HTTP server."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from kampungkb.connections import WAREHOUSE
from kampungkb.orchestration.environment import DAGS, airflow_environment, connection_variable
from kampungkb.run import Run
from kampungkb.warehouse import publish
from tests.integration.warehouse_lake import night
from tests.ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.slow]

RUN = "import sys, publish_reports as p\nfor t in p.dag.tasks: t.retries = 0\nsys.exit(p.dag.test().state != 'success')"


@dataclass
class Heard:
    """What came in: texts of mails, bodies of posts."""

    mails: list[str] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)


class Mailbox(Message):
    """Keeps title and text of each mail."""

    def __init__(self, heard: Heard) -> None:
        super().__init__()
        self.heard = heard

    def prepare_message(self, session: Any, envelope: Any) -> Any:
        return message_from_bytes(envelope.content, policy=policy.default)

    def handle_message(self, message: Any) -> None:
        self.heard.mails.append(f"{message['subject']}\n{message.get_body(('plain', 'html')).get_content()}")


@contextmanager
def listening() -> Iterator[tuple[Heard, dict[str, str]]]:
    """A mail server and a web server, and the connection that names both."""
    heard = Heard()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *told: object) -> None:
            """Stay quiet."""

    port = free_port()
    mail = Controller(Mailbox(heard), hostname="127.0.0.1", port=port)
    web = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    mail.start()
    to = f"mailto://127.0.0.1:{port}?from=warehouse@example.org&to=planner@example.org&mode=insecure"
    config = [{"path": to}, {"path": f"json://127.0.0.1:{web.server_port}/reports"}]
    connection = json.dumps({"conn_type": "apprise", "extra": {"config": config}})
    try:
        yield heard, {"AIRFLOW_CONN_REPORT_NOTICES": connection}
    finally:
        mail.stop()
        web.shutdown()
        web.server_close()


@pytest.fixture
def environment(warehouse_run: Run) -> dict[str, str]:
    """An Airflow of its own for this home and warehouse."""
    variables = airflow_environment(warehouse_run.settings, os.environ)
    variables["AIRFLOW_CONN_WAREHOUSE"] = connection_variable(warehouse_run.connections[WAREHOUSE])
    variables["KAMPUNGKB_PSEUDONYM_KEY"] = "a key for tests only"
    subprocess.run([Path(sys.executable).parent / "airflow", "db", "migrate"], env=variables, check=True, timeout=240)
    return variables


def run_dag(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN], cwd=DAGS, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


def test_those_named_are_told_dates_and_counts_and_of_a_failure_one_sentence(
    warehouse_run: Run, environment: dict[str, str]
) -> None:
    with listening() as (heard, named):
        assert run_dag({**environment, **named}).returncode == 1, "nothing is published yet"
        publish(warehouse_run, *night(4, 30).write(warehouse_run))
        done = run_dag({**environment, **named})
        assert done.returncode == 0, done.stdout[-2000:]
    told = "Laporan per 2026-11-24 siap: 2 berkas dan 3 lembar desa."
    for failed, written in (heard.mails, [post["message"] for post in heard.posts]):
        assert "Laporan tidak dapat ditulis" in failed
        assert told in written and "The reports as of 2026-11-24 are ready" in written
    assert heard.mails[1].startswith("Laporan Kampung KB / Kampung KB reports")
    assert all("attachments" not in post or not post["attachments"] for post in heard.posts)


def test_without_the_connection_nobody_is_told_and_the_reports_are_written(
    warehouse_run: Run, environment: dict[str, str]
) -> None:
    publish(warehouse_run, *night(4, 30).write(warehouse_run))
    done = run_dag(environment)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (warehouse_run.settings.root / "reports" / warehouse_run.as_of.isoformat() / "index.html").exists()
    assert "nobody is told" in done.stdout + done.stderr
