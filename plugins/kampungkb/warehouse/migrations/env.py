"""What Alembic runs: the revisions, on the connection it is handed, within the caller's transaction."""

from alembic import context

from kampungkb.warehouse.models import SCHEMAS, Base

VERSION_SCHEMA = "ops"


def _ours(name: str | None, type_: str, parents: object) -> bool:
    return type_ != "schema" or name in SCHEMAS


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    include_schemas=True,
    include_name=_ours,
    version_table_schema=VERSION_SCHEMA,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
