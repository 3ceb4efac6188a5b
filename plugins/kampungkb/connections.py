"""Airflow connections without Airflow: the same `AIRFLOW_CONN_<NAME>` variables, as URI or as JSON."""

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from kampungkb.errors import ConfigurationError

FAMILY_WORKBOOKS = "family_workbooks"
CIVIL_REGISTRY = "civil_registry"
HEALTH_INSURANCE = "health_insurance"
WAREHOUSE = "warehouse"


class Connection(BaseModel):
    """One Airflow connection. `schema_` is Airflow's `schema`: a database name, or http/https for an API."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    conn_type: str
    host: str | None = None
    port: int | None = None
    login: str | None = None
    password: SecretStr | None = None
    schema_: str | None = Field(default=None, alias="schema")
    extra: dict[str, Any] = Field(default_factory=dict)

    def secret(self) -> str:
        """The password in the clear, empty where none is set."""
        return self.password.get_secret_value() if self.password else ""


def _from_uri(uri: str) -> dict[str, Any]:
    parts = urlsplit(uri)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    extra = json.loads(query["__extra__"]) if "__extra__" in query else query
    netloc_host = parts.netloc.rsplit("@", 1)[-1]
    if not netloc_host.startswith("["):
        netloc_host = netloc_host.split(":", 1)[0]
    return {
        "conn_type": parts.scheme.replace("-", "_"),
        "host": unquote(netloc_host.strip("[]")) or None,
        "port": parts.port,
        "login": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "schema": unquote(parts.path[1:]) or None,
        "extra": extra,
    }


def parse_connection(conn_id: str, value: str) -> Connection:
    """Read one connection from the text of its variable.

    Raises :class:`ConfigurationError` that names the variable and never its value.
    """
    try:
        if value.lstrip().startswith("{"):
            fields = json.loads(value)
            extra = fields.get("extra") or {}
            fields["extra"] = json.loads(extra) if isinstance(extra, str) else extra
        else:
            fields = _from_uri(value)
        return Connection.model_validate(fields)
    except (ValueError, TypeError, AttributeError, ValidationError):
        raise ConfigurationError(
            f"AIRFLOW_CONN_{conn_id.upper()} is neither an Airflow connection URI nor JSON with at least conn_type. "
            "See docs/reference/configuration.md for an example of each."
        ) from None


def connections_from_environment(environ: Mapping[str, str] = os.environ) -> dict[str, Connection]:
    """The connections of this product that the environment sets, by id; an empty variable counts as unset."""
    ids = (FAMILY_WORKBOOKS, CIVIL_REGISTRY, HEALTH_INSURANCE, WAREHOUSE)
    texts = {conn_id: environ.get(f"AIRFLOW_CONN_{conn_id.upper()}", "").strip() for conn_id in ids}
    return {conn_id: parse_connection(conn_id, text) for conn_id, text in texts.items() if text}
