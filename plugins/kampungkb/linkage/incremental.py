"""Only what changed is compared, and only what hangs together with it is decided; the rest is carried over.

What a pair weighs follows from its two records, the blocking keys they share, the frequencies of their names and the
model. What is decided of a record follows from the pairs of its component, and from the families that share a person
with its own (:mod:`~kampungkb.linkage.families`). So a record is compared anew where its digest is new, a key of it
became crowded or ceased to be, or a name of it passed a step of frequency; and a component is decided anew where
a record of it was compared anew or vanished, found a new partner, or was decided upon by a steward. The result is the
same, row for row, as that of comparing and deciding everything.
"""

from pathlib import Path

from duckdb import DuckDBPyConnection

from kampungkb.engine.duckdb import sql_text
from kampungkb.linkage.blocks import KEYS, add_blocks, add_keys, count_terms, find_crowded, key_columns, term_column
from kampungkb.linkage.decision import decide_alone, decide_among_families
from kampungkb.linkage.families import gather_families, label_first
from kampungkb.linkage.model import Definition, Model
from kampungkb.linkage.prediction import (
    CANDIDATE_PAIR,
    PAIR,
    TABLE,
    averages,
    match_weight,
    pair_columns,
    predict,
    prepare,
)
from kampungkb.linkage.records import assign_numbers, number_records
from kampungkb.linkage.review import DECISIONS, find_decided
from kampungkb.linkage.rules import find_groups
from kampungkb.linkage.splink_model import CHANGED, ID, block_column
from kampungkb.linkage.state import STATE, rule_columns

_READ = {
    "read_record": "from person_record",
    "read_fact": "from person_fact",
    "read_keys": f"select source, source_key, {KEYS}.* from {KEYS} inner join person_number using (record_id)",
}
"""What is kept of the records that were read tonight, so that none is read and normalised twice."""


def decide_everything(connection: DuckDBPyConnection, model: Model) -> int:
    """Compare and decide all records of `present`; return how many were compared."""
    number_records(connection, "from present")
    find_groups(connection)
    find_decided(connection)
    prepare(connection, model, "person_fact")
    predict(connection, model)
    decide_alone(connection, model)
    label_first(connection)
    connection.execute("create temp table settled (household ubigint, label ubigint)")
    gather_families(connection)
    decide_among_families(connection, model)
    return _count(connection, "present")


def decide_changes(connection: DuckDBPyConnection, model: Model, earlier: Path) -> int | None:
    """Compare what changed since the night in the folder `earlier`, and decide what hangs together with it.

    Leaves the tables that :func:`decide_everything` leaves, for these records alone, and `reopened`
    (`source, source_key`): the records of which nothing can be carried over from the earlier night. Returns how many
    were compared, or None where so much changed that comparing everything is less work.
    """
    _open(connection, model.definition, earlier)
    _add_records_of_moved_keys(connection, model.definition)
    compared = _count(connection, "changed")
    if 2 * compared > _count(connection, "present") or _population_moved(connection):
        return None
    _compare(connection, model)
    _reopen(connection)
    _decide(connection, model)
    if _reopen_families(connection):
        _decide(connection, model)
        label_first(connection)
    gather_families(connection)
    decide_among_families(connection, model)
    return compared


def _open(connection: DuckDBPyConnection, definition: Definition, earlier: Path) -> None:
    """Make `state`, `gone` (states that are no more), `changed` (records compared anew) and `population`.

    `population` counts the records by key columns, tonight (`records`) and the earlier night (`before`).
    """
    connection.read_parquet(str(earlier / STATE)).create_view("state")
    connection.read_parquet(str(earlier / CANDIDATE_PAIR)).create_view("earlier_pair")
    connection.read_parquet(str(earlier / DECISIONS)).create_view("earlier_decision")
    connection.execute("create temp table gone as from state anti join present using (digest)")
    connection.execute(
        "create temp table changed as select source, source_key from present anti join state using (digest)"
    )
    number_records(connection, "from present semi join changed using (source, source_key)")
    add_keys(connection, definition, "person_fact")
    for kept, rows in _READ.items():
        connection.execute(f"create temp table {kept} as {rows}")
    columns = ", ".join(key_columns(definition))
    connection.execute(
        f"create temp table difference as select {columns}, -1 as records from gone "
        f"union all select {columns}, 1 as records from {KEYS}"
    )
    connection.execute(
        f"create temp view population as select {columns}, 1 as records, 1 as before from state "
        "union all select *, 0 as before from difference"
    )


def _number(connection: DuckDBPyConnection, definition: Definition, records: str) -> None:
    """Number the records of the table `records`: `person_number`, `person_record`, `person_fact` and `record_keys`.

    A record is read from its source and normalised the first time it is asked for.
    """
    connection.execute(
        f"create or replace temp table unread as from present semi join {records} using (source, source_key) "
        "anti join read_record using (source, source_key)"
    )
    if _count(connection, "unread"):
        number_records(connection, "from unread")
        add_keys(connection, definition, "person_fact")
        for kept, rows in _READ.items():
            connection.execute(f"insert into {kept} {rows}")
    assign_numbers(connection, f"from present semi join {records} using (source, source_key)")
    numbered = (
        "select person_number.record_id, {0}.* exclude ({1}) "
        "from {0} inner join person_number using (source, source_key)"
    )
    connection.execute(f"create or replace table person_record as {numbered.format('read_record', 'record_id')}")
    connection.execute(f"create or replace view person_fact as {numbered.format('read_fact', 'record_id')}")
    keys = numbered.format("read_keys", "record_id, source, source_key")
    connection.execute(f"create or replace temp table {KEYS} as {keys}")


