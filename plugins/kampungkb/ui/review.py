"""Match review on the page: doubtful pairs for a steward's eyes, and decisions in the steward's name.

What comes out holds personal values and goes to nobody but a steward. Decisions are made by
:mod:`kampungkb.linkage.decisions`, as on the command line.
"""

from typing import Literal

from sqlalchemy import Engine

from kampungkb.linkage.decisions import Pair, Record, Verdict, decide, undo
from kampungkb.ui.access import Reader
from kampungkb.ui.reading import Page, Reading, Row, reading

COLUMNS = ("match_weight", "probability", "first_seen", "state", "left_name", "right_name", "left_village")
State = Literal["", "open", "decided", "settled"]


def pairs(view: Reading, page: Page, **filters: str) -> Row:
    """One page of the pairs; filters: `state`, `source`."""
    return view.page("review_list", page, "review_key", **filters)


def pair(view: Reading, review_key: str) -> Row | None:
    """One pair with its comparison, None where there is none that the reader may see."""
    return next(iter(view.rows("review_pair", review_key=review_key)), None)


def decide_pair(engine: Engine, reader: Reader, review_key: str, verdict: Verdict, reason: str) -> int | None:
    """Record a decision in the reader's name; its number, None where the reader may see no such pair.

    Raises the errors of :func:`kampungkb.linkage.decisions.decide`.
    """
    found = _records(engine, reader, review_key)
    return decide(engine, found, verdict, reader.name, reason) if found else None


def undo_decision(engine: Engine, reader: Reader, review_key: str, reason: str) -> int | None:
    """Take the decision on a pair back; returns and raises like :func:`decide_pair`."""
    found = _records(engine, reader, review_key)
    return undo(engine, found, reader.name, reason) if found else None


def _records(engine: Engine, reader: Reader, review_key: str) -> Pair | None:
    with reading(engine, reader, personal=True) as view:
        row = pair(view, review_key)
    if row is None:
        return None
    return Pair(Record(row["left_source"], row["left_key"]), Record(row["right_source"], row["right_key"]))
