"""A standalone Spark cluster of processes on this machine: a master and workers, gone at the end."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port

READY_SECONDS = 120

# Small, since master, workers, executors and driver share this machine. Statements over a few hundred rows are not
# worth compiling; those of the whole load, which runs without this configuration, are compiled.
DEFAULTS = """
spark.driver.host 127.0.0.1
spark.driver.bindAddress 127.0.0.1
spark.driver.memory 1g
spark.executor.memory 640m
spark.sql.shuffle.partitions 4
spark.sql.codegen.wholeStage false
spark.sql.codegen.factoryMode NO_CODEGEN
"""


@dataclass(frozen=True)
class Cluster:
    """The address of a running master, and the folder with the configuration of whoever uses it."""

    master: str
    configuration: Path
    page: str

    def state(self) -> dict[str, object]:
        """What the master says of its workers and applications."""
        with urllib.request.urlopen(f"{self.page}/json/", timeout=10) as answer:
            found: dict[str, object] = json.load(answer)
        return found


@contextmanager
def running(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """A master and workers of one core each, started as processes; stopped at the end."""
    configuration = folder / "conf"
    configuration.mkdir(parents=True)
    (configuration / "spark-defaults.conf").write_text(DEFAULTS, encoding="utf-8")
    port, page = free_port(), free_port()
    cluster = Cluster(f"spark://127.0.0.1:{port}", configuration, f"http://127.0.0.1:{page}")
    with ExitStack() as until_the_end:
        until_the_end.enter_context(
            _process(folder, "master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", str(page))
        )
        for number in range(workers):
            until_the_end.enter_context(
                _process(
                    folder, "worker.Worker", "--host", "127.0.0.1", "--cores", "1", "--memory", "1g",
                    "--webui-port", "0", "--work-dir", str(folder / f"worker-{number}"), cluster.master,
                )
            )  # fmt: skip
        _wait_for(cluster, workers)
        yield cluster


@contextmanager
def _process(folder: Path, part: str, *arguments: str) -> Iterator[None]:
    import pyspark  # an extra: without it the other tests may still be collected

    home = Path(pyspark.__file__).parent
    command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{part}", *arguments]
    environ = {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    with (
        (folder / f"{part}.log").open("ab") as log,
        subprocess.Popen(command, env=environ, stdout=log, stderr=log) as it,
    ):
        try:
            yield
        finally:
            it.terminate()
            it.wait(timeout=60)


def _wait_for(cluster: Cluster, workers: int) -> None:
    until = time.monotonic() + READY_SECONDS
    while True:
        try:
            if cluster.state()["aliveworkers"] == workers:
                return
        except OSError:
            pass
        if time.monotonic() > until:
            raise TimeoutError(f"{workers} workers did not appear at {cluster.master} within {READY_SECONDS} s")
        time.sleep(0.5)
