"""Whether there is a Java for Spark, asked of programs that answer as a Java does."""

from pathlib import Path

import pytest

from kampungkb.engine.java import check_java
from kampungkb.errors import ConfigurationError


def java(home: Path, answer: str) -> None:
    (home / "bin").mkdir(parents=True)
    program = home / "bin" / "java"
    program.write_text(f"#!/bin/sh\n{answer}\n", encoding="utf-8")
    program.chmod(0o700)


@pytest.mark.parametrize(("told", "version"), [("17.0.15", 17), ("21", 21), ("25.0.1", 25)])
def test_a_java_of_17_or_newer_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, version: int
) -> None:
    java(tmp_path, f"""echo 'openjdk version "{told}" 2025-04-15' >&2""")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert check_java() == version


@pytest.mark.parametrize(("told", "version"), [("1.8.0_402", 8), ("11.0.2", 11)])
def test_an_older_java_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, version: int
) -> None:
    java(tmp_path, f"""echo 'java version "{told}"' >&2""")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ConfigurationError, match=rf"is Java {version}, and Spark needs Java 17 .* JAVA_HOME"):
        check_java()


def test_without_java_the_message_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"none was found: install one .* KAMPUNGKB_ENGINE=duckdb"):
        check_java()


def test_a_java_that_does_not_start_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java(tmp_path, "exit 1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ConfigurationError, match="does not start or does not tell its version"):
        check_java()
