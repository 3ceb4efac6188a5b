"""What the tables of the warehouse are declared with: the schemas, the base of all tables, commented columns."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, Date, Double, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, MappedColumn, mapped_column

SCHEMAS = {
    "core": "Dimensions and facts; pseudonymous",
    "mart": "What analysts read: pseudonymous families and aggregates",
    "open": "Aggregates with small counts suppressed, for viewers and for publishing",
    "ops": "Runs, checks and quarantine, without personal values",
    "vault": "Personal data and the map of keys; closed to analysts",
    "service": "Action lists by name, for those allowed",
}


class Base(DeclarativeBase):
    """Every table of the warehouse."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "uq": "%(table_name)s_%(column_0_name)s_key",
            "ix": "%(table_name)s_%(column_0_name)s_idx",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - read by SQLAlchemy on the class
        str: Text,
        float: Double,
        date: Date,
        datetime: TIMESTAMP(timezone=True),
        list[str]: ARRAY(Text),
        dict[str, Any]: JSONB,
    }


def key(comment: str) -> MappedColumn[Any]:
    """A column of the primary key, filled by us."""
    return mapped_column(primary_key=True, autoincrement=False, comment=comment)


def col(comment: str) -> MappedColumn[Any]:
    """A column with its meaning."""
    return mapped_column(comment=comment)


def within(schema: str, comment: str) -> dict[str, str]:
    """The schema of a table and what it holds."""
    return {"schema": schema, "comment": comment}
