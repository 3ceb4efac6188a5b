"""The history of quarantine: every load, whatever the order in which dates are loaded, takes its place in it."""

from datetime import date

from sqlalchemy import Connection, or_

from kampungkb.warehouse.differences import apply
from kampungkb.warehouse.models import Base
from kampungkb.warehouse.staging import Staging

HISTORY = "core.quarantine_history"


def place_in_history(connection: Connection, staged: Staging, as_of: date) -> int:
    """Bring `core.quarantine_history` up to the staged `quarantine` of a load for `as_of`; returns the rows changed.

    To be called before the load is recorded in `ops.load_run`, within the transaction of its publication: what is
    new or gone depends on the loads published before and after `as_of`. A source that the load does not have is not
    judged. The statement and its reasons are `include/sql/marts/quarantine_history.sql`.
    """
    history = Base.metadata.tables[HISTORY]
    staged.compute_within(connection, history.name, as_of)
    touched = or_(history.c.resolved_on.is_(None), history.c.resolved_on >= as_of)
    return apply(connection, history, staged.tables[history.name], touched)
