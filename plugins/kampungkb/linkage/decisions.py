"""Decisions of stewards: two records are the same person, or are not. They outlive every re-run and every model.

They stand in `vault.match_decision`, where rows are only added; the last one of a pair is in force, unless it undoes
the one before. Decisions in force never contradict each other: one that would is refused when it is made.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, Self

from sqlalchemy import Connection, Engine, insert, text
from sqlalchemy.exc import SQLAlchemyError

from kampungkb.connections import WAREHOUSE
from kampungkb.errors import DecisionError, WarehouseError
from kampungkb.run import SOURCES, Run
from kampungkb.warehouse import embedded
from kampungkb.warehouse.connect import reason as fault_of
from kampungkb.warehouse.connect import warehouse
from kampungkb.warehouse.linkage_models import MatchDecision
from kampungkb.warehouse.locks import DECIDE, wait_for

Verdict = Literal["same", "different", "unsure"]
_NO_SUCH_TABLE = ("42P01", "3F000")

_IN_FORCE = """
select decision_id, left_source, left_key, right_source, right_key, decision, decided_by, decided_at, reason
from vault.match_decision_in_force
order by decision_id
"""


class Record(NamedTuple):
    """A person record: its source and its key there."""

    source: str
    key: str


@dataclass(frozen=True)
class Pair:
    """Two records, the smaller one first."""

    left: Record
    right: Record

    @classmethod
    def of(cls, first: Record, second: Record) -> Self:
        """The pair of two records; raises :class:`DecisionError` where they are one, or of an unknown source."""
        for record in (first, second):
            if record.source not in SOURCES:
                raise DecisionError(f"{record.source} is no source; the sources are {', '.join(SOURCES)}.")
        if first == second:
            raise DecisionError("Both records are the same one: name two different records.")
        return cls(*sorted((first, second)))


@dataclass(frozen=True)
class Decision:
    """A decision in force."""

    decision_id: int
    pair: Pair
    verdict: Verdict
    decided_by: str
    decided_at: datetime
    reason: str


def in_force(connection: Connection) -> list[Decision]:
    """Every decision in force, in the order in which they were made."""
    return [
        Decision(
            decision_id=row["decision_id"],
            pair=Pair(Record(row["left_source"], row["left_key"]), Record(row["right_source"], row["right_key"])),
            verdict=row["decision"],
            decided_by=row["decided_by"],
            decided_at=row["decided_at"],
            reason=row["reason"],
        )
        for row in connection.execute(text(_IN_FORCE)).mappings()
    ]


def decisions_for(run: Run) -> list[Decision]:
    """The decisions that a run must respect; none where nothing was ever published to its warehouse.

    Raises :class:`WarehouseError` where the warehouse is out of reach: a load without its decisions would undo them.
    """
    if WAREHOUSE not in run.connections and not embedded.exists(run.settings):
        return []
    with warehouse(run.settings, run.connections) as engine:
        try:
            with engine.connect() as connection:
                return in_force(connection)
        except SQLAlchemyError as fault:
            if getattr(getattr(fault, "orig", None), "sqlstate", None) in _NO_SUCH_TABLE:
                return []
            raise WarehouseError(
                f"The stewards' decisions cannot be read: {fault_of(fault)}. Nothing was linked, for a load without "
                "them would undo them; correct it, then run again."
            ) from None


def decide(engine: Engine, pair: Pair, verdict: Verdict, by: str, reason: str) -> int:
    """Record a decision on a pair over an earlier one; returns its number.

    Raises :class:`DecisionError` where it contradicts decisions in force, or says not by whom or why, and
    :class:`WarehouseError` where the warehouse refuses it.
    """
    with _deciding(engine) as connection:
        others = [decision for decision in in_force(connection) if decision.pair != pair]
        against = contradicted(others, pair, verdict)
        if against:
            raise DecisionError(
                f"The decision `{verdict}` contradicts what was decided before (decisions "
                f"{', '.join(f'no. {number}' for number in against)}): together they would make the records one "
                "person and two. Nothing was recorded; undo the one that is wrong (`kampungkb review undo`), then "
                "decide again."
            )
        return _add(connection, pair, verdict, by, reason)


def undo(engine: Engine, pair: Pair, by: str, reason: str) -> int:
    """Take the decision on a pair back, so that the model decides again; returns the number of this act.

    Raises :class:`DecisionError` where none is in force.
    """
    with _deciding(engine) as connection:
        if not any(decision.pair == pair for decision in in_force(connection)):
            raise DecisionError("No decision on this pair is in force, so there is nothing to undo.")
        return _add(connection, pair, "undone", by, reason)


def contradicted(decisions: Iterable[Decision], pair: Pair, verdict: Verdict) -> list[int]:
    """Numbers of the decisions that a further one contradicts; empty where all of them can be true together.

    `same` carries over (a = b and b = c make a = c), and no two records that it joins may be `different`.
    """
    given = list(decisions)
    joined: dict[Record, list[tuple[Record, int]]] = {}
    for decision in given:
        if decision.verdict == "same":
            left, right = decision.pair.left, decision.pair.right
            joined.setdefault(left, []).append((right, decision.decision_id))
            joined.setdefault(right, []).append((left, decision.decision_id))
    from_left, from_right = _paths(joined, pair.left), _paths(joined, pair.right)
    if verdict == "different":
        return sorted(from_left.get(pair.right, ()))
    if verdict == "same":
        for decision in given:
            if decision.verdict == "different":
                for one, other in (
                    (decision.pair.left, decision.pair.right),
                    (decision.pair.right, decision.pair.left),
                ):
                    if one in from_left and other in from_right:
                        return sorted({decision.decision_id, *from_left[one], *from_right[other]})
    return []


def _paths(joined: Mapping[Record, Sequence[tuple[Record, int]]], start: Record) -> dict[Record, tuple[int, ...]]:
    """Every record that `same` joins to `start`, with the decisions on the shortest way there."""
    found: dict[Record, tuple[int, ...]] = {start: ()}
    waiting = deque([start])
    while waiting:
        record = waiting.popleft()
        for neighbour, number in joined.get(record, ()):
            if neighbour not in found:
                found[neighbour] = (*found[record], number)
                waiting.append(neighbour)
    return found


@contextmanager
def _deciding(engine: Engine) -> Iterator[Connection]:
    """A transaction in which nobody else decides."""
    try:
        with engine.begin() as connection:
            wait_for(connection, DECIDE)
            yield connection
    except SQLAlchemyError as fault:
        if getattr(getattr(fault, "orig", None), "sqlstate", None) in _NO_SUCH_TABLE:
            raise WarehouseError("The warehouse holds no pairs yet: run `make run` first.") from None
        raise WarehouseError(
            f"The warehouse did not take the decision: {fault_of(fault)}. Nothing was recorded; try again."
        ) from None


def _add(connection: Connection, pair: Pair, decision: str, by: str, reason: str) -> int:
    if not by.strip() or not reason.strip():
        raise DecisionError("A decision says by whom and why: give both, in a few words. Nothing was recorded.")
    statement = insert(MatchDecision).values(
        left_source=pair.left.source,
        left_key=pair.left.key,
        right_source=pair.right.source,
        right_key=pair.right.key,
        decision=decision,
        decided_by=by.strip(),
        reason=reason.strip(),
    )
    return int(connection.execute(statement.returning(MatchDecision.decision_id)).scalar_one())
