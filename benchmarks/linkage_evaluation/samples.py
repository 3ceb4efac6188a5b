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
from kampungkb.orchestration.environment import with_key
from kampungkb.orchestration.surroundings import sample_folder, surroundings
from kampungkb.run import SOURCES, Run, today
from kampungkb.sample import SampleManifest, generate
from kampungkb.settings import Settings
from kampungkb.validation import validate

_RUN = "evaluate-linkage"


def settings_of(home: Path) -> Settings:
    """The settings of a home that was loaded from a sample, with its key."""
    return with_key(Settings(home=home), {})


def evaluate(home: Path, *, families: int, seed: int, error_scale: float) -> Measured:
    """Make a sample of that size, seed and error scale in `home`, load it up to the links and measure them."""
    accept(home, families=families, seed=seed, error_scale=error_scale)
    as_of, settings = today(), settings_of(home)
    run = Run(_RUN, as_of, settings)
    link(run, validated(settings, as_of))
    return measure(run, sample_folder(settings) / "truth", families=families, seed=seed, error_scale=error_scale)


def accept(home: Path, *, families: int, seed: int, error_scale: float) -> Path:
    """Make a sample in `home` and load it up to the accepted tables, whose folder is returned."""
    as_of = today()
    generate(home / "sample", families=families, seed=seed, as_of=as_of, error_scale=error_scale)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_CONN_", "KAMPUNGKB_"))}
    with surroundings(Settings(home=home), clean, as_of, families, say=lambda _: None) as around:
        reference = around.variables.get("KAMPUNGKB_SAMPLE_REFERENCE")
        settings = settings_of(home).model_copy(update={"sample_reference": Path(reference) if reference else None})
        run = Run(_RUN, as_of, settings, connections_from_environment(around.variables))
        for source in SOURCES:
            validate(run, extract(run, source))
    return settings.lake / "accepted" / as_of.isoformat()


def evaluate_home(home: Path) -> Measured:
    """Measure the latest links of a home that was loaded from a sample."""
    as_of = date.fromisoformat(max(folder.name for folder in (home / "lake" / "persons").glob("????-??-??")))
    settings = settings_of(home)
    manifest = SampleManifest.model_validate_json((home / "sample" / "manifest.json").read_text(encoding="utf-8"))
    return measure(
        Run(_RUN, as_of, settings),
        sample_folder(settings) / "truth",
        families=manifest.families,
        seed=manifest.seed,
        error_scale=manifest.error_scale,
    )
