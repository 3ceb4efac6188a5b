"""Link rules: each is one SQL statement whose rows put person records into groups; a group is one person.

A rule never lists pairs: it gives a record the group that it belongs to (`record_id, link_group`), and records that
share a group are the same person. So an identity number shared by thousands costs
thousands of rows and not millions of pairs. The decision (`decision.py`) adds the pairs of the model as groups of two.
"""

from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from kampungkb.engine.duckdb import sql_text


@dataclass(frozen=True)
class LinkRule:
    """A rule by the name that stands in `match_rule`; its statement is `include/sql/transform/link_<name>.sql`."""

    name: str
    probability: float = 1.0


RULES = (LinkRule("exact_nik_birth_date"), LinkRule("exact_nik_name"))
"""The rules in the order in which `match_rule` prefers them where a record is joined by several."""


def rule_columns(rules: tuple[LinkRule, ...] = RULES) -> list[str]:
    """The columns of `rule_group`: a record's group of each rule."""
    return [f"rule_{number}" for number, _ in enumerate(rules, start=1)]


def find_groups(connection: DuckDBPyConnection, rules: tuple[LinkRule, ...] = RULES) -> None:
    """From `person_record` make `membership`: one row a record and rule with its link group (64 bits of its MD5).

    And `exact_shared`: those of groups that the record shares with another one; the view `rule_group`: one row a
    record, a column a rule.
    """
    connection.execute("create or replace temp table link_rule (rule integer, name varchar, model_version varchar)")
    for position, rule in enumerate(rules, start=1):
        connection.execute("insert into link_rule values (?, ?, null)", [position, rule.name])
    _share(
        connection,
        [
            f"select record_id, {position}, md5_number_lower(link_group), {rule.probability} "
            f"from ({sql_text(f'link_{rule.name}')})"
            for position, rule in enumerate(rules, start=1)
        ],
    )
    groups = ", ".join(
        f"max(link_group) filter (rule = {number}) as {name}"
        for number, name in enumerate(rule_columns(rules), start=1)
    )
    connection.execute(
        f"create or replace temp view rule_group as select record_id, {groups} from membership group by record_id"
    )


def take_groups(connection: DuckDBPyConnection, table: str, rules: tuple[LinkRule, ...] = RULES) -> None:
    """Make what :func:`find_groups` makes from a table that has the columns of `rule_group` already."""
    columns = rule_columns(rules)
    _share(
        connection,
        [
            f"select record_id, {position}, {column}, {rule.probability} from {table} where {column} is not null"
            for position, (rule, column) in enumerate(zip(rules, columns, strict=True), start=1)
        ],
    )
    connection.execute(f"create or replace temp view rule_group as select record_id, {', '.join(columns)} from {table}")


def _share(connection: DuckDBPyConnection, members: list[str]) -> None:
    connection.execute(
        "create or replace temp table membership "
        "(record_id bigint, rule integer, link_group ubigint, probability double)"
    )
    for rows in members:
        connection.execute(f"insert into membership {rows}")
    connection.execute(f"create or replace temp table exact_shared as {sql_text('link_shared')}")
