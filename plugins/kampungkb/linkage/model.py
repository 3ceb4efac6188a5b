"""The definition of the probabilistic model (`include/linkage/model.yaml`) and its estimated parameters (JSON).

The definition says in words and SQL what is compared and decided; a domain expert changes it. The parameters are
what training estimated for it. Both together are a :class:`Model`, known by its version.
"""

import hashlib
import json
import math
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kampungkb.errors import ConfigurationError
from kampungkb.settings import INCLUDE, Settings
from kampungkb.yaml_text import load_yaml

DEFINITION = INCLUDE / "linkage" / "model.yaml"
PARAMETERS = "linkage_model.json"
"""The file of parameters: under `<home>/reference` after training there, else `include/linkage/`."""

MISSING_LEVEL = -1
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Probability = Annotated[float, Field(gt=0, lt=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Label(_Part):
    """A text for people: Indonesian and English."""

    id: str
    en: str


class Level(_Part):
    """One grade of agreement: `when` is SQL over columns ending in _l and _r, or `else`.

    `missing` says that there is nothing to compare; it weighs nothing. `m` and `u` fix a parameter instead of
    estimating it. `term_frequency` names the column whose rare values weigh more than its common ones.
    """

    id: Name
    when: str
    label: Label
    missing: bool = False
    m: Probability | None = None
    u: Probability | None = None
    term_frequency: Name | None = None


class Comparison(_Part):
    """One thing that is compared; the first level whose condition holds is taken."""

    name: Name
    label: Label
    levels: tuple[Level, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _ends_with_else(self) -> Self:
        if self.levels[-1].when != "else" or any(level.when == "else" for level in self.levels[:-1]):
            raise ValueError("its last level, and no other, must have the condition else")
        if self.levels[-1].missing:
            raise ValueError("its last level cannot stand for missing values")
        return self

    @property
    def graded(self) -> tuple[Level, ...]:
        """The levels that weigh something, best first: level 0 is the last of them."""
        return tuple(level for level in self.levels if not level.missing)

    def numbers(self, ids: tuple[str, ...]) -> list[int]:
        """The level numbers (`level_<name>`) of these level ids; -1 is missing."""
        graded = [level.id for level in reversed(self.graded)]
        return sorted({graded.index(each) if each in graded else MISSING_LEVEL for each in ids})


class Block(_Part):
    """A blocking key: SQL over one record. Records of a key shared by more than `at_most` are not paired by it."""

    key: str
    at_most: int = Field(default=200, ge=2)


class NeverAccept(_Part):
    """A pattern of levels, by comparison, that the model never links however high the weight is."""

    levels: dict[str, tuple[str, ...]] = Field(min_length=1)
    label: Label


class Decision(_Part):
    """Probabilities: a pair is kept from `floor` on, shown to a steward from `review` on, linked from `accept` on."""

    floor: Probability = 0.01
    review: Probability = 0.2
    accept: Probability = 0.98
    never_accept: tuple[NeverAccept, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.floor <= self.review <= self.accept:
            raise ValueError("floor, review and accept must not decrease")
        return self


class Household(_Part):
    """Pairs whose families share other linked members weigh as `level` of `comparison`, `instead_of` these."""

    comparison: Name
    level: Name
    instead_of: tuple[Name, ...] = Field(min_length=1)


class Training(_Part):
    """How parameters are estimated without labels: `rules` and `certain` are SQL over the records `l` and `r`.

    u comes from `u_pairs` random pairs, m by expectation maximisation over the pairs of each rule, the share of
    matches from the pairs of the `certain` rules, which are thought to be `certain_share` of all matches.
    """

    rules: tuple[str, ...] = Field(min_length=1)
    certain: tuple[str, ...] = Field(min_length=1)
    certain_share: Probability
    seed: int = 1
    u_pairs: int = Field(default=10_000_000, ge=1000)
    m_at_least: Probability = 1e-4
    u_at_least: Probability = 1e-7


class Definition(_Part):
    """The whole of a model.yaml."""

    comparisons: tuple[Comparison, ...] = Field(min_length=1)
    blocking: tuple[Block, ...] = Field(min_length=1)
    one_record_per: str | None = None
    rivals: str | None = None
    decision: Decision = Decision()
    household: Household | None = None
    training: Training

    @model_validator(mode="after")
    def _names_known(self) -> Self:
        known = {each.name: [level.id for level in each.levels] for each in self.comparisons}
        if len(known) != len(self.comparisons):
            raise ValueError("two comparisons have the same name")
        named = [
            (name, each) for rule in self.decision.never_accept for name, ids in rule.levels.items() for each in ids
        ]
        if self.household:
            named.append((self.household.comparison, self.household.level))
            named += [(name, known.get(name, [""])[-1]) for name in self.household.instead_of]
        for name, level in named:
            if level not in known.get(name, ()):
                raise ValueError(f"there is no level {level} in a comparison {name}")
        return self

    def comparison(self, name: str) -> Comparison:
        """The comparison of that name."""
        return next(each for each in self.comparisons if each.name == name)

    @property
    def term_frequencies(self) -> tuple[str, ...]:
        """The columns with term frequencies, each once."""
        columns = (level.term_frequency for each in self.comparisons for level in each.levels)
        return tuple(dict.fromkeys(column for column in columns if column))

    @property
    def compared(self) -> str:
        """A digest of what the parameters belong to: comparisons and their conditions."""
        levels = [[each.name, [(level.id, level.when) for level in each.levels]] for each in self.comparisons]
        return hashlib.sha256(json.dumps(levels).encode()).hexdigest()


class LevelParameters(_Part):
    """m: share of matches that show the level; u: share of non-matches that do."""

    m: Probability
    u: Probability

    @property
    def weight(self) -> float:
        """The match weight: log2 of the Bayes factor m / u."""
        return math.log2(self.m / self.u)


class Parameters(_Part):
    """What training estimated: `prior` is the probability that two random records match, among `records` records."""

    compared: str
    records: int
    prior: Probability
    levels: dict[str, dict[str, LevelParameters]]


class Model(_Part):
    """A definition with its parameters."""

    definition: Definition
    parameters: Parameters

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that change with anything that changes a pair's weight or the decision."""
        parts = (self.definition.model_dump(exclude={"training"}), self.parameters.model_dump())
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]

    def weight(self, comparison: str, level: str) -> float:
        """The match weight of a level, without term frequency."""
        return self.parameters.levels[comparison][level].weight

    @property
    def prior_weight(self) -> float:
        """log2 of the prior odds."""
        return math.log2(self.parameters.prior / (1 - self.parameters.prior))


def weight_of(probability: float) -> float:
    """The match weight of a probability: log2 of its odds."""
    return math.log2(probability / (1 - probability))


def parse_definition(text: str, file: str) -> Definition:
    """The definition in `text`; raises :class:`ConfigurationError` that names `file`, place and fault."""
    try:
        return Definition.model_validate(load_yaml(text))
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ConfigurationError(f"The linkage model {file} is not valid YAML{where}. Correct the file.") from None
    except ValidationError as error:
        raise ConfigurationError(
            f"The linkage model {file} cannot be used. Correct the file: {_faults(error)}"
        ) from None


def read_definition(path: Path = DEFINITION) -> Definition:
    """Read a definition; raises :class:`ConfigurationError` that names the file and what is wrong with it."""
    return parse_definition(_read(path, "linkage model"), path.name)


def read_model(definition: Definition, parameters: Path) -> Model:
    """A definition with the parameters of a file.

    Raises :class:`ConfigurationError` where the file cannot be read or was trained for other comparisons.
    """
    try:
        estimated = Parameters.model_validate_json(_read(parameters, "parameters of the linkage model"))
    except ValidationError as error:
        raise ConfigurationError(
            f"The parameters {parameters.name} cannot be used ({_faults(error)}). Run `kampungkb linkage train`."
        ) from None
    if estimated.compared != definition.compared:
        raise ConfigurationError(
            f"The parameters {parameters.name} were estimated for other comparisons than model.yaml has now. "
            "Run `kampungkb linkage train`."
        )
    return Model(definition=definition, parameters=estimated)


def load_model(settings: Settings) -> Model:
    """The model in force: `model.yaml` and the parameters of this installation, else those of the project."""
    own = settings.root / "reference" / PARAMETERS
    return read_model(read_definition(), own if own.exists() else DEFINITION.with_name(PARAMETERS))


def write_parameters(parameters: Parameters, path: Path) -> None:
    """Write parameters as JSON that a person can read and compare."""
    path.write_text(json.dumps(parameters.model_dump(), indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as fault:
        raise ConfigurationError(f"The {what} {path.name} cannot be read: {fault.strerror}.") from None


def _faults(error: ValidationError) -> str:
    found: list[Any] = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{' → '.join(str(part) for part in fault['loc']) or 'file'}: {fault['msg']}" for fault in found)
