"""How the sample is made: shares and rates of `sample_population.yaml`, names and places of `sample_names.yaml`."""

from functools import cache
from pathlib import Path
from typing import Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from kampungkb.errors import ConfigurationError
from kampungkb.settings import INCLUDE
from kampungkb.yaml_text import load_yaml

GREATEST_RATE = 0.9
M = TypeVar("M", bound=BaseModel)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Rates(_Frozen):
    def scaled(self, factor: float) -> Self:
        """The same rates times `factor`, none above 0.9."""
        return self.model_copy(
            update={
                name: value.scaled(factor) if isinstance(value, _Rates) else min(value * factor, GREATEST_RATE)
                for name, value in self
            }
        )


class SurveyNik(_Rates):
    """What happens to identity numbers in the survey; the fates exclude each other."""

    missing: float
    mistyped: float
    damaged: float
    of_other_member: float


class SurveyName(_Rates):
    """What happens to names in the survey: `changed` is shortened, titled or nicknamed."""

    mistyped: float
    changed: float


class SurveyBirthDate(_Rates):
    """What happens to birth dates in the survey."""

    swapped: float
    wrong: float
    first_of_january: float


class InsuranceNik(_Rates):
    """What happens to identity numbers at the insurer."""

    missing: float
    mistyped: float


class Errors(_Rates):
    """Known errors of the three views; shares of persons unless the file says otherwise."""

    survey_nik: SurveyNik
    survey_name: SurveyName
    survey_birth_date: SurveyBirthDate
    insurance_nik: InsuranceNik
    insurance_name_mistyped: float
    insurance_birth_date_wrong: float
    moved_village: float
    not_in_registry: float
    not_in_registry_under_one: float
    gone_in_registry: float
    no_insurance_record: float
    surveyed_twice: float
    two_cards: float
    namesakes: float
    twins: float
    not_surveyed: float
    certificate_not_recorded: float
    certificate_not_recorded_adult: float
    certificate_claimed: float
    marriage_not_recorded: float
    marriage_claimed: float
    marital_status_outdated: float
    insurance_claimed: float
    insurance_unknown: float


class Answer(_Frozen):
    """Share of good answers in an average family, and its rise in log odds with the standard of living."""

    good: float
    slope: float


class HouseQuestion(_Frozen):
    """Shares of the codes 1, 2, … in an average family, and the pull of a better standard towards the first."""

    shares: tuple[float, ...]
    slope: float


class Insurance(_Frozen):
    """Shares of families by kind of cover (codes of K.15), and of members who are left out of it."""

    shares: tuple[float, float, float, float]
    alone: float


class Parameters(_Frozen):
    """Everything about the population and its views that is a number."""

    answers: dict[str, Answer]
    house: dict[str, HouseQuestion]
    insurance: Insurance
    errors: Errors
    rules: dict[str, float]

    def scaled(self, factor: float) -> "Parameters":
        """The same with all error rates times `factor`."""
        return self.model_copy(
            update={
                "errors": self.errors.scaled(factor),
                "rules": {rule: min(rate * factor, GREATEST_RATE) for rule, rate in self.rules.items()},
            }
        )


class GivenNames(_Frozen):
    """First and second names of one sex."""

    first: tuple[str, ...]
    second: tuple[str, ...]


class Origin(_Frozen):
    """A group of families that share ways of naming; `religions` are shares of the codes of K.12."""

    id: str
    share: float
    religions: dict[int, float]
    noble: dict[str, tuple[str, ...]]
    male: GivenNames
    female: GivenNames
    surname: tuple[str, ...]


class Titles(_Frozen):
    """What is put before or after a name."""

    male: tuple[str, ...]
    female: tuple[str, ...]
    after: tuple[str, ...]


class BirthPlaces(_Frozen):
    """Birth places within the regency and elsewhere."""

    here: tuple[str, ...]
    elsewhere: tuple[str, ...]


class Names(_Frozen):
    """Names, places and region digits."""

    origins: tuple[Origin, ...]
    twins: dict[str, tuple[tuple[str, str], ...]]
    titles: Titles
    short: dict[str, tuple[str, ...]]
    birth_places: BirthPlaces
    migrant_regions: tuple[str, ...]
    streets: tuple[str, ...]
    providers: tuple[str, ...]


def _read(model: type[M], path: Path) -> M:
    try:
        return model.model_validate(load_yaml(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as fault:
        raise ConfigurationError(f"{path.name} cannot be used: {fault}. Correct the file.") from None


@cache
def parameters() -> Parameters:
    """The population's numbers; raises :class:`ConfigurationError` naming the file and the fault."""
    return _read(Parameters, INCLUDE / "reference" / "sample_population.yaml")


@cache
def names() -> Names:
    """The names; raises :class:`ConfigurationError` naming the file and the fault."""
    return _read(Names, INCLUDE / "reference" / "sample_names.yaml")
