"""What the marts of the programme need beside the scores: counts by village, groups of the method, rules of the plan.

The rules are data: `include/methodology/kampung_kb.yaml`.
"""

from functools import cache
from pathlib import Path
from statistics import NormalDist

import pyarrow as pa
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kampungkb.errors import ConfigurationError
from kampungkb.scoring.methodology import Methodology, Title
from kampungkb.settings import INCLUDE
from kampungkb.warehouse.staging import Staging
from kampungkb.yaml_text import load_yaml

RULES = INCLUDE / "methodology" / "kampung_kb.yaml"
COUNTS = {
    "need_count": "village_need.parquet",
    "life_cycle_count": "village_life_cycle.parquet",
    "programme_count": "village_programme.parquet",
    "survey_count": "village_survey.parquet",
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Measure(_Frozen):
    """One measure of `need_score`: its weight and, for an unmet share, the indicators in it."""

    measure: str
    weight: float = Field(ge=0)
    indicators: tuple[str, ...] = ()


class Effect(_Frozen):
    """How Kampung KB are matched with other villages; `caution` says what the comparison does not prove."""

    neighbours: int = Field(ge=1)
    size_weight: float = Field(ge=0)
    index_weight: float = Field(ge=0)
    index_scale: float = Field(gt=0)
    confidence: float = Field(gt=0, lt=1)
    caution: Title


class ProgrammeRules(_Frozen):
    """`include/methodology/kampung_kb.yaml`."""

    candidate: tuple[Measure, ...] = Field(min_length=1)
    effect: Effect


def read_rules(path: Path = RULES) -> ProgrammeRules:
    """The rules of a file; raises :class:`ConfigurationError` that names the file and the key."""
    try:
        return ProgrammeRules.model_validate(load_yaml(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        found = [
            f"{' → '.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}"
            for fault in error.errors(include_input=False)
        ]
    except (OSError, yaml.YAMLError) as fault:
        found = [type(fault).__name__]
    raise ConfigurationError(f"The rules {path.name} cannot be used. Correct the file: {'; '.join(found)}.")


@cache
def programme_rules() -> ProgrammeRules:
    """The rules in force."""
    return read_rules()


def load_programme(staged: Staging, scores: Path, methodology: Methodology) -> int:
    """Load the counts of the score step and the rules into the staging schema; returns the counted rows."""
    rules = programme_rules()
    for name, table in (
        ("method_group", _groups(methodology)),
        ("candidate_weight", _weights(rules)),
        ("candidate_indicator", _indicators(rules)),
        ("effect_rule", _effect(rules.effect)),
    ):
        staged.load(name, table)
    return sum(staged.load_parquet(name, [scores / file]) for name, file in COUNTS.items())


def _groups(methodology: Methodology) -> pa.Table:
    groups = [("life_cycle", group.id) for group in methodology.life_cycle]
    groups += [("programme", programme.id) for programme in methodology.programmes]
    return _texts(("kind", "name"), groups)


def _weights(rules: ProgrammeRules) -> pa.Table:
    weights = pa.array([measure.weight for measure in rules.candidate], pa.float64())
    return pa.table({"measure": pa.array([measure.measure for measure in rules.candidate]), "weight": weights})


def _indicators(rules: ProgrammeRules) -> pa.Table:
    named = [(measure.measure, indicator) for measure in rules.candidate for indicator in measure.indicators]
    return _texts(("measure", "indicator"), named)


def _effect(effect: Effect) -> pa.Table:
    """`z` is the quantile of the normal distribution for a two-sided interval of that confidence."""
    figures = {
        "size_weight": effect.size_weight,
        "index_weight": effect.index_weight,
        "index_scale": effect.index_scale,
        "confidence": effect.confidence,
        "z": NormalDist().inv_cdf((1 + effect.confidence) / 2),
    }
    return pa.table(
        {
            "neighbours": pa.array([effect.neighbours], pa.int32()),
            **{name: pa.array([value], pa.float64()) for name, value in figures.items()},
            "caution": pa.array([f"{effect.caution.id.strip()} / {effect.caution.en.strip()}"]),
        }
    )


def _texts(names: tuple[str, str], rows: list[tuple[str, str]]) -> pa.Table:
    return pa.table({name: pa.array([row[n] for row in rows], pa.string()) for n, name in enumerate(names)})
