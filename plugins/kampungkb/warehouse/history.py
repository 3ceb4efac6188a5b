"""What grows from load to load: quarantine, scores and dimensions, the crosswalk, the pairs for review.

Every load, whatever the order in which dates are loaded, takes its place in the histories of quarantine, scores and
dimensions. The other two follow `vault.person_link`, which only a load of the greatest `as_of` changes. All functions
belong into the transaction of a publication, before the load is recorded in `ops.load_run`: what is new or gone depends
on the loads published before and after `as_of`.
"""

from datetime import date

from sqlalchemy import Connection, exists, func, or_, select

from kampungkb.errors import AuditError
from kampungkb.warehouse import spells
from kampungkb.warehouse.differences import Scope, apply, fill, is_empty
from kampungkb.warehouse.models import Base
from kampungkb.warehouse.moved import CAME
from kampungkb.warehouse.staging import Staging

HISTORY = "core.quarantine_spell"
SOURCE_LOAD = "core.source_load"
EFFECT = "mart.kampung_kb_effect"
INDEX = "mart.village_index"
COMPARED = "compared_load"
LINK_HISTORY = "vault.person_link_history"
MATCH_PAIR = "vault.match_pair"


def place_in_history(connection: Connection, staged: Staging, as_of: date) -> dict[str, int]:
    """Bring `core.quarantine_spell` up to the staged `quarantine_row` of a load for `as_of`; rows changed by table.

    `core.source_load` tells the last day of what is open. A source that the load does not have is not judged. The
    statement and its reasons are `include/sql/marts/quarantine_spell.sql`. A load of the same problems and sources as
    the latest moves nothing.
    """
    history, loads = (Base.metadata.tables[name] for name in (HISTORY, SOURCE_LOAD))
    staged.compute_within(connection, loads.name)
    changed = {SOURCE_LOAD: apply(connection, loads, staged.tables[loads.name])}
    if staged.same.issuperset(("quarantine_row", "expected_count")):
        return changed
    staged.compute_within(connection, history.name)
    touched = or_(history.c.resolved_on.is_(None), history.c.resolved_on >= as_of)
    return {**changed, HISTORY: apply(connection, history, staged.tables[history.name], touched)}


def place_spells(connection: Connection, staged: Staging, name: str, as_of: date) -> int:
    """Bring a table of `spells.HISTORIES` up to what a load for `as_of` says; returns the rows changed.

    Only keys whose spells differ are looked at, and of a table of which few units moved only those; the latest load's
    are as they were where it says what the one before it said. Raises :class:`AuditError` where spells of a key would
    overlap.
    """
    history, tables, said = Base.metadata.tables[name], staged.tables, spells.HISTORIES[name]
    if spells.settled(history, staged.same):
        return 0
    within = None
    if said in staged.moved and spells.settled(history, {*staged.same, said}):
        tables, within = {**tables, said: tables[CAME + said]}, lambda rows: staged.within_moved(said, rows)
    if is_empty(connection, history):
        return fill(connection, history, spells.first_spells(history, tables, as_of))
    staged.insert(connection, spells.moved_name(history), spells.moved_keys(history, tables, as_of, within))
    staged.insert(connection, history.name, spells.spells(history, tables, as_of))
    if overlaps := connection.execute(spells.overlapping(history, tables)).scalar_one():
        raise AuditError(
            f"The audit stopped the publication; the warehouse is as it was. {name}: the spells of a key must not "
            f"overlap ({overlaps} rows). Somebody has changed the table by hand: correct its valid_from and valid_to, "
            "then run again."
        )
    return apply(connection, history, tables[history.name], spells.within(history, tables, as_of))


def compare_kampung_kb(connection: Connection, staged: Staging, as_of: date) -> int:
    """Bring `mart.kampung_kb_effect` up to all published loads, this one included; returns the rows changed.

    Where the load follows those compared before, only it is compared.
    """
    effect, measured = (Base.metadata.tables[name] for name in (EFFECT, INDEX))
    follows = _follows_those_compared(connection, staged, as_of)
    loads = select(measured.c.as_of).distinct()
    staged.insert(connection, COMPARED, loads.where(measured.c.as_of == as_of) if follows else loads)
    staged.compute_within(connection, effect.name)
    return apply(connection, effect, staged.tables[effect.name], {"as_of": as_of} if follows else None)


def _follows_those_compared(connection: Connection, staged: Staging, as_of: date) -> bool:
    """Whether a load leaves what was found about earlier ones: it is new and the latest, and by the same rules.

    It is held against the same first load, too, and no village becomes a Kampung KB with it.
    """
    before = staged.known.as_of
    if before is None or as_of <= before or "effect_rule" not in staged.same:
        return False
    effect, measured = (Base.metadata.tables[name] for name in (EFFECT, INDEX))
    first, compared = (select(func.min(column)) for column in (measured.c.as_of, effect.c.baseline_as_of))
    then = measured.alias("then")
    member_then = exists().where(
        then.c.as_of == before,
        then.c.kampung_kb,
        then.c.village_code == measured.c.village_code,
        then.c.basis == measured.c.basis,
    )
    new = exists().where(measured.c.as_of == as_of, measured.c.kampung_kb, ~member_then.correlate(measured))
    asked = select(first.scalar_subquery() == compared.scalar_subquery(), new)
    same_first, any_new = connection.execute(asked).one()
    return bool(same_first) and not any_new


def place_linkage(connection: Connection, staged: Staging, as_of: date) -> dict[str, int]:
    """Bring the history of the crosswalk and the pairs for review up to a staged load; returns rows changed by table.

    For a load of the greatest `as_of` only, within the transaction of its publication. What changed is judged against
    the history before `as_of`, so the same date again replaces its own changes (and touches none that stay the same).
    A crosswalk that is the one of the load before has no changes, and the same pairs listed with it are the same pairs.
    """
    scopes: dict[str, Scope] = {}
    if "person_link" not in staged.same:
        scopes[LINK_HISTORY] = {"as_of": as_of}
    if not staged.same.issuperset(("person_link", "reviewed_pair")):
        scopes[MATCH_PAIR] = None
    for name in scopes:
        staged.compute_within(connection, Base.metadata.tables[name].name)
    return {
        name: apply(connection, table := Base.metadata.tables[name], staged.tables[table.name], scope)
        for name, scope in scopes.items()
    }
