"""Link rules: each is one SQL statement whose rows put person records into groups; a group is one person.

A rule never lists pairs: it gives every record the groups that it belongs to (`record_id, link_group,
probability`), and records that share a group are the same person. So an identity number shared by thousands costs
thousands of rows and not millions of pairs. The decision (`decision.py`) adds the pairs of the model as groups of two.
"""

from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from kampungkb.engine.duckdb import sql_text


@dataclass(frozen=True)
class LinkRule:
    """A rule by the name that stands in `match_rule`; its statement is `include/sql/transform/link_<name>.sql`."""

    name: str


RULES = (LinkRule("exact_nik_birth_date"), LinkRule("exact_nik_name"))
"""The rules in the order in which `match_rule` prefers them where a record is joined by several."""


def find_groups(connection: DuckDBPyConnection, rules: tuple[LinkRule, ...] = RULES) -> None:
    """From `person_record` make `membership`: one row a record and rule with its link group (64 bits of its MD5).

    And `shared`: those of groups that the record shares with another one.
    """
    connection.execute("create or replace temp table link_rule (rule integer, name varchar, model_version varchar)")
    connection.execute(
        "create or replace temp table membership "
        "(record_id bigint, rule integer, link_group ubigint, probability double)"
    )
    for position, rule in enumerate(rules, start=1):
        connection.execute("insert into link_rule values (?, ?, null)", [position, rule.name])
        connection.execute(
            f"insert into membership select record_id, {position}, md5_number_lower(link_group), probability "
            f"from ({sql_text(f'link_{rule.name}')})"
        )
    connection.execute(f"create or replace temp table exact_shared as {sql_text('link_shared')}")
