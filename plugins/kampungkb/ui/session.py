"""Who asks, by Airflow's session, and where the warehouse is, by Airflow's connection `warehouse`.

The only module of the page that knows Airflow. Airflow's dependencies are imported at module level: FastAPI reads the
annotations of the routes.
"""

from functools import cache
from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.models import Connection as AirflowConnection
from airflow.sdk.exceptions import AirflowNotFoundException
from fastapi import Depends
from sqlalchemy import Engine

from kampungkb.connections import WAREHOUSE, parse_connection
from kampungkb.errors import ConfigurationError
from kampungkb.settings import load_settings
from kampungkb.ui.access import Reader, read_access, reader_of
from kampungkb.warehouse.connect import engine_of

DAG_ID = "nightly_load"

may_read_dag = requires_access_dag(method="GET", param_dag_id=DAG_ID)
"""Airflow's own permission: whoever may not see the load's DAG does not see the page either."""


def current_reader(user: GetUserDep) -> Reader:
    """The reader behind the session: 401 without one, :class:`NotAllowed` where `access.yaml` gives no role."""
    return reader_of(read_access(load_settings().root), user.get_name(), _roles(user))


def _roles(user: object) -> tuple[str, ...]:
    """The role of the simple auth manager's user, or the roles of the FAB one's."""
    single = getattr(user, "role", None)
    several = getattr(user, "roles", None) or ()
    return (str(single),) if single else tuple(str(getattr(role, "name", role)) for role in several)


@cache
def warehouse_engine() -> Engine:
    """The pool of connections to the warehouse, opened once; a failed attempt is made again at the next request.

    Raises :class:`ConfigurationError` where Airflow knows no connection `warehouse`.
    """
    try:
        declared = AirflowConnection.get_connection_from_secrets(WAREHOUSE)
    except AirflowNotFoundException:
        raise ConfigurationError(
            "Airflow has no connection `warehouse`: set AIRFLOW_CONN_WAREHOUSE for its API server "
            "(docs/reference/configuration.md)."
        ) from None
    return engine_of(parse_connection(WAREHOUSE, declared.as_json()))


ReaderDep = Annotated[Reader, Depends(current_reader)]
EngineDep = Annotated[Engine, Depends(warehouse_engine)]
