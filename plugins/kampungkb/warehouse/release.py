"""What `open` shows: counts in steps of five families, and means that move once five families have changed.

The method and its proof are `docs/decisions/0034-counts-in-steps-of-five.md`; the statements are the `open_*.sql` files
of `include/sql/marts`. A further aggregate is a part of `open_cell.sql` and a file that shows it.
"""

from datetime import date

from sqlalchemy import Connection

from kampungkb.warehouse.differences import Scope, apply
from kampungkb.warehouse.models import Base
from kampungkb.warehouse.staged_tables import OPEN_PREFIX
from kampungkb.warehouse.staging import Staging

HELPERS = ("open_cell", "open_count")
MEANS = "core.open_release"
HISTORY = "open.village_index_history"
SHOWN = (
    *("open.village_index", "open.district_index", "open.regency_index", "open.indicator_coverage"),
    *("open.programme_coverage", "open.data_quality", "open.source_freshness", "open.kampung_kb_candidate"),
)


def release(connection: Connection, staged: Staging, as_of: date) -> dict[str, int]:
    """Bring `open` up to the staged marts of the latest load; returns the rows changed by table.

    To be called within the transaction of the publication: the means hang on those published before.
    """
    for helper in HELPERS:
        staged.compute_within(connection, helper)
    changed = {MEANS: _publish(connection, staged, MEANS, "open_release")}
    staged.compute_within(connection, "open_region_index")
    for name in SHOWN:
        changed[name] = _publish(connection, staged, name, _staged_name(name))
    changed[HISTORY] = _publish(connection, staged, HISTORY, _staged_name(HISTORY), {"as_of": as_of})
    return changed


def _staged_name(name: str) -> str:
    return OPEN_PREFIX + name.partition(".")[2]


def _publish(connection: Connection, staged: Staging, name: str, staged_name: str, scope: Scope = None) -> int:
    staged.compute_within(connection, staged_name)
    if staged_name in staged.same:
        return 0
    return apply(connection, Base.metadata.tables[name], staged.tables[staged_name], scope)
