"""Settings come from KAMPUNGKB_* alone; a wrong one stops with its name and without its value."""

from pathlib import Path

import pytest

from kampungkb.connections import parse_connection
from kampungkb.errors import ConfigurationError
from kampungkb.run import Run, present_sources, today
from kampungkb.settings import INCLUDE, PROJECT_ROOT, Settings, load_settings


def test_without_variables_home_is_var_beside_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAMPUNGKB_HOME", raising=False)
    settings = load_settings()
    assert settings.root == PROJECT_ROOT / "var"
    assert settings.engine == "duckdb"
    assert settings.pseudonym_key is None
    assert not settings.allow_sample


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMPUNGKB_HOME", "~/family-data")
    monkeypatch.setenv("KAMPUNGKB_ENGINE", "spark")
    monkeypatch.setenv("KAMPUNGKB_ALLOW_SAMPLE", "1")
    monkeypatch.setenv("KAMPUNGKB_MEMORY", "4GiB")
    monkeypatch.setenv("KAMPUNGKB_NIGHTLY_SCHEDULE", "30 2 * * *")
    settings = load_settings()
    assert settings.root == Path.home() / "family-data"
    assert settings.lake == settings.root / "lake"
    assert (settings.engine, settings.allow_sample, settings.memory) == ("spark", True, "4GiB")
    assert settings.nightly_schedule == "30 2 * * *"


@pytest.mark.parametrize("variable", ["KAMPUNGKB_HOME", "KAMPUNGKB_PSEUDONYM_KEY", "KAMPUNGKB_ENGINE"])
def test_an_empty_variable_counts_as_unset(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(variable, raising=False)
    unset = load_settings()
    monkeypatch.setenv(variable, "")
    assert load_settings() == unset


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KAMPUNGKB_ENGINE", "s3cret-engine"),
        ("KAMPUNGKB_MEMORY", "s3cret much"),
        ("KAMPUNGKB_THREADS", "0"),
        ("KAMPUNGKB_THREADS", "s3cret"),
        ("KAMPUNGKB_ALLOW_SAMPLE", "s3cret"),
        ("KAMPUNGKB_NIGHTLY_SCHEDULE", "s3cret"),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as fault:
        load_settings()
    assert variable in str(fault.value)
    assert "s3cret" not in str(fault.value)


def test_a_reference_file_under_home_replaces_the_projects_own(settings: Settings) -> None:
    assert settings.reference("regions.csv") == INCLUDE / "reference" / "regions.csv"
    own = settings.root / "reference" / "regions.csv"
    own.parent.mkdir()
    own.write_text("code,name,level,parent,valid_from,valid_to,successor_code\n")
    assert settings.reference("regions.csv") == own


def test_a_samples_own_regions_stand_before_the_projects_and_behind_the_users(home: Path, tmp_path: Path) -> None:
    sample = tmp_path / "reference"
    sample.mkdir()
    (sample / "regions.csv").write_text("code,name,level,parent\n")
    settings = Settings(home=home, sample_reference=sample)
    assert settings.reference("regions.csv") == sample / "regions.csv"
    assert settings.reference("kampung_kb.csv") == INCLUDE / "reference" / "kampung_kb.csv"
    own = settings.root / "reference" / "regions.csv"
    own.parent.mkdir(parents=True)
    own.write_text("code,name,level,parent\n")
    assert settings.reference("regions.csv") == own


def test_a_run_never_prints_its_key(run: Run) -> None:
    assert run.pseudonym_key == b"a key for tests only"
    assert "a key for tests only" not in repr(run)


def test_a_run_without_key_says_how_to_make_one(home: Path) -> None:
    run = Run(run_id="r", as_of=today(), settings=Settings(home=home))
    with pytest.raises(ConfigurationError, match="KAMPUNGKB_PSEUDONYM_KEY"):
        _ = run.pseudonym_key


def test_sources_without_a_connection_are_absent_but_the_survey_must_be_there() -> None:
    workbooks = parse_connection("family_workbooks", "fs://?path=%2Fdata")
    registry = parse_connection("civil_registry", "sqlite:////data/registry.db")
    both = {"civil_registry": registry, "family_workbooks": workbooks}
    assert present_sources(both) == ("family_survey", "civil_registry")
    assert present_sources(both, ["family_survey"]) == ("family_survey",)
    with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_FAMILY_WORKBOOKS"):
        present_sources({"civil_registry": registry})
    with pytest.raises(ConfigurationError, match="Unknown source: tax_office"):
        present_sources(both, ["family_survey", "tax_office"])
