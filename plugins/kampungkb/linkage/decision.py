"""The decision: which records are one person, from exact rules, the model's pairs and the stewards' decisions.

1. Pairs are joined by an exact rule, by a probability of at least `accept`, or by a steward's `same`; never by a
   pattern of `never_accept` or against a steward's `different`.
2. Records that hang together are one person, unless that gives a person two records it cannot have
   (`one_record_per`) or two that a steward told apart: then :mod:`~kampungkb.linkage.conflicts` divides them.
3. Pairs of families that now share other linked members get the weight of the same family, and 1 and 2 are repeated.

The probability of a pair knows its rivals: of the pairs of a record with records of one source, one is true.
"""

from collections import defaultdict
from itertools import combinations

import pyarrow as pa
from duckdb import DuckDBPyConnection

from kampungkb.engine.duckdb import sql_text
from kampungkb.linkage.clusters import label_records
from kampungkb.linkage.conflicts import Pair, divide
from kampungkb.linkage.model import Definition, Household, Model, weight_of
from kampungkb.linkage.posterior import weigh_rivals

EXACT_WEIGHT = 40.0
STEWARD_WEIGHT = 10_000.0
JOINED = "select left_id, right_id from joined_pair where weight > 0"


def decide(connection: DuckDBPyConnection, model: Model) -> None:
    """Both stages: :func:`decide_alone`, then :func:`decide_among_families`."""
    decide_alone(connection, model)
    decide_among_families(connection, model)


def decide_alone(connection: DuckDBPyConnection, model: Model) -> None:
    """From `compared_record`, `candidate_pair`, `exact_shared` and `steward_decision` make `record_label` (`label`).

    Also `record_component` (`label`): the smallest record of those on which the decision about a record depends.
    """
    label_records(connection, sql_text("link_edge"), "record_component")
    take_pairs(connection, model)
    _weigh(connection, model)
    _label(connection)


def take_pairs(connection: DuckDBPyConnection, model: Model) -> None:
    """From `candidate_pair` and `record_component` make `pair_weight`: what pairs weigh before families are asked."""
    connection.execute(
        "create or replace temp table pair_weight as select left_id, right_id, label as component, match_weight, "
        f"cast(null as double) as weight_household, {_never(model.definition)} as contradictory "
        "from candidate_pair inner join record_component on left_id = record_id"
    )


def decide_among_families(connection: DuckDBPyConnection, model: Model) -> None:
    """Decide once more, with what families say about each other (`household_member`), and name the rules.

    `candidate_pair` gets `level_household` (1: other members of the two families are linked), `weight_household`, which
    its `match_weight` includes, and `probability`: that of the pair beside its rivals. `link_rule` gets the rules
    `model`, `model_household` and `steward`, and `shared` has the groups of records of one person.
    """
    if (household := model.definition.household) is not None:
        _add_households(connection, model, household)
        _weigh(connection, model)
        _label(connection)
    connection.execute(f"create or replace table candidate_pair as {sql_text('link_weighed_pair')}")
    _name_rules(connection, model)


def _name_rules(connection: DuckDBPyConnection, model: Model) -> None:
    for name, version in (("model", model.version), ("model_household", model.version), ("steward", None)):
        connection.execute("insert into link_rule select max(rule) + 1, ?, ? from link_rule", [name, version])
    connection.execute(f"create or replace temp table joined_shared as {sql_text('link_joined_shared')}")
    connection.execute(f"create or replace temp table shared as {sql_text('link_decided')}")


def _weigh(connection: DuckDBPyConnection, model: Model) -> None:
    """Make `joined_pair` (`left_id, right_id, weight`): what speaks for (above 0) or against one person."""
    accept = weight_of(model.definition.decision.accept)
    weigh_rivals(connection)
    connection.execute(
        "create or replace temp table model_pair as "
        f"select left_id, right_id, posterior.weight - {accept} as weight, contradictory "
        "from pair_weight inner join posterior using (left_id, right_id)"
    )
    connection.execute(
        f"create or replace temp table joined_pair as {sql_text('link_joined')}",
        {"exact_weight": EXACT_WEIGHT, "steward_weight": STEWARD_WEIGHT},
    )


def _never(definition: Definition) -> str:
    patterns = [
        " and ".join(
            f"level_{name} in ({', '.join(map(str, definition.comparison(name).numbers(ids)))})"
            for name, ids in rule.levels.items()
        )
        for rule in definition.decision.never_accept
    ]
    return " or ".join(f"({pattern})" for pattern in patterns) or "false"


def _label(connection: DuckDBPyConnection) -> None:
    label_records(connection, JOINED)
    connection.execute(f"create or replace temp table conflict as {sql_text('link_conflict')}")
    records: dict[int, list[int]] = defaultdict(list)
    exclusive: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for label, record, key in connection.execute(sql_text("link_conflict_records")).fetchall():
        records[label].append(record)
        if key is not None:
            exclusive[label][key].append(record)
    apart: dict[int, set[Pair]] = defaultdict(set)
    for label, keys in exclusive.items():
        for same in keys.values():
            apart[label].update(combinations(sorted(same), 2))
    weights: dict[int, dict[Pair, float]] = defaultdict(dict)
    for label, left, right, weight in connection.execute(sql_text("link_conflict_pairs")).fetchall():
        if weight <= -STEWARD_WEIGHT:
            apart[label].add((left, right))
            continue
        weights[label][left, right] = weight
        if weight >= STEWARD_WEIGHT:
            apart[label].discard((left, right))
    persons: dict[int, int] = {}
    for label in sorted(records):
        persons |= divide(records[label], weights[label], apart[label])
    connection.register(
        "divided",
        pa.table({"record_id": pa.array(persons.keys(), pa.int64()), "label": pa.array(persons.values(), pa.int64())}),
    )
    connection.execute(
        "update record_label set label = divided.label from divided where record_label.record_id = divided.record_id"
    )
    connection.unregister("divided")


def _add_households(connection: DuckDBPyConnection, model: Model, household: Household) -> None:
    """Give the pairs of families that share other linked members the weight of one family."""
    instead = " + ".join(f"weight_{name}" for name in household.instead_of)
    gain = f"greatest({model.weight(household.comparison, household.level)} - ({instead}), 0.0)"
    connection.execute(f"create or replace temp table household_link as {sql_text('link_household')}")
    connection.execute(
        "create or replace temp table acquainted as "
        f"select left_id, right_id, {gain} as gain from ({sql_text('link_acquainted')}) "
        "inner join candidate_pair using (left_id, right_id)"
    )
    connection.execute(
        "create or replace temp table pair_weight as select pair_weight.* replace ("
        "match_weight + coalesce(gain, 0.0) as match_weight, gain as weight_household) "
        "from pair_weight left join acquainted using (left_id, right_id)"
    )
