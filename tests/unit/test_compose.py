"""The compose file is whole: Docker's own reader accepts it, and it holds no secret."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from kampungkb.settings import PROJECT_ROOT

COMPOSE = shutil.which("docker-compose")
FILLED = "filled-in-by-the-test"

pytestmark = pytest.mark.skipif(COMPOSE is None, reason="docker-compose is not installed")


def _config(folder: Path, environment_file: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(PROJECT_ROOT / "docker-compose.yaml", folder)
    (folder / ".env").write_text(environment_file, encoding="utf-8")
    return subprocess.run(
        [str(COMPOSE), "-f", "docker-compose.yaml", "config"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def _filled() -> str:
    example = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
    return re.sub(r"^(\w+)=$", rf"\1={FILLED}", example, flags=re.MULTILINE)


def test_the_file_is_accepted_and_every_part_waits_for_what_it_needs(tmp_path: Path) -> None:
    answer = _config(tmp_path, _filled())
    assert answer.returncode == 0, answer.stderr
    services = yaml.safe_load(answer.stdout)["services"]
    parts = {"api-server", "scheduler", "dag-processor", "triggerer"}
    assert set(services) == parts | {"metadata", "warehouse", "migrate"}
    assert all("healthcheck" in services[name] for name in parts | {"metadata", "warehouse"})
    assert all(services[name]["depends_on"] for name in parts | {"migrate"})
    address = services["scheduler"]["environment"]["AIRFLOW_CONN_WAREHOUSE"]
    assert address == f"postgresql://kampungkb:{FILLED}@warehouse:5432/kampungkb"


def test_a_source_that_is_not_set_stays_absent_and_one_that_is_set_arrives(tmp_path: Path) -> None:
    without = yaml.safe_load(_config(tmp_path, _filled()).stdout)
    assert not without["services"]["scheduler"]["environment"].get("AIRFLOW_CONN_CIVIL_REGISTRY")
    registry = "mysql://reader:p%40ss@db.example/adminduk"
    given = yaml.safe_load(_config(tmp_path, f"{_filled()}\nAIRFLOW_CONN_CIVIL_REGISTRY={registry}\n").stdout)
    assert given["services"]["scheduler"]["environment"]["AIRFLOW_CONN_CIVIL_REGISTRY"] == registry


def test_a_missing_secret_is_asked_for_by_name(tmp_path: Path) -> None:
    answer = _config(tmp_path, _filled().replace(f"KAMPUNGKB_PSEUDONYM_KEY={FILLED}", ""))
    assert answer.returncode != 0
    assert "KAMPUNGKB_PSEUDONYM_KEY" in answer.stderr


def test_databases_know_their_own_password_alone(tmp_path: Path) -> None:
    services = yaml.safe_load(_config(tmp_path, _filled()).stdout)["services"]
    for name in ("metadata", "warehouse"):
        assert set(services[name]["environment"]) == {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}
