"""The warehouse: PostgreSQL, configured or embedded; models, migrations, audit, publication and reading."""

from kampungkb.warehouse.publish import publish

__all__ = ["publish"]
