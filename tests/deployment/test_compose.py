"""The compose file: accepted by its schema, every service hardened and bounded, no secret in an environment."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kampungkb.settings import PROJECT_ROOT
from tests.deployment.conftest import COMPOSE, SERVICES, MakeSecrets

pytestmark = pytest.mark.unit

ONE_SHOT = {name for name, service in SERVICES.items() if service.get("restart") == "no"}
EVERY = pytest.mark.parametrize("name", SERVICES)


def _version(image: str) -> str | None:
    """The version of an image, of its default where a variable names it."""
    default = re.sub(r"^\$\{\w+:-(.+)\}$", r"\1", image)
    found = re.fullmatch(r"[\w./-]+:v?(\d[\w.-]*)", default)
    return found[1] if found else None


def test_the_schema_of_compose_accepts_the_file() -> None:
    schema = json.loads(
        (files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json").read_text(encoding="utf-8")
    )
    faults = jsonschema.validators.validator_for(schema)(schema).iter_errors(COMPOSE)
    assert [f"{'.'.join(map(str, fault.absolute_path))}: {fault.message}" for fault in faults] == []


def test_the_parts_of_a_deployment_are_there_and_what_is_optional_has_a_profile() -> None:
    profiles = {name: tuple(service.get("profiles", ())) for name, service in SERVICES.items()}
    assert profiles == {
        **dict.fromkeys(("postgres", "migrate", "api-server", "scheduler", "dag-processor", "triggerer"), ()),
        **dict.fromkeys(("redis", "worker"), ("celery",)),
        **dict.fromkeys(("spark-master", "spark-worker"), ("spark",)),
        **dict.fromkeys(("sample", "sample-insurance"), ("sample",)),
        "metabase": ("bi",),
    }


@EVERY
def test_a_service_is_no_root_and_can_write_only_where_it_must(name: str) -> None:
    service = SERVICES[name]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0 and int(group) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service and "cap_add" not in service


@EVERY
def test_a_service_is_bounded_in_processor_memory_processes_and_log(name: str) -> None:
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) > 0 and limits["pids"] > 0
    assert re.fullmatch(r"\d+[mg]", limits["memory"])
    assert SERVICES[name]["logging"]["options"]["max-size"]


@EVERY
def test_a_service_that_stays_says_whether_it_is_well(name: str) -> None:
    assert (name in ONE_SHOT) != ("healthcheck" in SERVICES[name])


@EVERY
def test_a_service_waits_for_what_it_needs_and_for_nothing_that_may_be_absent(name: str) -> None:
    wanted: dict[str, Any] = SERVICES[name].get("depends_on", {})
    assert bool(wanted) == (name not in {"postgres", "redis", "sample", "spark-master"})
    for other, how in wanted.items():
        kind = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert how == {"condition": kind}
        assert set(SERVICES[other].get("profiles", ())) <= set(SERVICES[name].get("profiles", ()))


@EVERY
def test_data_stands_in_named_volumes_and_other_mounts_are_read_only(name: str) -> None:
    for volume in SERVICES[name].get("volumes", ()):
        if isinstance(volume, dict):
            assert volume["read_only"] is True
        else:
            source, _, rest = volume.partition(":")
            assert source in COMPOSE["volumes"] or (source.startswith("./deploy/") and rest.endswith(":ro"))


@EVERY
def test_ports_are_open_to_this_host_alone(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@EVERY
def test_an_image_is_our_own_or_of_a_stated_version(name: str) -> None:
    image = SERVICES[name]["image"]
    assert image.startswith("kampungkb:") or _version(image)


@EVERY
def test_no_secret_stands_in_an_environment(name: str) -> None:
    environment = {key: str(value) for key, value in SERVICES[name].get("environment", {}).items()}
    telling = re.compile(r"(PASS(WORD)?|SECRET|KEY|CONN(_ASYNC)?|CONN_\w+|BROKER_URL|RESULT_BACKEND)$")
    assert [key for key in environment if telling.search(key) and not key.endswith(("_CMD", "_FILE", "_CONN_ID"))] == []
    given = set(SERVICES[name].get("secrets", ()))
    named = {match for value in environment.values() for match in re.findall(r"/run/secrets/([\w.]+)", value)}
    assert named <= given
    assert not any(re.search(r"://[^/]*:[^/]*@", value) for value in environment.values())


def test_only_who_runs_tasks_or_opens_the_warehouse_knows_the_secrets_for_it() -> None:
    knows = {name: set(service.get("secrets", ())) for name, service in SERVICES.items()}
    assert {name for name in SERVICES if "kampungkb_pseudonym_key" in knows[name]} == {"scheduler", "worker"}
    assert {name for name in SERVICES if "postgres_password" in knows[name]} == {"postgres"}
    assert {name for name in SERVICES if "bi_password" in knows[name]} == {"postgres", "metabase"}
    assert {name for name in SERVICES if "kampungkb_metrics_token" in knows[name]} == {"api-server"}
    assert {name for name in SERVICES if "sample_insurance_secret" in knows[name]} == {"sample-insurance"}
    assert knows["metabase"] == {"bi_password"}
    assert knows["spark-master"] == knows["spark-worker"] == {"spark-defaults.conf"}


def test_the_script_makes_every_secret_that_the_file_names_each_another_and_closed(make_secrets: MakeSecrets) -> None:
    folder = make_secrets()
    made = {path.name: path for path in folder.iterdir()}
    assert set(made) == {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert len({path.read_bytes() for path in made.values()}) == len(made)
    assert {path.stat().st_mode & 0o777 for path in made.values()} == {0o440}


def test_the_script_changes_nothing_that_is_there(make_secrets: MakeSecrets) -> None:
    folder = make_secrets()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "fernet_key").unlink()
    make_secrets()
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after.pop("fernet_key") != before.pop("fernet_key")
    assert after == before


def test_every_variable_of_the_file_stands_in_the_example() -> None:
    text = (PROJECT_ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
    example = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{(\w+)", text)) == set(re.findall(r"^#?(\w+)=", example, flags=re.MULTILINE))
