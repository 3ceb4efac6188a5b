"""Nights of the sample on DuckDB, one a seed: what every step found is the truth that Spark is held against."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr

from kampungkb.connections import CIVIL_REGISTRY, FAMILY_WORKBOOKS, HEALTH_INSURANCE, Connection
from kampungkb.landing import extract
from kampungkb.linkage.step import link
from kampungkb.refs import Linked, Scored, Snapshot, Validated
from kampungkb.run import SOURCES, Run
from kampungkb.sample import generate, load_registry
from kampungkb.sample.insurance_entries import read_entries
from kampungkb.scoring.step import score
from kampungkb.settings import Settings
from kampungkb.validation.step import validate
from tests.conftest import AS_OF
from tests.generator import InsuranceApi
from tests.spark.cluster import Cluster, running

# Statements over a few hundred rows are planned and compiled once: Java's second compiler is not worth its time.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

FAMILIES = 200
SEEDS = (2104, 7, 45)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster on which all steps of this process run, under its configuration."""
    from pyspark.sql import SparkSession  # an extra: without it the other tests may still be collected

    with running(tmp_path_factory.mktemp("cluster")) as started, pytest.MonkeyPatch.context() as environ:
        environ.setenv("SPARK_CONF_DIR", str(started.configuration))
        yield started
        if application := SparkSession.getActiveSession():
            application.stop()


@dataclass(frozen=True)
class Night:
    """A load of the sample up to its scores, on DuckDB."""

    cluster: Cluster
    run: Run
    landed: list[Snapshot]
    validated: list[Validated]
    linked: Linked
    scored: Scored

    def on_spark(self, home: Path) -> Run:
        """The same run on the cluster, which writes into another home."""
        settings = self.run.settings.model_copy(
            update={"home": home, "engine": "spark", "spark_master": self.cluster.master}
        )
        return replace(self.run, settings=settings)


@pytest.fixture(scope="session", params=SEEDS, ids=lambda seed: f"seed {seed}")
def night(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, cluster: Cluster
) -> Iterator[Night]:
    """A night of each seed."""
    folder = tmp_path_factory.mktemp(f"night-{request.param}")
    sample, registry = folder / "sample", folder / "registry.db"
    generate(sample, families=FAMILIES, seed=request.param, as_of=AS_OF)
    load_registry(sample, f"sqlite:///{registry}")
    entries = read_entries(sample / "health_insurance" / "peserta.parquet")
    with InsuranceApi(msgspec.to_builtins(entries.render(entries.select("2104", None))), overlap=False) as api:
        connections = {
            FAMILY_WORKBOOKS: Connection(conn_type="fs", extra={"path": str(sample / "family_survey")}),
            CIVIL_REGISTRY: Connection(conn_type="sqlite", host=str(registry)),
            HEALTH_INSURANCE: Connection.model_validate(api.connection()),
        }
        settings = Settings(home=folder / "home", pseudonym_key=SecretStr("a key for tests only"))
        run = Run(run_id="night", as_of=AS_OF, settings=settings, connections=connections)
        landed = [extract(run, source) for source in SOURCES]
    validated = [validate(run, snapshot) for snapshot in landed]
    linked = link(run, validated)
    yield Night(cluster, run, landed, validated, linked, score(run, validated, linked))
