"""The Dockerfile: small by stages, pinned, without root and without a secret; every command it must run exists."""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kampungkb.settings import PROJECT_ROOT
from tests.deployment.conftest import SERVICES

pytestmark = pytest.mark.unit

TEXT = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
INSTRUCTIONS = [
    tuple(line.split(maxsplit=1))
    for line in re.sub(r"\\\n\s*", "", TEXT).splitlines()
    if line.strip() and not line.startswith("#")
]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("kampungkb:")}
PROGRAMS = Path(sys.executable).parent
HEALTH = {name: service["healthcheck"]["test"] for name, service in OURS.items() if "healthcheck" in service}


def _values(keyword: str) -> list[str]:
    return [value for word, value in INSTRUCTIONS if word == keyword]


def _copied() -> set[str]:
    sources = [value.split()[:-1] for value in _values("COPY") if not value.startswith("--from")]
    return {source for group in sources for source in group}


def test_what_runs_is_built_from_pinned_images_without_what_built_it_and_is_no_root() -> None:
    python, java = _values("ARG")
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.1[123]\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", python)
    assert re.fullmatch(r"JAVA_IMAGE=eclipse-temurin:\d[\w.]+-jre-\w+(@sha256:[0-9a-f]{64})?", java)
    stages = dict(reversed(value.split(" AS ")) for value in _values("FROM"))
    assert [*stages][-1] == "airflow"
    assert stages["airflow"] == stages["spark"] == "base" and stages["base"] == "${PYTHON_IMAGE}"
    base = INSTRUCTIONS[INSTRUCTIONS.index(("FROM", "${PYTHON_IMAGE} AS base")) :]
    assert ("USER", "10001:10001") in base[: base.index(("FROM", "base AS spark"))] and len(_values("USER")) == 1


def test_every_service_of_ours_names_a_stage_that_exists() -> None:
    stages = {value.split(" AS ")[1] for value in _values("FROM")}
    assert {service["build"]["target"] for service in OURS.values()} == {"${KAMPUNGKB_TARGET:-airflow}"}
    assert {"airflow", "spark"} <= stages


def test_packages_come_by_hash_and_nothing_is_downloaded_otherwise() -> None:
    installs = re.findall(r"pip install ([^&]*)", " ".join(_values("RUN")))
    assert installs
    assert all("--require-hashes" in options or "--no-index" in options for options in installs)
    assert not re.search(r"\b(curl|wget|apt-get)\b", TEXT) and not _values("ADD")


def test_no_secret_is_baked_in() -> None:
    assert not re.search(r"(?i)password|pseudonym_key=|secret_key=", TEXT)


def test_what_is_copied_exists_and_is_let_through_and_nothing_else_is() -> None:
    rules = (PROJECT_ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    assert rules[0] == "*"
    assert all((PROJECT_ROOT / source).exists() for source in _copied())
    assert {source.split("/")[0] for source in _copied()} == allowed
    assert not any(fnmatch.fnmatch(name, pattern) for name in (".env", "secrets", "var") for pattern in allowed)


def _help_of(command: list[str]) -> list[str]:
    """The command with its options replaced by --help: the words before the first option."""
    words = [word for word in command if not word.startswith("-")] if command[0] != "airflow" else command
    end = next((place for place, word in enumerate(words) if word.startswith("-")), len(words))
    return [*words[:end], "--help"]


AIRFLOW_COMMANDS: list[Any] = [
    pytest.param(
        command,
        id=f"{name} {what}",
        marks=pytest.mark.skipif(
            command[1] == "celery" and shutil.which("celery", path=str(PROGRAMS)) is None,
            reason="requirements/image.txt is not installed here",
        ),
    )
    for name, service in OURS.items()
    for what, command in (("runs", service["command"]), ("health", HEALTH.get(name, ["none"])[1:]))
    if command and command[0] == "airflow"
]


@pytest.mark.slow
@pytest.mark.parametrize("command", AIRFLOW_COMMANDS)
def test_airflow_knows_every_command_of_the_services_with_these_options(command: list[str], tmp_path: Path) -> None:
    environ = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    shown = subprocess.run(
        [str(PROGRAMS / command[0]), *_help_of(command)[1:]], env=environ, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stderr
    options = [word for word in command if word.startswith("--")]
    assert [option for option in options if option not in shown.stdout] == []


SCRIPTS = {
    f"{name} {what}": parts[-1]
    for name, service in SERVICES.items()
    for what, parts in (("runs", service.get("command", [""])), ("health", service.get("healthcheck", {}).get("test")))
    if parts and (parts[:2] == ["sh", "-c"] or parts[0] == "CMD-SHELL")
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_shell_lines_are_whole_and_our_commands_in_them_are_known(script: str) -> None:
    shell = script.replace("$$", "$")
    subprocess.run(["sh", "-n", "-c", shell], check=True)
    for command, options in re.findall(r"kampungkb ([a-z-]+)([^&;]*)", shell):
        shown = subprocess.run(
            [str(PROGRAMS / "kampungkb"), command, "--help"], capture_output=True, text=True, check=True
        )
        assert [option for option in re.findall(r"--[a-z-]+", options) if option not in shown.stdout] == []
