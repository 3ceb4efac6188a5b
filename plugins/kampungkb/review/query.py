"""Pairs for review, read from the warehouse. What comes out holds personal values and is for a steward's eyes."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from kampungkb.errors import DecisionError, WarehouseError
from kampungkb.linkage.decisions import Pair, Record
from kampungkb.warehouse.connect import reason

Row = Mapping[str, Any]
State = Literal["open", "decided", "settled", "all"]
Order = Literal["weight", "probability", "age"]

SHORTEST_KEY = 4
_REVIEW_KEY = re.compile(r"[0-9a-f]{4,32}")
_ORDERS = {
    "weight": "match_weight desc nulls last",
    "probability": "probability desc nulls last",
    "age": "first_seen nulls last",
}
_LISTED = """
select * from vault.match_review
where (:state = 'all' or state = :state)
    and (cast(:village as text) is null or :village in (left_village_code, right_village_code))
    and (cast(:source as text) is null or :source in (left_source, right_source))
order by {order}, review_key
limit :limit
"""
_BY_KEY = "select * from vault.match_review where starts_with(review_key, :key) order by review_key limit 2"
_BY_RECORDS = """
select * from vault.match_review
where (left_source, left_key, right_source, right_key) = (:left_source, :left_key, :right_source, :right_key)
"""


@dataclass(frozen=True)
class Wanted:
    """Which pairs: of a state (or `all`), with a record of a village and of a source; at most `limit`."""

    state: State = "open"
    village: str | None = None
    source: str | None = None
    limit: int | None = None


def pairs(engine: Engine, wanted: Wanted, order: Order = "weight") -> list[Row]:
    """Rows of `vault.match_review`; raises :class:`WarehouseError` where nothing was published yet."""
    return _read(engine, _LISTED.format(order=_ORDERS[order]), asdict(wanted))


def find(engine: Engine, named: str) -> Row | None:
    """The pair that a steward names: by the beginning of its review key, or by its two records.

    Two records are written `source:key=source:key`; None where their pair is not for review. Raises
    :class:`DecisionError` where `named` is neither, and where no pair, or more than one, begins like it.
    """
    if "=" in named:
        pair = records_of(named)
        keys = {"left_key": pair.left.key, "right_key": pair.right.key}
        sources = {"left_source": pair.left.source, "right_source": pair.right.source}
        return next(iter(_read(engine, _BY_RECORDS, {**sources, **keys})), None)
    if not _REVIEW_KEY.fullmatch(named):
        raise DecisionError(
            f"A pair is named by the first {SHORTEST_KEY} or more characters of its key (see `kampungkb review list`), "
            "or by its records, as in family_survey:KEY=civil_registry:KEY."
        )
    found = _read(engine, _BY_KEY, {"key": named})
    if len(found) != 1:
        how_many = "More than one pair begins" if found else "No pair for review begins"
        raise DecisionError(f"{how_many} with {named}: see `kampungkb review list --state all`.")
    return found[0]


def pair_of(engine: Engine, named: str) -> Pair:
    """The records of the pair that a steward names, also where it is not for review; raises like :func:`find`."""
    row = find(engine, named)
    if row is None:
        return records_of(named)
    return Pair(Record(row["left_source"], row["left_key"]), Record(row["right_source"], row["right_key"]))


def records_of(named: str) -> Pair:
    """The pair written as `source:key=source:key`; raises :class:`DecisionError` where it is not."""
    records = [Record(*part.split(":", 1)) for part in named.split("=") if ":" in part]
    if len(records) != 2 or named.count("=") != 1:
        raise DecisionError(
            "Two records are written source:key=source:key, as in family_survey:KEY=civil_registry:KEY."
        )
    return Pair.of(*records)


def _read(engine: Engine, query: str, values: Mapping[str, Any]) -> list[Row]:
    try:
        with engine.begin() as connection:  # committed, for the warehouse records the read
            return [dict(row) for row in connection.execute(text(query), values).mappings()]
    except SQLAlchemyError as fault:
        if getattr(getattr(fault, "orig", None), "sqlstate", None) in ("42P01", "3F000"):
            raise WarehouseError("The warehouse holds no pairs yet: run `make run` first.") from None
        raise WarehouseError(f"The pairs for review cannot be read: {reason(fault)}.") from None
