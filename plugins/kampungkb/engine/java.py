"""Is there a Java that Spark can run on?"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from kampungkb.errors import ConfigurationError

OLDEST = 17
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


def check_java() -> int:
    """The major version of the Java that Spark will start; raises :class:`ConfigurationError` where it cannot."""
    java = _java()
    if java is None:
        raise ConfigurationError(
            f"KAMPUNGKB_ENGINE=spark needs Java {OLDEST} or newer, and none was found: install one (on Debian: "
            f"apt-get install openjdk-{OLDEST}-jre-headless) or set JAVA_HOME, or use KAMPUNGKB_ENGINE=duckdb."
        )
    version = _version(java)
    if version is None:
        raise ConfigurationError(
            f"{java} does not start or does not tell its version. Spark needs Java {OLDEST} or newer: correct "
            "JAVA_HOME or the installation, or use KAMPUNGKB_ENGINE=duckdb."
        )
    if version < OLDEST:
        raise ConfigurationError(
            f"{java} is Java {version}, and Spark needs Java {OLDEST} or newer: install one and set JAVA_HOME to it, "
            "or use KAMPUNGKB_ENGINE=duckdb."
        )
    return version


def _java() -> str | None:
    """As Spark's own scripts look for it."""
    if home := os.environ.get("JAVA_HOME"):
        java = Path(home) / "bin" / "java"
        return str(java) if os.access(java, os.X_OK) else None
    return shutil.which("java")


def _version(java: str) -> int | None:
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    found = _VERSION.search(told.stderr + told.stdout)
    return int(found.group(1)) if found else None
