"""DuckDB's dialect to Spark's: what sqlglot translates, and a rule for each thing that it does not.

A rule is a function from a part of a statement to what stands in its place. Each is here because a table came out
different, or not at all; the tests of `tests/spark` hold every table of the lake against DuckDB's. Macros are written
out where they are called: Spark's own functions have no arguments of any type.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

from sqlglot import exp, parse_one

TIME_ZONE = "Asia/Jakarta"


@dataclass(frozen=True)
class Macro:
    """A macro: its parameters and what it stands for, with the macros within written out."""

    parameters: tuple[str, ...]
    body: exp.Expr


Macros = Mapping[str, Macro]


def parsed(statement: str, parameters: object = None) -> exp.Expr:
    """One statement in DuckDB's dialect, its parameters (`?` or `$name`) written in as literals."""
    tree = parse_one(statement, read="duckdb")
    if parameters is None:
        return tree
    given = iter(parameters) if isinstance(parameters, Sequence) else None

    def bound(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Placeholder):
            return node
        value = next(given) if given else cast("Mapping[str, object]", parameters)[node.name]
        return exp.cast(str(value), "date") if isinstance(value, date) else exp.convert(value)

    return tree.transform(bound)


def macro(statement: exp.Create, macros: Macros) -> tuple[str, Macro]:
    """The name and meaning of a `create macro`."""
    declared = statement.this
    names = tuple(each.name for each in declared.expressions)
    return declared.this.name.lower(), Macro(names, written_out(statement.expression, macros))


def written_out(tree: exp.Expr, macros: Macros) -> exp.Expr:
    """The same with every call of a macro replaced by what it stands for."""

    def replaced(node: exp.Expr) -> exp.Expr:
        called = macros.get(node.name.lower()) if isinstance(node, exp.Anonymous) else None
        if called is None:
            return node
        given = [written_out(argument, macros) for argument in node.expressions]
        return _one(_with_arguments(called, dict(zip(called.parameters, given, strict=True))))

    return tree.transform(replaced)


def _with_arguments(called: Macro, given: Mapping[str, exp.Expr]) -> exp.Expr:
    def argument(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and not node.table and node.name in given:
            return _one(given[node.name].copy())
        return node

    return called.body.transform(argument)


def _one(value: exp.Expr) -> exp.Expr:
    """A value that holds together wherever it stands."""
    return value if isinstance(value, exp.Column | exp.Literal | exp.Func | exp.Paren) else exp.paren(value)


def spark_sql(tree: exp.Expr, macros: Macros) -> str:
    """A query or an expression in Spark's dialect."""
    return _in_spark(written_out(tree, macros)).sql(dialect="spark", comments=False)


def spark_type(column: exp.ColumnDef) -> str:
    """The type of a column as Spark names it."""
    return _in_spark(column.args["kind"]).sql(dialect="spark")


def _in_spark(tree: exp.Expr) -> exp.Expr:
    """The rules applied to every part, inner ones first."""
    root = exp.paren(tree)
    for node in reversed(list(root.this.bfs())):
        rule = _FUNCTIONS.get(node.name.lower()) if isinstance(node, exp.Anonymous) else _NODES.get(type(node))
        if rule:
            node.replace(rule(node))
    found: exp.Expr = root.this
    return found


def _call(name: str) -> Callable[[exp.Expr], exp.Expr]:
    return lambda node: exp.Anonymous(this=name, expressions=node.expressions)


def _text(node: exp.Expr) -> str:
    """The text of a literal; a pattern that is computed has no rule."""
    if isinstance(node, exp.Literal) and node.is_string:
        return node.name
    raise ValueError(f"a pattern that is no literal cannot be translated: {node.sql()[:80]}")


def _pattern(written: str) -> exp.Expr:
    """A pattern of RE2 as Java reads it: there `$` holds before a last line end as well."""
    return exp.Literal.string(re.sub(r"(?<!\\)\$(?=\)*$)", lambda _: r"\z", written))


def _full_match(node: exp.Expr) -> exp.Expr:
    pattern = exp.Literal.string(f"^(?:{_text(node.expression)})\\z")
    return exp.paren(exp.RegexpLike(this=node.this, expression=pattern))


def _regexp_extract(node: exp.Expr) -> exp.Expr:
    node.set("expression", _pattern(_text(node.expression)))
    return node


def _regexp_replace(node: exp.Expr) -> exp.Expr:
    """DuckDB replaces the first match unless told `g`, Spark all; and groups are `\\1` here, `$1` there."""
    pattern = _text(node.expression)
    by = re.sub(r"\\(\d)", r"$\1", _text(node.args["replacement"]).replace("$", r"\$"))
    everywhere = "g" in (node.args.get("modifiers") or exp.Literal.string("")).name
    if not everywhere and not pattern.startswith("^"):
        raise ValueError(f"a pattern that may match twice needs the option g: {pattern}")
    return exp.Anonymous(this="regexp_replace", expressions=[node.this, _pattern(pattern), exp.Literal.string(by)])


def _has_all(node: exp.Expr) -> exp.Expr:
    whole, part = node.expressions
    return exp.EQ(this=exp.func("size", exp.func("array_except", part, whole)), expression=exp.convert(0))


def _map(node: exp.Expr) -> exp.Expr:
    entries = [part for each in node.this.expressions for part in (each.this, each.expression)]
    return exp.Anonymous(this="map", expressions=entries)


def _local_time(node: exp.Expr) -> exp.Expr:
    """The session's time zone is the one that the SQL names: wall clock and instant become each other by a cast."""
    zone, moment = node.expressions
    if _text(zone) != TIME_ZONE:
        raise ValueError(f"only the time zone {TIME_ZONE} can be translated")
    if isinstance(moment, exp.TryCast):
        return exp.TryCast(this=moment.this, to=exp.DataType.build("timestamptz"), safe=True)
    found: exp.Expr = moment
    return found


def _character(node: exp.Expr) -> exp.Expr:
    """`chr(160)` as a literal: Spark's `chr` knows 256 characters."""
    if len(node.expressions) == 1 and node.expressions[0].is_int:
        return exp.Literal.string(chr(int(node.expressions[0].name)))
    return node


def _column(node: exp.Expr) -> exp.Expr:
    return exp.column("row_index", table="_metadata") if node.name == "file_row_number" else node


def _read_parquet(node: exp.Expr) -> exp.Expr:
    if not isinstance(node.this, exp.ReadParquet):
        return node
    path = _text(node.this.expressions[0])
    found = exp.table_(f"file://{path}", db="parquet", quoted=True)
    if alias := node.args.get("alias"):
        found.set("alias", alias)
    return found


def _type(node: exp.Expr) -> exp.Expr:
    """Spark has no unsigned whole numbers: the next larger type holds them."""
    larger = {"UBIGINT": "decimal(20, 0)", "UINT": "bigint", "INT128": "decimal(38, 0)"}
    kind = cast("exp.DataType", node).this.name
    return exp.DataType.build(larger[kind]) if kind in larger else node


_FUNCTIONS: Mapping[str, Callable[[exp.Expr], exp.Expr]] = {
    "timezone": _local_time,
    "strlen": _call("octet_length"),
    "printf": _call("format_string"),
    "hash": _call("xxhash64"),
    "list_has_all": _has_all,
    "map_extract_value": _call("try_element_at"),
}

_NODES: Mapping[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.RegexpFullMatch: _full_match,
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpReplace: _regexp_replace,
    exp.ToMap: _map,
    exp.Chr: _character,
    exp.Column: _column,
    exp.Table: _read_parquet,
    exp.DataType: _type,
}
