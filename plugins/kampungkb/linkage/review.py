"""What linkage leaves for people: doubtful pairs with their comparison explained, and duplicates within a source.

Comes in: tonight's persons and candidate pairs on an open connection, and the stewards' decisions. Goes out, beside
the crosswalk: `match_review.parquet`, `duplicate_record.parquet`, `decisions.parquet`. All hold personal values and
stay in the lake and the vault.
"""

from collections.abc import Sequence
from datetime import date

import pyarrow as pa
from duckdb import DuckDBPyConnection

from kampungkb.engine.duckdb import sql_text
from kampungkb.linkage.decisions import Decision
from kampungkb.linkage.model import Definition, Model
from kampungkb.linkage.output import Output
from kampungkb.reporting.messages import message

MATCH_REVIEW = "match_review.parquet"
DUPLICATES = "duplicate_record.parquet"
DECISIONS = "decisions.parquet"

_COLUMNS = ("left_source", "left_key", "right_source", "right_key", "decision")
HOUSEHOLD = "household"
"""The comparison that the decision adds: other members of the two families are linked already."""


_LEVEL_LABEL = """
create temp table level_label (
    comparison varchar, level integer, title_id varchar, title_en varchar, id varchar, en varchar
)
"""
_COMPARED = """
create temp table compared as
with explained as (
    select candidate_pair.* from candidate_pair inner join match_review using (left_id, right_id)
), level as ({levels})
select
    left_id,
    right_id,
    cast(to_json(list(
        struct_pack(
            comparison := comparison,
            level := level,
            weight := round(weight, 3),
            title := struct_pack(id := label.title_id, en := label.title_en),
            label := struct_pack(id := label.id, en := label.en)
        )
        order by position
    )) as varchar) as comparison
from level
left join level_label as label using (comparison, level)
where comparison <> 'household' or level > 0
group by left_id, right_id
"""


_LISTED = """
select match_review.* exclude (left_id, right_id), coalesce(comparison, '[]') as comparison
from match_review left join compared using (left_id, right_id)
order by left_source, left_key, right_source, right_key
"""


def create_decisions(connection: DuckDBPyConnection, decisions: Sequence[Decision]) -> None:
    """Make `decision_in_force`, the decisions by source and key."""
    table = pa.table(
        {
            "decision_id": pa.array([decision.decision_id for decision in decisions], pa.int64()),
            **{
                name: pa.array(values, pa.string())
                for name, values in zip(_COLUMNS, _transposed(decisions), strict=True)
            },
        }
    )
    connection.register("decision_rows", table)
    connection.execute("create temp table decision_in_force as from decision_rows")
    connection.unregister("decision_rows")


def find_decided(connection: DuckDBPyConnection) -> None:
    """From `decision_in_force` make `decided_pair`: decisions about numbered records.

    `steward_decision` (`left_id, right_id, verdict`) is what the decision stage must obey: `same` and `different`;
    `unsure` leaves the pair to the model.
    """
    connection.execute(f"create or replace temp table decided_pair as {sql_text('link_decided_pair')}")
    connection.execute(
        "create or replace temp table steward_decision as from decided_pair where verdict in ('same', 'different')"
    )


def _transposed(decisions: Sequence[Decision]) -> list[list[str]]:
    rows = [(*decision.pair.left, *decision.pair.right, decision.verdict) for decision in decisions]
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in _COLUMNS]


def find_repeated(connection: DuckDBPyConnection) -> None:
    """From `record_state` make `repeated_record` (`source, source_key`): of persons of whom a source has several."""
    connection.execute(
        "create temp table repeated_record as select source, source_key from record_state where repeated"
    )


def read_facts(connection: DuckDBPyConnection, looked_at: str = "from repeated_record") -> None:
    """Make `record_fact`, what a person looks at, of the records of a query on source and key."""
    connection.execute(f"create temp table looked_at as {looked_at}")
    connection.execute(f"create temp table record_fact as {sql_text('link_record_fact')}")


def looked_at(definition: Definition) -> str:
    """SQL: the records of likely and decided pairs, and of `repeated_record`."""
    return (
        "from repeated_record union all "
        "select source, source_key from person_number where record_id in (select unnest([left_id, right_id]) from ("
        f"select left_id, right_id from candidate_pair where probability >= {definition.decision.review} "
        "union all select left_id, right_id from decided_pair))"
    )


def write_review(connection: DuckDBPyConnection, model: Model, output: Output) -> None:
    """From `candidate_pair`, `record_label`, `record_fact` and the decisions write the pairs for review, and these.

    `candidate_pair` is `left_id, right_id, match_weight, probability` and, for each comparison, `level_<comparison>`
    and `weight_<comparison>` (log2 of the Bayes factor).
    """
    decision = model.definition.decision
    parameters = {"review": decision.review, "accept": decision.accept, "model_version": model.version}
    connection.execute(f"create temp table match_review as {sql_text('link_review')}", parameters)
    _create_compared(connection, model.definition)
    output.write(_LISTED, MATCH_REVIEW, "left_source", "left_key")
    output.write("from decision_in_force order by decision_id", DECISIONS)


def find_duplicates(connection: DuckDBPyConnection, as_of: date) -> None:
    """From `every_link`, `repeated_record` and `record_fact` make `duplicate_record`: whom one source holds twice."""
    connection.execute(f"create temp table duplicate_record as {sql_text('link_duplicate')}", {"as_of": as_of})


def write_duplicates(output: Output) -> None:
    """Write `duplicate_record`."""
    output.write("from duplicate_record order by source, source_key", DUPLICATES)


def _create_compared(connection: DuckDBPyConnection, definition: Definition) -> None:
    """Make `compared` (`left_id, right_id, comparison`): the comparison of the pairs for review, as JSON."""
    connection.execute(_LEVEL_LABEL)
    connection.executemany("insert into level_label values (?, ?, ?, ?, ?, ?)", _labels(definition))
    columns = [str(name) for name, *_ in connection.execute("describe candidate_pair").fetchall()]
    comparisons = [name.removeprefix("level_") for name in columns if name.startswith("level_")]
    levels = " union all ".join(
        f"select left_id, right_id, {position} as position, '{name}' as comparison, "
        f'"level_{name}" as level, "weight_{name}" as weight from explained'
        for position, name in enumerate(comparisons, start=1)
    )
    connection.execute(_COMPARED.format(levels=levels))


def _labels(definition: Definition) -> list[tuple[str, int, str, str, str, str]]:
    """Comparison, level number, what is compared and what the level means, in Indonesian and English each."""
    title, linked = message("review_household"), message("review_household_linked")
    labels = {(HOUSEHOLD, 1): (HOUSEHOLD, 1, title.id, title.en, linked.id, linked.en)}
    for each in definition.comparisons:
        for level in each.levels:
            [number] = each.numbers((level.id,))
            row = (each.name, number, each.label.id, each.label.en, level.label.id, level.label.en)
            labels.setdefault((each.name, number), row)
    return list(labels.values())
