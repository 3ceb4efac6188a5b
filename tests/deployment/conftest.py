"""What the tests of the deployment share: the compose file as read, and secrets made by its own script."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kampungkb.settings import PROJECT_ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT_ROOT / "docker-compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
MakeSecrets = Callable[..., Path]


@pytest.fixture
def make_secrets(tmp_path: Path) -> MakeSecrets:
    """Run `deploy/make-secrets.sh` and get the folder it made."""

    def make(*options: str) -> Path:
        folder = tmp_path / "secrets"
        script = str(PROJECT_ROOT / "deploy" / "make-secrets.sh")
        subprocess.run(["bash", script, *options, str(folder)], check=True, capture_output=True)
        return folder

    return make
