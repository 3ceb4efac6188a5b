"""The embedded PostgreSQL of the integration tests, for the faults too."""

from tests.integration.conftest import embedded_server, warehouse_connection, warehouse_engine, warehouse_run

__all__ = ["embedded_server", "warehouse_connection", "warehouse_engine", "warehouse_run"]
