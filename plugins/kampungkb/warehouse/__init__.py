"""The warehouse: PostgreSQL, configured or embedded; models, migrations, audit, publication and reading."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kampungkb.warehouse.publication import publish

__all__ = ["publish"]


def __getattr__(name: str) -> Any:
    """Import the publication, and with it Arrow and pandas, only for those who publish: a query starts at once."""
    if name == "publish":
        from kampungkb.warehouse.publication import publish

        return publish
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
