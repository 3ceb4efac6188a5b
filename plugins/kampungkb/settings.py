"""Settings from the environment (`KAMPUNGKB_*`), checked once, with the folders that follow from them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from kampungkb.errors import ConfigurationError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
INCLUDE = PROJECT_ROOT / "include"
EXPECTATIONS = PROJECT_ROOT / "expectations"


class Settings(BaseSettings):
    """What the environment says; a wrong value is an error, not a default, and an empty one counts as unset.

    `home` holds the lake, the embedded database, the sample and the reports. `memory` (such as `2GiB`) and
    `threads` bound the engine on this machine; `spark_master` is where the engine `spark` runs. `sample_reference` is
    the reference folder of a sample that is larger than the project's own region reference; only a run on the sample
    sets it. `new_pseudonym_key` is the key that a rotation takes over. Whoever sends `metrics_token` reads the page's
    metrics; without it there are none. `nightly_schedule` says when the load is due: five fields of cron, in
    Asia/Jakarta.
    """

    model_config = SettingsConfigDict(env_prefix="KAMPUNGKB_", env_ignore_empty=True, frozen=True)

    home: Path = Field(default=PROJECT_ROOT / "var")
    pseudonym_key: SecretStr | None = None
    new_pseudonym_key: SecretStr | None = None
    engine: Literal["duckdb", "spark"] = "duckdb"
    spark_master: str = Field(default="local[2]", pattern=r"^(local(\[(\d+|\*)\])?$|spark://|k8s://|yarn$)")
    allow_sample: bool = False
    memory: str = Field(default="1536MiB", pattern=r"^\d+(\.\d+)?\s*([KMGT]i?B)$")
    threads: int = Field(default=2, ge=1)
    sample_reference: Path | None = None
    metrics_token: SecretStr | None = Field(default=None, min_length=16)
    nightly_schedule: str = Field(default="0 1 * * *", pattern=r"^\S+( \S+){4}$")

    @property
    def root(self) -> Path:
        """`home` as an absolute path."""
        return self.home.expanduser().resolve()

    @property
    def lake(self) -> Path:
        """Landing, accepted, persons and scores; personal data, owner-only."""
        return self.root / "lake"

    def reference(self, name: str) -> Path:
        """A reference file: the one under `<home>/reference` where it exists, else the sample's, else the project's."""
        own = [self.root / "reference" / name]
        if self.sample_reference is not None:
            own.append(self.sample_reference / name)
        return next((path for path in own if path.exists()), INCLUDE / "reference" / name)


def secrets_folder(environ: Mapping[str, str]) -> Path | None:
    """The folder that `KAMPUNGKB_SECRETS` names: settings and connections as files, as container engines mount them.

    Raises :class:`ConfigurationError` where it is no folder.
    """
    named = environ.get("KAMPUNGKB_SECRETS", "").strip()
    if named and not Path(named).is_dir():
        raise ConfigurationError(
            "KAMPUNGKB_SECRETS names no folder: set it to the folder of secret files, or unset it."
        )
    return Path(named) if named else None


def load_settings() -> Settings:
    """Read the environment, then the files of :func:`secrets_folder` (such as `kampungkb_pseudonym_key`).

    Raises :class:`ConfigurationError` naming each wrong variable (never its value).
    """
    folder = secrets_folder(os.environ)
    try:
        return Settings(_secrets_dir=folder)
    except ValidationError as error:
        wrong = "; ".join(
            f"KAMPUNGKB_{'_'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
            for fault in error.errors(include_input=False)
        )
        raise ConfigurationError(
            f"The environment holds a wrong setting. Correct it and start again: {wrong}"
        ) from None
