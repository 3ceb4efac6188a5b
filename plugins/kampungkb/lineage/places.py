"""The namespace and name of a dataset, as other programs that emit OpenLineage would name it.

A folder or file is `file` and its path, a table `postgres://host:port` and `database.schema.table`, a list of a web
service its address and path. What this project starts itself has another port every time: the embedded server is
`postgres://embedded`, and a service of the sample is named without its port.
"""

from pathlib import PurePosixPath
from typing import NamedTuple

from kampungkb.connections import CIVIL_REGISTRY, FAMILY_WORKBOOKS, HEALTH_INSURANCE, WAREHOUSE, Connection, is_sample
from kampungkb.run import CONNECTION_OF_SOURCE, Run
from kampungkb.warehouse.embedded import WAREHOUSE_DATABASE, is_embedded

EMBEDDED = "postgres://embedded"
_PORTS = {"postgres": 5432, "mysql": 3306, "mssql": 1433}
_LAKE = ("landing", "accepted", "persons", "scores")


class Place(NamedTuple):
    """Namespace and name of a dataset in OpenLineage."""

    namespace: str
    name: str


def place(run: Run, dataset: str) -> Place:
    """Where a dataset of this product lies, in the installation of that run."""
    first, *rest = dataset.split("/")
    if first == "source":
        source, table = rest
        return _of_source(run, source, table)
    if rest:
        return Place("file", str((run.settings.lake if first in _LAKE else run.settings.root) / dataset))
    warehouse = run.connections.get(WAREHOUSE)
    database = warehouse.schema_ if warehouse else WAREHOUSE_DATABASE
    return Place(_server(warehouse) if warehouse else EMBEDDED, f"{database}.{dataset}")


def _of_source(run: Run, source: str, table: str) -> Place:
    conn_id = CONNECTION_OF_SOURCE[source]
    connection = run.connections.get(conn_id)
    if connection is None:
        return Place(conn_id, table)
    extra = connection.extra
    if conn_id == FAMILY_WORKBOOKS:
        return Place("file", str(PurePosixPath(str(extra.get("path", ""))) / table))
    if conn_id == HEALTH_INSURANCE:
        path = str(extra.get("base_path") or "").strip("/")
        return Place(_service(connection), f"{path}/{table}".lstrip("/"))
    if conn_id == CIVIL_REGISTRY and connection.conn_type == "sqlite":
        file = connection.host or f"/{(connection.schema_ or '').lstrip('/')}"
        return Place("file", f"{file}/{table}")
    parts = (connection.schema_, extra.get("schema"), table)
    return Place(_server(connection), ".".join(str(part) for part in parts if part))


def _server(connection: Connection) -> str:
    if is_embedded(connection):
        return EMBEDDED
    port = connection.port or _PORTS.get(connection.conn_type)
    return f"{connection.conn_type}://{connection.host}{f':{port}' if port else ''}"


def _service(connection: Connection) -> str:
    protocol, _, host = (connection.host or "").rpartition("://")
    port = f":{connection.port}" if connection.port and not is_sample(connection) else ""
    return f"{protocol or connection.schema_ or 'http'}://{host.rpartition('@')[2]}{port}"  # never a login in it
