"""Make the sample sources: one true population and three dirty views of it."""

from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class SampleManifest(BaseModel):
    """What was generated; stands as `manifest.json` in the sample's folder.

    `rows` counts the rows of each source table, `faults` the planted faults of each rule.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    families: int
    persons: int
    villages: int
    seed: int
    as_of: date
    error_scale: float
    broken_workbooks: int
    workbooks: int
    rows: dict[str, int]
    faults: dict[str, int]


def generate(
    out: Path,
    families: int = 32_000,
    seed: int = 2104,
    as_of: date | None = None,
    error_scale: float = 1.0,
    broken_workbooks: int = 0,
    workers: int = 2,
) -> SampleManifest:
    """Write the sample into `out` (signature only so far; the generator follows)."""
    raise NotImplementedError
