"""Bring the warehouse's tables to the version of this program: Alembic's revisions, under an advisory lock."""

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from kampungkb.errors import WarehouseError
from kampungkb.warehouse.connect import reason
from kampungkb.warehouse.locks import MIGRATE, wait_for
from kampungkb.warehouse.privileges import apply_privileges

log = logging.getLogger(__name__)


def alembic_config() -> Config:
    """Alembic's configuration; the connection goes into its `attributes`."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def migrate(engine: Engine) -> None:
    """Create or upgrade schemas, tables, views and privileges in one transaction; nothing happens where all is right.

    Raises :class:`WarehouseError` where the user may not, or where a newer program has written the warehouse.
    """
    config = alembic_config()
    try:
        with engine.begin() as connection:
            wait_for(connection, MIGRATE)
            if connection.execute(text("select to_regnamespace('ops') is null")).scalar_one():
                connection.execute(text("create schema ops"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            apply_privileges(connection)
    except (CommandError, RevisionError) as fault:
        raise WarehouseError(
            f"The warehouse holds a version of its tables that this program does not know ({fault}): a newer program "
            "has written it. Upgrade this installation."
        ) from None
    except SQLAlchemyError as fault:
        raise WarehouseError(
            f"The tables of the warehouse cannot be created or upgraded: {reason(fault)}. The user of "
            "AIRFLOW_CONN_WAREHOUSE must own the database, or have the right to create schemas in it."
        ) from None
