"""What a load on this machine needs around it, decided from the environment alone."""

import json
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from kampungkb.connections import Connection, parse_connection
from kampungkb.errors import ConfigurationError
from kampungkb.orchestration.environment import airflow_environment, connection_variable, kept_secret
from kampungkb.orchestration.lock import alone
from kampungkb.orchestration.surroundings import _sample_variables, need
from kampungkb.settings import Settings
from kampungkb.warehouse.embedded import ServerInfo

pytestmark = pytest.mark.unit

WORKBOOKS = {"AIRFLOW_CONN_FAMILY_WORKBOOKS": "fs://?path=%2Fdata"}
REGISTRY = {"AIRFLOW_CONN_CIVIL_REGISTRY": "sqlite:////data/registry.db"}
WAREHOUSE = {"AIRFLOW_CONN_WAREHOUSE": "postgres://loader:secret@db/warehouse"}


def test_without_any_connection_the_sample_is_loaded_and_no_key_is_asked_for(home: Path) -> None:
    assert need(Settings(home=home), {}).sampled


def test_with_any_source_connection_nothing_is_sampled(settings: Settings) -> None:
    assert not need(settings, WORKBOOKS).sampled
    assert not need(settings, WORKBOOKS | REGISTRY | WAREHOUSE).sampled


@pytest.mark.parametrize("variables", [WORKBOOKS, WORKBOOKS | WAREHOUSE, WAREHOUSE])
def test_with_any_connection_the_pseudonym_key_is_required(home: Path, variables: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"KAMPUNGKB_PSEUDONYM_KEY is not set.*openssl rand"):
        need(Settings(home=home, allow_sample=True), variables)


def test_an_empty_pseudonym_key_is_none(home: Path) -> None:
    with pytest.raises(ConfigurationError, match="KAMPUNGKB_PSEUDONYM_KEY"):
        need(Settings(home=home, pseudonym_key=SecretStr("")), WORKBOOKS)


def test_the_sample_goes_into_a_configured_warehouse_only_when_told_so(home: Path) -> None:
    key = SecretStr("key")
    with pytest.raises(ConfigurationError, match="KAMPUNGKB_ALLOW_SAMPLE=1"):
        need(Settings(home=home, pseudonym_key=key), WAREHOUSE)
    assert need(Settings(home=home, pseudonym_key=key, allow_sample=True), WAREHOUSE).sampled


def test_sources_without_the_family_survey_are_refused_at_once(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_FAMILY_WORKBOOKS"):
        need(settings, REGISTRY)


def test_a_secret_is_made_once_and_for_the_owner_alone(settings: Settings) -> None:
    first = kept_secret(settings, "fernet_key")
    assert kept_secret(settings, "fernet_key") == first
    assert kept_secret(settings, "jwt_secret") != first
    assert stat.S_IMODE((settings.root / "secrets" / "fernet_key").stat().st_mode) == 0o600


def test_airflow_lives_under_the_home_whatever_the_caller_has_set(settings: Settings) -> None:
    callers = {"AIRFLOW_HOME": "/elsewhere", "AIRFLOW__CORE__LOAD_EXAMPLES": "True", "LANG": "C.UTF-8"}
    variables = airflow_environment(settings, callers, port=8099)
    assert variables["AIRFLOW_HOME"] == str(settings.root / "airflow")
    assert variables["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert variables["LANG"] == "C.UTF-8"
    assert {name for name, value in variables.items() if "8099" in value} == {
        "AIRFLOW__API__PORT",
        "AIRFLOW__API__BASE_URL",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
    }


def test_a_connection_survives_the_way_through_its_variable() -> None:
    connection = Connection(
        conn_type="postgres",
        host="127.0.0.1",
        port=5433,
        login="u",
        password=SecretStr("p@ss/é"),
        schema_="db",
        extra={"sample": True},
    )
    text = connection_variable(connection)
    assert parse_connection("warehouse", text) == connection
    assert json.loads(text)["password"] == "p@ss/é"


def test_one_home_is_used_by_one_airflow_at_a_time(settings: Settings) -> None:
    with (
        alone(settings, "up"),
        pytest.raises(ConfigurationError, match=r"in use by `kampungkb up` \(process \d+\)"),
        alone(settings, "run"),
    ):
        pass
    with alone(settings, "run"):
        pass


def test_a_sample_beyond_the_region_reference_is_loaded_with_its_own_regions(tmp_path: Path) -> None:
    server = ServerInfo(host="127.0.0.1", port=5433, user="kampungkb", password="secret")
    insurance = Connection(conn_type="http", host="127.0.0.1")
    assert "KAMPUNGKB_SAMPLE_REFERENCE" not in _sample_variables(tmp_path, server, insurance)
    (tmp_path / "reference").mkdir()
    handed = _sample_variables(tmp_path, server, insurance)
    assert handed["KAMPUNGKB_SAMPLE_REFERENCE"] == str(tmp_path / "reference")
