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
from kampungkb.linkage.decision import decide_alone, decide_among_families, take_pairs
from kampungkb.linkage.families import gather_families, label_first, number_families
from kampungkb.linkage.model import Definition, Model
from kampungkb.linkage.prediction import (
    CANDIDATE_PAIR,
    PAIR,
    TABLE,
    Predict,
    averages,
    match_weight,
    pair_columns,
    prepare,
)
from kampungkb.linkage.records import assign_numbers, keep_sources, number_records, read_numbered
from kampungkb.linkage.review import DECISIONS, find_decided
from kampungkb.linkage.rules import find_groups, rule_columns, take_groups
from kampungkb.linkage.splink_model import CHANGED, EXCLUSIVE, ID, RIVAL, block_column
from kampungkb.linkage.state import STATE, known_columns, opened_columns


class TooMuchChanged(Exception):
    """Since the earlier night so much changed that deciding everything is less work."""


def decide_everything(connection: DuckDBPyConnection, model: Model, predict: Predict) -> int:
    """Compare and decide all records of `present`; return how many were compared."""
    number_records(connection, "from present")
    find_groups(connection)
    find_decided(connection)
    prepare(connection, model, "person_fact")
    predict(connection, model)
    decide_alone(connection, model)
    number_families(connection, TABLE)
    label_first(connection)
    connection.execute("create temp table settled (household ubigint, label ubigint)")
    gather_families(connection)
    decide_among_families(connection, model)
    return _count(connection, "present")


def decide_changes(connection: DuckDBPyConnection, model: Model, earlier: Path, predict: Predict) -> int:
    """Compare what changed since the night in the folder `earlier`, and decide what hangs together with it.

    Leaves the tables that :func:`decide_everything` leaves, for these records alone, and `reopened`
    (`source, source_key`): the records of which nothing can be carried over from the earlier night. Returns how many
    were compared; raises :class:`TooMuchChanged` where comparing everything is less work.
    """
    _open(connection, model.definition, earlier)
    _add_records_of_moved_keys(connection, model.definition)
    compared = _count(connection, "changed")
    if 2 * compared > _count(connection, "present") or _population_moved(connection):
        raise TooMuchChanged
    _compare(connection, model, predict)
    _reopen(connection, model)
    _gather(connection, model)
    decide_alone(connection, model)
    label_first(connection)
    if model.definition.household is not None and _reopen_families(connection, model):
        _gather(connection, model)
        _place_first_labels(connection)
        take_pairs(connection, model)
    gather_families(connection)
    decide_among_families(connection, model)
    _read_decided(connection)
    return compared


def _open(connection: DuckDBPyConnection, definition: Definition, earlier: Path) -> None:
    """Make `state`, `gone` (states that are no more), `changed` (records compared anew), `new_record` and `population`.

    `new_record` has what decisions ask of a record, of those that are no state's, as the state has it of all others:
    records are read from their sources to be compared, and not to be decided. `population` counts the records by key
    columns, tonight (`records`) and the earlier night (`before`).
    """
    connection.read_parquet(str(earlier / STATE)).create_view("state")
    connection.read_parquet(str(earlier / CANDIDATE_PAIR)).create_view("earlier_pair")
    connection.read_parquet(str(earlier / DECISIONS)).create_view("earlier_decision")
    columns = ", ".join(key_columns(definition))
    connection.execute(
        f"create temp table gone as select source, source_key, digest, {columns} from state "
        "anti join present using (digest)"
    )
    connection.execute("create temp table changed as from present anti join state using (digest)")
    number_records(connection, "from changed")
    find_groups(connection)
    add_keys(connection, definition, "person_fact")
    add_blocks(connection, definition, "person_fact", TABLE, "false")
    number_families(connection, TABLE)
    known = ", ".join(known_columns(definition))
    connection.execute(
        f"create temp table new_record as select source, source_key, digest, {known} from person_number "
        f"inner join (select {ID}, {EXCLUSIVE}, {RIVAL} from {TABLE}) using ({ID}) "
        f"inner join {KEYS} using ({ID}) inner join record_household using ({ID}) left join rule_group using ({ID})"
    )
    connection.execute(
        f"create temp table difference as select {columns}, -1 as records from gone "
        f"union all select {columns}, 1 as records from new_record"
    )
    connection.execute(
        f"create temp view population as select {columns}, 1 as records, 1 as before from state "
        "union all select *, 0 as before from difference"
    )


