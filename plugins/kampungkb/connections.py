"""Airflow connections without Airflow: the same `AIRFLOW_CONN_<NAME>` variables and file, as URI or as JSON."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from kampungkb.errors import ConfigurationError
from kampungkb.settings import secrets_folder

FAMILY_WORKBOOKS = "family_workbooks"
CIVIL_REGISTRY = "civil_registry"
HEALTH_INSURANCE = "health_insurance"
WAREHOUSE = "warehouse"
CONNECTIONS_FILE = "connections.json"


class Connection(BaseModel):
    """One Airflow connection. `schema_` is Airflow's `schema`: a database name, or http/https for an API.

    `conn_type` is spelled as Airflow spells it: `postgresql` is `postgres`, and `-` is `_`.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, coerce_numbers_to_str=True)

    conn_type: str = Field(min_length=1)
    host: str | None = None
    port: int | None = Field(default=None, ge=0, le=65535)
    login: str | None = None
    password: SecretStr | None = None
    schema_: str | None = Field(default=None, alias="schema")
    extra: dict[str, Any] = Field(default_factory=dict, repr=False)

    def secret(self) -> str:
        """The password in the clear, empty where none is set."""
        return self.password.get_secret_value() if self.password else ""


def is_sample(connection: Connection) -> bool:
    """Whether a connection says (extra `sample`) that it leads to the generated sample.

    Sample and real snapshots never replay, stand in for, or build on one another.
    """
    return str(connection.extra.get("sample", "")).lower() in ("1", "true", "yes")


def _split_host(uri: str) -> tuple[SplitResult, str]:
    """The parts of a URI and its host; the host may carry a protocol of its own (`http://https://host`)."""
    scheme, marker, rest = uri.partition("://")
    if not marker:
        raise ValueError("not a URI")
    protocol, separator, inner = rest.partition("://")
    carries_protocol = bool(separator) and protocol.isalnum()
    parts = urlsplit(f"{scheme}://{inner if carries_protocol else rest}")
    bare = parts.netloc.rpartition("@")[2]
    host = unquote(bare[1:].partition("]")[0] if bare.startswith("[") else bare.partition(":")[0])
    return parts, f"{protocol}://{host}" if carries_protocol and host else host


def _from_uri(uri: str) -> dict[str, Any]:
    parts, host = _split_host(uri)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return {
        "conn_type": parts.scheme,
        "host": host,
        "port": parts.port,
        "login": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "schema": unquote(parts.path[1:]),
        "extra": query.get("__extra__", query),
    }


def parse_connection(conn_id: str, value: str) -> Connection:
    """Read one connection from the text of its variable, as Airflow reads it.

    Raises :class:`ConfigurationError` that names the variable and never its value.
    """
    try:
        stated = json.loads(value) if value.lstrip().startswith("{") else _from_uri(value)
        fields = {name: field for name, field in stated.items() if field not in (None, "")}
        if isinstance(fields.get("extra"), str):
            fields["extra"] = json.loads(fields["extra"])
        if isinstance(fields.get("password"), int):
            fields["password"] = str(fields["password"])
        conn_type = fields.get("conn_type", "")
        fields["conn_type"] = "postgres" if conn_type == "postgresql" else conn_type.replace("-", "_")
        return Connection.model_validate(fields)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise ConfigurationError(
            f"AIRFLOW_CONN_{conn_id.upper()} is neither an Airflow connection URI nor JSON with at least conn_type. "
            "See docs/reference/configuration.md for an example of each."
        ) from None


def _texts_of_file(path: Path) -> dict[str, str]:
    """The texts of a file of connections, in the form of Airflow's local file backend: `{id: URI or object}`."""
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
        return {conn_id: text if isinstance(text, str) else json.dumps(text) for conn_id, text in stated.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError):
        raise ConfigurationError(
            f"{path} cannot be read as a JSON object of connections, {{id: URI or object}}: correct it, or let the "
            "user of this program read it."
        ) from None


def connections_from_environment(environ: Mapping[str, str] = os.environ) -> dict[str, Connection]:
    """The connections of this product that the environment sets, by id; an empty variable counts as unset.

    What no variable sets may stand in `connections.json` of the folder `KAMPUNGKB_SECRETS`.
    """
    ids = (FAMILY_WORKBOOKS, CIVIL_REGISTRY, HEALTH_INSURANCE, WAREHOUSE)
    folder = secrets_folder(environ)
    filed = _texts_of_file(folder / CONNECTIONS_FILE) if folder else {}
    texts = {id_: environ.get(f"AIRFLOW_CONN_{id_.upper()}", "").strip() or filed.get(id_, "") for id_ in ids}
    return {conn_id: parse_connection(conn_id, text) for conn_id, text in texts.items() if text}
