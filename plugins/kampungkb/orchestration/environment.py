"""The environment of the Airflow of this home: where it lives, what it may show, and its generated secrets.

`kampungkb run` and `kampungkb up` use an Airflow of their own under `<home>/airflow`, on SQLite; a deployment
configures its own Airflow and only mounts `dags/` and `plugins/`.
"""

import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from pydantic import SecretStr

from kampungkb.connections import Connection
from kampungkb.lake import private_folder
from kampungkb.lineage.transport import TRANSPORT
from kampungkb.settings import PROJECT_ROOT, Settings

DAGS = PROJECT_ROOT / "dags"
PLUGINS = PROJECT_ROOT / "plugins"


def airflow_home(settings: Settings) -> Path:
    """The folder of this home's Airflow: metadata database, logs, password file."""
    return settings.root / "airflow"


def metadata_file(settings: Settings) -> Path:
    """Airflow's metadata database."""
    return airflow_home(settings) / "airflow.db"


def kept_secret(settings: Settings, name: str) -> str:
    """A random secret of this home, 256 bits as URL-safe base64; made at first use, readable by the owner alone."""
    path = private_folder(settings.root / "secrets") / name
    fresh = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(fresh)
    return fresh


def with_key(settings: Settings, connections: Mapping[str, Connection]) -> Settings:
    """The settings with the sample's own pseudonym key where nothing is configured, as a load has it."""
    if connections or settings.pseudonym_key is not None:
        return settings
    return settings.model_copy(update={"pseudonym_key": SecretStr(kept_secret(settings, "sample_pseudonym_key"))})


def airflow_environment(settings: Settings, environ: Mapping[str, str], port: int = 8080) -> dict[str, str]:
    """The variables for any `airflow` process of this home, over the caller's environment."""
    url = f"http://localhost:{port}"
    paths = [str(PLUGINS), *filter(None, [environ.get("PYTHONPATH")])]
    programs = [str(Path(sys.executable).parent), *filter(None, [environ.get("PATH")])]
    return {
        **environ,
        "AIRFLOW_HOME": str(airflow_home(settings)),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PLUGINS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": kept_secret(settings, "fernet_key"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(password_file(settings)),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": kept_secret(settings, "api_secret_key"),
        "AIRFLOW__API_AUTH__JWT_SECRET": kept_secret(settings, "jwt_secret"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{metadata_file(settings)}",
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "kampungkb",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": environ.get("AIRFLOW__OPENLINEAGE__TRANSPORT") or json.dumps(TRANSPORT),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "GX_ANALYTICS_ENABLED": "false",
        "KAMPUNGKB_HOME": str(settings.root),
        "PYTHONPATH": os.pathsep.join(paths),
        "PATH": os.pathsep.join(programs),
    }


def password_file(settings: Settings) -> Path:
    """Where the passwords of the UI's users stand, as JSON."""
    return airflow_home(settings) / "passwords.json"


def connection_variable(connection: Connection) -> str:
    """A connection as the JSON that `AIRFLOW_CONN_<NAME>` takes."""
    fields = connection.model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps({**fields, "password": connection.secret()} if connection.password else fields)


def migrated_marker(settings: Settings) -> Path:
    """A file that stands where the metadata database has the schema of the installed Airflow."""
    return airflow_home(settings) / f"migrated-{version('apache-airflow')}"
