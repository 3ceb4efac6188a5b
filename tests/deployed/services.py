"""The services of docker-compose.yaml as processes of this machine: their own commands, environments and secrets.

What a container engine does is done by replacing words: folders of the image and its mounts by folders of this machine,
names of other services by 127.0.0.1, their ports by free ones. An environment holds what the Dockerfile and the compose
file state and nothing else; a service sees the secrets that it is given and no other. PostgreSQL's image is stood for
by the embedded server, on which the compose file's script makes logins and databases.
"""

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from kampungkb.orchestration.processes import start, stop
from kampungkb.settings import PROJECT_ROOT
from tests.deployment.conftest import SERVICES
from tests.ports import free_port

PROGRAMS = Path(sys.executable).parent
PATIENCE = 300.0
IMAGE = "/opt/kampungkb"
NEIGHBOURS = {"postgres": 5432, "api-server": 8080, "redis": 6379, "sample-insurance": 8090, "spark-master": 7077}
# Ports that every container has for itself, and that no service names.
OWN_PORTS = ("AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT", "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT")


def image_environment() -> dict[str, str]:
    """The variables that the image sets for every service."""
    text = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8").partition(" AS base")[2].partition("\nFROM ")[0]
    lines = re.findall(r"^ENV (.*)", text.replace("\\\n", " "), flags=re.MULTILINE)
    return dict(pair.split("=", 1) for line in lines for pair in line.split())


def interpolated(text: str, values: Mapping[str, str]) -> str:
    """What compose makes of a text of its file, with these values of `.env`."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        found = values.get(match["name"], "") or match["default"]
        assert found is not None, f"{match['name']} must be set"
        return found

    return re.sub(r"\$\$|\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?[^}]*)?\}", value, text)


def until(ask: Callable[[], Any], what: str, seconds: float = PATIENCE, every: float = 0.5) -> Any:
    """Ask until the answer is true; the answer."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(every)
    return answer


@dataclass
class Deployment:
    """A deployment under `root` with the secrets of `secrets`; `values` is its `.env`, `postgres` the server's port."""

    root: Path
    secrets: Path
    postgres: int
    values: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.ports = {name: free_port() for name in NEIGHBOURS} | {"postgres": self.postgres}
        for folder in (self.airflow, self.home, self.workbooks, self.logs, self.root / "spark"):
            folder.mkdir(parents=True, mode=0o700)

    @property
    def airflow(self) -> Path:
        return self.root / "airflow"

    @property
    def home(self) -> Path:
        return self.root / "kampungkb"

    @property
    def workbooks(self) -> Path:
        return self.root / "workbooks"

    @property
    def logs(self) -> Path:
        """What the services print, as `docker compose logs` has it."""
        return self.root / "logs"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    # ── what an engine does ──────────────────────────────────────────────────────────────────────────────────────

    def placed(self, text: str, service: str) -> str:
        """A text of the compose file or of a secret with the places of this machine."""
        folders = {
            "/run/secrets": self.given(service),
            "/var/lib/airflow": self.airflow,
            "/var/lib/kampungkb": self.home,
            "/var/lib/spark": self.root / "spark",
            "/data/workbooks": self.workbooks,
            f"{IMAGE}/.venv/bin:$PATH": f"{PROGRAMS}:/usr/local/bin:/usr/bin:/bin",
            IMAGE: PROJECT_ROOT,
            "--host=0.0.0.0": "--host=127.0.0.1",
            "redis-server -": f"redis-server - --bind 127.0.0.1 --port {self.ports['redis']}",
            "redis-cli": f"redis-cli -p {self.ports['redis']}",
        }
        names = "|".join(NEIGHBOURS)
        text = re.sub(rf"(?<=[@/\"'])({names})(?=[:\"'])|^spark-master$", "127.0.0.1", text)
        for name, port in NEIGHBOURS.items():
            text = re.sub(rf"(^|(?<=[:=, ])){port}(?!\w)", str(self.ports[name]), text)
        for before, after in folders.items():
            text = text.replace(before, str(after))
        return text

    def stated(self, text: str, service: str) -> str:
        return self.placed(interpolated(str(text), self.values), service)

    def given(self, service: str) -> Path:
        """The folder of the secrets of a service."""
        return self.root / "secrets" / service

    def environment(self, service: str) -> dict[str, str]:
        """The variables of a service: those of its image, of the compose file, and the ports no other may have."""
        stated = image_environment() | SERVICES[service].get("environment", {})
        ports = {name: str(free_port()) for name in OWN_PORTS}
        return {
            **{name: self.stated(value, service) for name, value in stated.items()},
            **ports,
            "AIRFLOW__API__PORT": str(self.ports["api-server"]),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "HOSTNAME": socket.gethostname(),
            "PYTHONPATH": str(PROJECT_ROOT / "plugins"),
        }

    def _mount_secrets(self, service: str) -> None:
        shutil.rmtree(self.given(service), ignore_errors=True)
        self.given(service).mkdir(parents=True, mode=0o700)
        for name in SERVICES[service].get("secrets", ()):
            text = (self.secrets / name).read_text(encoding="utf-8")
            (self.given(service) / name).write_text(self.placed(text, service), encoding="utf-8")

    # ── services ─────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self, service: str, name: str | None = None, **variables: str) -> subprocess.Popen[bytes]:
        """Start the command of a service; `name` tells a second one of the same kind apart."""
        self._mount_secrets(service)
        command = [self.stated(word, service) for word in SERVICES[service]["command"]]
        environment = self.environment(service) | variables
        process = start(_found(command), environment, self.log(name or service))
        self.processes[name or service] = process
        return process

    def runs(self, service: str, **variables: str) -> None:
        """Run the command of a service that ends by itself."""
        code = self.start(service, **variables).wait(PATIENCE)
        del self.processes[service]
        assert code == 0, self.tail(service)

    def executes(self, service: str, *command: str, told: str = "") -> str:
        """What `docker compose exec` does: another command beside that of a service."""
        words = _found([self.stated(word, service) for word in command])
        done = subprocess.run(
            words,
            env=self.environment(service),
            input=told,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            start_new_session=True,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def is_well(self, service: str) -> bool:
        """The health check of a service, as a process with its environment."""
        kind, *words = SERVICES[service]["healthcheck"]["test"]
        command = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
        try:
            self.executes(service, *command)
        except AssertionError:
            assert self.processes[service].poll() is None, self.tail(service)
            return False
        return True

    def becomes_well(self, *services: str) -> None:
        """Wait until the health checks of the services pass."""
        for service in services:
            until(lambda service=service: self.is_well(service), f"{service} is well; {self.tail(service)}", every=1)

    def stop(self, *names: str) -> None:
        """Stop services as the engine does: TERM, then KILL."""
        stop(*(self.processes.pop(name) for name in names))

    def stop_all(self) -> None:
        self.stop(*self.processes)

    def kill(self, name: str) -> None:
        """End a container at once: KILL for its main process and with it for all others."""
        process = self.processes.pop(name)
        everything = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for each in everything:
            each.send_signal(signal.SIGKILL)
        process.wait()

    def members(self) -> list[psutil.Process]:
        """Every process of every service."""
        roots = [psutil.Process(process.pid) for process in self.processes.values()]
        return [each for root in roots for each in (root, *root.children(recursive=True))]

    def tail(self, name: str) -> str:
        return self.log(name).read_text(encoding="utf-8", errors="replace")[-4000:]


def _found(command: list[str]) -> list[str]:
    """The command with its program from the environment that runs the tests, as the image has it first in its path."""
    own = PROGRAMS / command[0]
    return [str(own) if own.exists() else command[0], *command[1:]]
