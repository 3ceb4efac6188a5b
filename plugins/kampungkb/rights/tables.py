"""Removing a person from the tables of the warehouse, and reading them there, as `person_traces.yaml` says."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Engine, text

from kampungkb.rights.subject import plainly
from kampungkb.rights.traces import Trace, condition, load_traces, quoted

_CREATE = "create temp table erased (kind text, value text) on commit drop"


def clean_tables(connection: Connection, values: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Delete and clear the person's rows within the caller's transaction; returns the rows touched by table."""
    _fill(connection, values)
    touched: dict[str, int] = {}
    for name, trace in _acting():
        statements = [f"delete from {name} where {condition(trace.delete, plainly)}"] if trace.delete else []
        for clearing in trace.clear:
            nulls = ", ".join(f"{quoted(column)} = null" for column in clearing.columns)
            statements.append(f"update {name} set {nulls} where {condition(clearing.where, plainly)}")
        rows = sum(connection.exec_driver_sql(statement).rowcount for statement in statements)
        if rows:
            touched[name] = rows
    return touched


def rows_held(connection: Connection, values: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Every table with the rows of the person in it, those that hold other persons' facts too as a count only."""
    _fill(connection, values)
    for name, trace in _acting():
        if trace.delete:
            what = "count(*) as rows" if trace.others else "*"
            query = f"select {what} from {name} where {condition(trace.delete, plainly)}"
            rows = [dict(row) for row in connection.exec_driver_sql(query).mappings()]
            yield name, [row for row in rows if not trace.others or row["rows"]]


def vacuum(engine: Engine, names: Iterable[str]) -> None:
    """Let PostgreSQL give up the versions of rows that were deleted."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in names:
            connection.exec_driver_sql(f"vacuum analyze {name}")


def _acting() -> Iterator[tuple[str, Trace]]:
    return ((name, trace) for name, trace in load_traces().warehouse.items() if trace.kinds)


def _fill(connection: Connection, values: Iterable[tuple[str, str]]) -> None:
    connection.exec_driver_sql(_CREATE)
    rows = [{"kind": kind, "value": value} for kind, value in sorted(values)]
    if rows:
        connection.execute(text("insert into erased values (:kind, :value)"), rows)
    connection.exec_driver_sql("analyze erased")
