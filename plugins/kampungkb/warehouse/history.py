"""What grows from load to load: quarantine, scores, the crosswalk, the pairs for review.

Every load, whatever the order in which dates are loaded, takes its place in the histories of quarantine and scores.
The other two follow `vault.person_link`, which only a load of the greatest `as_of` changes. All functions belong into
the transaction of a publication, before the load is recorded in `ops.load_run`: what is new or gone depends on the
loads published before and after `as_of`.
"""

from datetime import date

from sqlalchemy import Connection, or_, select, tuple_

from kampungkb.warehouse.differences import apply
from kampungkb.warehouse.models import Base
from kampungkb.warehouse.staging import Staging

HISTORY = "core.quarantine_history"
SCORES = "core.fact_family_score"
EFFECT = "mart.kampung_kb_effect"
LINK_HISTORY = "vault.person_link_history"
MATCH_PAIR = "vault.match_pair"


def place_in_history(connection: Connection, staged: Staging, as_of: date) -> int:
    """Bring `core.quarantine_history` up to the staged `quarantine` of a load for `as_of`; returns the rows changed.

    A source that the load does not have is not judged. The statement and its reasons are
    `include/sql/marts/quarantine_history.sql`.
    """
    history = Base.metadata.tables[HISTORY]
    staged.compute_within(connection, history.name, as_of)
    touched = or_(history.c.resolved_on.is_(None), history.c.resolved_on >= as_of)
    return apply(connection, history, staged.tables[history.name], touched)


def place_scores_in_history(connection: Connection, staged: Staging, as_of: date) -> int:
    """Bring `core.fact_family_score` up to the staged `family_score` of a load for `as_of`; returns the rows changed.

    Only families whose spells differ are looked at (`moved_family.sql`); `fact_family_score.sql` makes their spells.
    """
    history, moved = Base.metadata.tables[SCORES], staged.tables["moved_family"]
    staged.compute_within(connection, moved.name, as_of)
    staged.compute_within(connection, history.name, as_of)
    within = or_(history.c.valid_to.is_(None), history.c.valid_to >= as_of)
    of_moved = tuple_(history.c.family_key, history.c.basis).in_(select(moved.c.family_key, moved.c.basis))
    return apply(connection, history, staged.tables[history.name], within & of_moved)


def compare_kampung_kb(connection: Connection, staged: Staging, as_of: date) -> int:
    """Compute `mart.kampung_kb_effect` anew over all published loads, this one included; returns the rows changed."""
    effect = Base.metadata.tables[EFFECT]
    staged.compute_within(connection, effect.name, as_of)
    return apply(connection, effect, staged.tables[effect.name])


def place_linkage(connection: Connection, staged: Staging, as_of: date) -> dict[str, int]:
    """Bring the history of the crosswalk and the pairs for review up to a staged load; returns rows changed by table.

    For a load of the greatest `as_of` only, within the transaction of its publication. What changed is judged against
    the history before `as_of`, so the same date again replaces its own changes (and touches none that stay the same).
    """
    tables = Base.metadata.tables
    for name in (LINK_HISTORY, MATCH_PAIR):
        staged.compute_within(connection, tables[name].name, as_of)
    return {
        LINK_HISTORY: apply(connection, tables[LINK_HISTORY], staged.tables["person_link_history"], {"as_of": as_of}),
        MATCH_PAIR: apply(connection, tables[MATCH_PAIR], staged.tables["match_pair"]),
    }