def _add_records_of_moved_keys(connection: DuckDBPyConnection, definition: Definition) -> None:
    """Add to `changed` the records of keys that became crowded or ceased to be, and of names on another step."""
    moved = {
        block_column(place): f"(sum(records) > {block.at_most}) <> (sum(before) > {block.at_most})"
        for place, block in enumerate(definition.blocking, start=1)
    }
    for column in definition.term_frequencies:
        moved[term_column(column)] = f"{_step('sum(records)')} <> {_step('sum(before)')}"
    for key, condition in moved.items():
        connection.execute(
            f"create temp table moved_{key} as select {key} from population "
            f"where {key} in (select {key} from difference) group by {key} having {condition}"
        )
    ((added,),) = connection.execute(
        "insert into changed select source, source_key from state anti join gone using (digest) "
        f"where {' or '.join(f'{key} in (from moved_{key})' for key in moved)}"
    ).fetchall()
    if added:
        _number(connection, definition, "changed")


def _step(count: str) -> str:
    return f"floor(log2(greatest({count}, 1)))"


def _population_moved(connection: DuckDBPyConnection) -> bool:
    """Whether the population itself passed a step, so that every name weighs something else."""
    ((moved,),) = connection.execute(
        "select round(log2(greatest((select count(*) from present), 1))) "
        "<> round(log2(greatest((select count(*) from state), 1)))"
    ).fetchall()
    return bool(moved)


def _compare(connection: DuckDBPyConnection, model: Model) -> None:
    """Compare the changed records with everybody: `found_pair`, by source and key; `rule_partner`, by exact rules."""
    blocks = [block_column(place) for place in range(1, len(model.definition.blocking) + 1)]
    find_groups(connection)
    find_crowded(connection, model.definition, "population")
    for key in blocks:
        connection.execute(
            f"create temp table wanted_{key} as select distinct {key} from {KEYS} "
            f"where {key} not in (from crowded_{key})"
        )
    rules = " or ".join(
        f"{column} in (select link_group from membership where rule = {number})"
        for number, column in enumerate(rule_columns(), start=1)
    )
    connection.execute(f"create temp table rule_partner as select source, source_key from state where {rules}")
    connection.execute(
        "create temp table comparable as from changed union select source, source_key from state "
        f"where {' or '.join(f'{key} in (from wanted_{key})' for key in blocks)}"
    )
    _number(connection, model.definition, "comparable")
    connection.execute(
        f"create or replace view comparable_fact as select person_fact.*, changed.source is not null as {CHANGED} "
        "from person_fact left join changed using (source, source_key)"
    )
    add_blocks(connection, model.definition, "comparable_fact", TABLE, f"{KEYS}.{{key}} in (from wanted_{{key}})")
    count_terms(connection, model.definition, TABLE, averages(model), "population")
    predict(connection, model, only_changed=True)
    connection.execute(f"create temp table found_pair as {sql_text('link_candidate_pair')}")


def _reopen(connection: DuckDBPyConnection) -> None:
    """Make `reopened`, the records whose component is decided anew, and `settled`, the states of the others."""
    connection.execute(f"create temp table reopened as {sql_text('link_reopened')}")
    connection.execute("create temp view settled as from state anti join reopened using (source, source_key)")


def _reopen_families(connection: DuckDBPyConnection) -> bool:
    """Add to `reopened` the components of families of which other members are thought to be others than before."""
    label_first(connection)
    ((added,),) = connection.execute(f"insert into reopened {sql_text('link_reopened_family')}").fetchall()
    return bool(added)


def _decide(connection: DuckDBPyConnection, model: Model) -> None:
    """Decide the reopened records alone, by the pairs found tonight and those of two records that did not change."""
    _number(connection, model.definition, "reopened")
    find_groups(connection)
    find_decided(connection)
    add_blocks(connection, model.definition, "person_fact", TABLE, "false")
    columns = ", ".join(pair_columns(model.definition))
    connection.execute(
        f"create or replace table {PAIR} as "
        f"with pair as (select left_source, left_key, right_source, right_key, {columns} from found_pair union all "
        f"select left_source, left_key, right_source, right_key, {columns} from earlier_pair "
        "anti join changed as one on left_source = one.source and left_key = one.source_key "
        "anti join changed as two on right_source = two.source and right_key = two.source_key) "
        f"select one.{ID} as left_id, two.{ID} as right_id, {match_weight(model)}, {columns} from pair "
        "inner join person_number as one on left_source = one.source and left_key = one.source_key "
        "inner join person_number as two on right_source = two.source and right_key = two.source_key"
    )
    decide_alone(connection, model)


def _count(connection: DuckDBPyConnection, table: str) -> int:
    ((count,),) = connection.execute(f"select count(*) from {table}").fetchall()
    return int(count)