def _add_records_of_moved_keys(connection: DuckDBPyConnection, definition: Definition) -> None:
    """Add to `changed` the records of keys that became crowded or ceased to be, and of names on another step.

    Makes `changed_key` (`source, source_key, digest`, key columns) of all that changed.
    """
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
    columns = f"source, source_key, digest, {', '.join(key_columns(definition))}"
    connection.execute(
        f"create temp table changed_key as select {columns} from new_record union all "
        f"select {columns} from state anti join gone using (digest) "
        f"where {' or '.join(f'{key} in (from moved_{key})' for key in moved)}"
    )
    connection.execute("create or replace temp table changed as select source, source_key from changed_key")


def _step(count: str) -> str:
    return f"floor(log2(greatest({count}, 1)))"


def _population_moved(connection: DuckDBPyConnection) -> bool:
    """Whether the population itself passed a step, so that every name weighs something else."""
    ((moved,),) = connection.execute(
        "select round(log2(greatest((select count(*) from present), 1))) "
        "<> round(log2(greatest((select count(*) from state), 1)))"
    ).fetchall()
    return bool(moved)


def _compare(connection: DuckDBPyConnection, model: Model, predict: Predict) -> None:
    """Compare the changed records with everybody: `found_pair`, by source and key; `rule_partner`, by exact rules."""
    blocks = [block_column(place) for place in range(1, len(model.definition.blocking) + 1)]
    connection.execute(f"create or replace temp table {KEYS} as from changed_key")
    find_crowded(connection, model.definition, "population")
    for key in blocks:
        connection.execute(
            f"create temp table wanted_{key} as select distinct {key} from {KEYS} "
            f"where {key} not in (from crowded_{key})"
        )
    rules = " or ".join(f"{column} in (select {column} from new_record)" for column in rule_columns())
    connection.execute(f"create temp table rule_partner as select source, source_key from state where {rules}")
    columns = ", ".join(key_columns(model.definition))
    connection.execute(
        "create temp table comparable as from changed_key union all "
        f"select source, source_key, digest, {columns} from state "
        "anti join gone using (digest) anti join changed_key using (digest) "
        f"where {' or '.join(f'{key} in (from wanted_{key})' for key in blocks)}"
    )
    number_records(connection, "select source, source_key from comparable")
    _take_keys(connection, key_columns(model.definition), "comparable")
    connection.execute(
        f"create or replace view comparable_fact as select person_fact.*, changed.source is not null as {CHANGED} "
        "from person_fact left join changed using (source, source_key)"
    )
    add_blocks(connection, model.definition, "comparable_fact", TABLE, f"{KEYS}.{{key}} in (from wanted_{{key}})")
    count_terms(connection, model.definition, TABLE, averages(model), "population")
    predict(connection, model, only_changed=True)
    columns = ", ".join(pair_columns(model.definition))
    connection.execute(
        f"create temp table found_pair as select left_source, left_key, right_source, right_key, {columns} "
        f"from ({sql_text('link_candidate_pair')})"
    )


def _reopen(connection: DuckDBPyConnection, model: Model) -> None:
    """Make `reopened`, the records that are decided anew, `reopened_state`, their states, and `settled`, all others.

    A component is reopened as a whole. `reopened_pair` has its pairs: those found tonight, and the earlier ones of two
    records that did not change.
    """
    columns = ", ".join(opened_columns(model.definition))
    connection.execute(f"create temp table touched as {sql_text('link_touched')}")
    connection.execute(f"create temp table reopened_state as {_states_of(columns, 'link_touched_component')}")
    connection.execute("create temp table reopened as from touched union select source, source_key from reopened_state")
    connection.execute("create temp view settled as from state anti join reopened_state using (component)")
    connection.execute(
        f"create temp table reopened_pair as from found_pair union all {_earlier_pairs(model, 'reopened_state')}"
    )


