"""The thresholds of the gates, read from `include/gates/<source>.yaml`; a typing error there is an error."""

from functools import cache
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kampungkb.contracts import contract
from kampungkb.errors import ConfigurationError
from kampungkb.settings import INCLUDE
from kampungkb.yaml_text import load_yaml

Change = Literal["unknown", "missing", "renamed", "retyped", "repeated"]
Response = Literal["report", "suspicious", "closed"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Above(_Frozen):
    """Two limits that a measured value must not exceed; null is none."""

    suspicious_above: float | None = Field(ge=0)
    closed_above: float | None = Field(ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if None not in (self.suspicious_above, self.closed_above) and self.closed_above < self.suspicious_above:  # type: ignore[operator]
            raise ValueError("closed_above lies below suspicious_above")
        return self


class DriftLimits(_Frozen):
    """What follows from each kind of change, where at least `least_share` of the workbooks have it."""

    least_share: float = Field(ge=0, le=1)
    unknown: Response
    missing: Response
    renamed: Response
    retyped: Response
    repeated: Response

    def response(self, change: Change) -> Response:
        """What follows from a kind of change."""
        found: Response = getattr(self, change)
        return found


class VolumeLimits(Above):
    """Landed rows as a multiple of the usual ones, where those are at least `least_rows`."""

    least_rows: int = Field(ge=1)
    suspicious_below: float | None = Field(ge=0, le=1)
    closed_below: float | None = Field(ge=0, le=1)


class RejectedLimits(Above):
    """The share of rejected rows, itself and by its rise over the usual one, from `least_rows` landed rows on."""

    least_rows: int = Field(ge=1)
    suspicious_rise: float | None = Field(ge=0)
    closed_rise: float | None = Field(ge=0)


class DistributionLimits(Above):
    """The population stability index, from `least_rows` accepted rows on, tonight and before.

    `also` names columns by table that the contract does not code; only whole numbers of up to three digits among
    their values are told apart.
    """

    least_rows: int = Field(ge=1)
    also: dict[str, tuple[str, ...]]


class VillageLimits(Above):
    """The share of vanished villages among those with usually at least `least_rows` rows in `table`."""

    table: str
    least_rows: int = Field(ge=1)


class Thresholds(_Frozen):
    """All gates of one source."""

    source: str
    loads_needed: int = Field(ge=1)
    unanswered: Literal["accept", "hold_back"]
    drift: DriftLimits
    volume: VolumeLimits
    rejected: RejectedLimits
    distribution: DistributionLimits
    villages: VillageLimits

    @model_validator(mode="after")
    def _known(self) -> Self:
        terms = contract(self.source)
        for table, columns in [(self.villages.table, ()), *self.distribution.also.items()]:
            if table not in {known.name.lower() for known in terms.tables}:
                raise ValueError(f"the contract of {self.source} has no table {table}")
            unknown = sorted(set(columns) - set(terms.table(table).names))
            if unknown:
                raise ValueError(f"the contract's table {table} has no column {', '.join(unknown)}")
        return self


def read_thresholds(path: Path) -> Thresholds:
    """Read one file of thresholds; raises :class:`ConfigurationError` that names the file and the fault."""
    try:
        return Thresholds.model_validate(load_yaml(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        why = "; ".join(f"{'.'.join(map(str, fault['loc']))} {fault['msg']}".strip() for fault in error.errors())
    except (OSError, yaml.YAMLError) as fault:
        why = str(fault)
    raise ConfigurationError(f"The thresholds of the gates {path} cannot be used: {why}. Correct the file.")


@cache
def thresholds(source: str) -> Thresholds:
    """The thresholds of a source."""
    return read_thresholds(INCLUDE / "gates" / f"{source}.yaml")
