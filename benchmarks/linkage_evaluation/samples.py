"""Samples made, loaded as far as the links and measured, each in a home of its own.

The sources are read, validated and linked by the functions of the nightly load; only Airflow and publication are left
out, which do not change a link.
"""

import os
from datetime import date
from pathlib import Path

from benchmarks.linkage_evaluation.measures import Measured, measure, validated
from kampungkb.connections import connections_from_environment
from kampungkb.landing import extract
from kampungkb.linkage import link
from kampungkb.orchestration.surroundings import sample_folder, surroundings
from kampungkb.run import SOURCES, Run, today
from kampungkb.sample import SampleManifest, generate
from kampungkb.settings import Settings
from kampungkb.validation import validate


def evaluate(home: Path, *, families: int, seed: int, error_scale: float) -> Measured:
    """Make a sample of that size, seed and error scale in `home`, load it up to the links and measure them."""
    accept(home, families=families, seed=seed, error_scale=error_scale)
    as_of, settings = today(), Settings(home=home)
    run = _run(settings, as_of, {"KAMPUNGKB_PSEUDONYM_KEY": "evaluation"})
    link(run, validated(settings, as_of))
    return measure(run, sample_folder(settings) / "truth", families=families, seed=seed, error_scale=error_scale)


def accept(home: Path, *, families: int, seed: int, error_scale: float) -> Path:
    """Make a sample in `home` and load it up to the accepted tables, whose folder is returned."""
    as_of = today()
    generate(home / "sample", families=families, seed=seed, as_of=as_of, error_scale=error_scale)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_CONN_", "KAMPUNGKB_"))}
    settings = Settings(home=home)
    with surroundings(settings, clean, as_of, families, say=lambda _: None) as around:
        run = _run(settings, as_of, around.variables)
        for source in SOURCES:
            validate(run, extract(run, source))
    return settings.lake / "accepted" / as_of.isoformat()


def evaluate_home(home: Path) -> Measured:
    """Measure the latest links of a home that was loaded from a sample."""
    as_of = date.fromisoformat(max(folder.name for folder in (home / "lake" / "persons").glob("????-??-??")))
    settings = Settings(home=home)
    manifest = SampleManifest.model_validate_json((home / "sample" / "manifest.json").read_text(encoding="utf-8"))
    return measure(
        _run(settings, as_of, {"KAMPUNGKB_PSEUDONYM_KEY": "evaluation"}),
        sample_folder(settings) / "truth",
        families=manifest.families,
        seed=manifest.seed,
        error_scale=manifest.error_scale,
    )


def _run(settings: Settings, as_of: date, variables: dict[str, str]) -> Run:
    reference = variables.get("KAMPUNGKB_SAMPLE_REFERENCE")
    told = settings.model_copy(
        update={
            "pseudonym_key": Settings(pseudonym_key=variables["KAMPUNGKB_PSEUDONYM_KEY"]).pseudonym_key,
            "sample_reference": Path(reference) if reference else None,
        }
    )
    return Run("evaluate-linkage", as_of, told, connections_from_environment(variables))