def _reopen_families(connection: DuckDBPyConnection, model: Model) -> bool:
    """Reopen the components of families of which other members are thought to be others than before.

    Nothing changed inside these components: they need not be decided alone once more. Makes `thought`, whom all
    reopened records are thought to be before families are asked, by `record_key`.
    """
    columns = ", ".join(opened_columns(model.definition))
    connection.execute(f"create temp table asked as {_states_of(columns, 'link_asked_component')}")
    connection.execute(f"create temp table thought as {sql_text('link_thought')}")
    connection.execute("insert into reopened select source, source_key from asked")
    connection.execute("insert into reopened_state from asked")
    connection.execute(f"insert into reopened_pair {_earlier_pairs(model, 'asked')}")
    return _count(connection, "asked") > 0


def _states_of(columns: str, components: str) -> str:
    """SQL: the states of the components that a statement finds."""
    return f"select {columns} from state semi join ({sql_text(components)}) using (component)"


def _earlier_pairs(model: Model, states: str) -> str:
    """SQL: the earlier pairs of these states, of which neither record changed; pairs do not leave a component."""
    return (
        f"select left_source, left_key, right_source, right_key, {', '.join(pair_columns(model.definition))} "
        f"from (from earlier_pair semi join {states} as own on left_source = own.source and left_key = own.source_key) "
        "anti join changed as one on left_source = one.source and left_key = one.source_key "
        "anti join changed as two on right_source = two.source and right_key = two.source_key"
    )


def _gather(connection: DuckDBPyConnection, model: Model) -> None:
    """Number the reopened records; make what decisions need of them, from their states and `reopened_pair`."""
    known = known_columns(model.definition)
    columns = f"source, source_key, digest, {', '.join(known)}"
    connection.execute(
        f"create or replace temp table opened as select {columns} from new_record union all "
        f"select {columns} from reopened_state anti join gone using (digest)"
    )
    assign_numbers(connection, "select source, source_key, digest from opened")
    _take_keys(connection, known, "opened")
    take_groups(connection, KEYS)
    connection.execute(f"create or replace temp view record_household as select {ID}, household from {KEYS}")
    find_decided(connection)
    connection.execute(f"create or replace table {TABLE} as select {ID}, {EXCLUSIVE}, {RIVAL} from {KEYS}")
    connection.execute(
        f"create or replace table {PAIR} as select one.{ID} as left_id, two.{ID} as right_id, {match_weight(model)}, "
        f"{', '.join(pair_columns(model.definition))} from reopened_pair "
        "inner join person_number as one on left_source = one.source and left_key = one.source_key "
        "inner join person_number as two on right_source = two.source and right_key = two.source_key"
    )


def _take_keys(connection: DuckDBPyConnection, columns: list[str], table: str) -> None:
    """Make `record_keys` of the records of `person_number`: these columns of a table."""
    connection.execute(
        f"create or replace temp table {KEYS} as select {ID}, {', '.join(columns)} "
        f"from {table} inner join person_number using (source, source_key)"
    )


def _place_first_labels(connection: DuckDBPyConnection) -> None:
    """From `thought` make `first_label`, `record_label` and `record_component` under tonight's last numbers."""
    connection.execute(
        f"create or replace temp table first_label as select {ID}, thought.* exclude (component) "
        "from thought inner join person_number using (record_key)"
    )
    for name in ("label", "component"):
        connection.execute(
            f"create or replace temp table record_{name} as select own.{ID}, smallest.{ID} as label from thought "
            "inner join person_number as own using (record_key) "
            f"inner join person_number as smallest on thought.{name} = smallest.record_key"
        )


def _read_decided(connection: DuckDBPyConnection) -> None:
    """Read what the rest of the night asks of records: to judge those decided tonight, and to show repeated ones."""
    keep_sources(
        connection,
        "select source, source_key from person_number union all select source, source_key from settled where repeated",
    )
    read_numbered(connection)


def _count(connection: DuckDBPyConnection, table: str) -> int:
    ((count,),) = connection.execute(f"select count(*) from {table}").fetchall()
    return int(count)
