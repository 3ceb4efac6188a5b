"""Only what changed is compared: a pair of two unchanged records keeps what an earlier night found for it.

What a pair weighs follows from the two records, the blocking keys, the term frequencies of their names and the model.
All of that goes into a record's fingerprint, so an unchanged pair can be taken from `candidate_pair.parquet`, and the
result is the same, row for row, as that of comparing everything.
"""

from pathlib import Path

from duckdb import DuckDBPyConnection

from kampungkb.engine.duckdb import sql_text
from kampungkb.linkage.model import Model
from kampungkb.linkage.prediction import PAIR, TABLE, match_weight, pair_columns, predict, prepare
from kampungkb.linkage.splink_model import CHANGED, ID

CANDIDATE_PAIR = "candidate_pair.parquet"
FINGERPRINT = "record_fingerprint.parquet"


def find_pairs(connection: DuckDBPyConnection, model: Model, table: str, earlier: Path | None) -> int:
    """From `table` make `compared_record` and `candidate_pair`; return how many records were compared anew.

    `earlier` is the persons folder of an earlier night, or None; one without pairs counts as none.
    """
    prepare(connection, model, table)
    _fingerprint(connection, model)
    known = earlier is not None and (earlier / FINGERPRINT).exists() and (earlier / CANDIDATE_PAIR).exists()
    source = f"read_parquet('{_quoted(earlier / FINGERPRINT)}')" if earlier is not None and known else None
    connection.execute(
        f"create or replace table {TABLE} as select {TABLE}.*, "
        + ("earlier.fingerprint is null" if source else "true")
        + f" as {CHANGED} from {TABLE} "
        + (f"left join {source} as earlier using (source, source_key, fingerprint)" if source else "")
    )
    ((records, changed),) = connection.execute(f"select count(*), count(*) filter ({CHANGED}) from {TABLE}").fetchall()
    if earlier is None or not known or changed * 2 > records:
        predict(connection, model)
        return int(records)
    predict(connection, model, only_changed=True)
    _reuse(connection, model, earlier / CANDIDATE_PAIR)
    return int(changed)


def write_pairs(connection: DuckDBPyConnection, folder: Path) -> None:
    """Write `candidate_pair.parquet` (by source and key instead of id) and `record_fingerprint.parquet`."""
    for query, name in (
        (sql_text("link_candidate_pair"), CANDIDATE_PAIR),
        (f"select source, source_key, fingerprint from {TABLE} order by source, source_key", FINGERPRINT),
    ):
        connection.execute(f"copy ({query}) to '{_quoted(folder / name)}' (format parquet, compression zstd)")


def _fingerprint(connection: DuckDBPyConnection, model: Model) -> None:
    described = connection.execute(f"describe {TABLE}").fetchall()
    facts = [f"{TABLE}.{name}" for name, *_ in described if name != ID]
    frequencies = model.definition.term_frequencies
    facts += [f"term_frequency_{column}.tf_{column}" for column in frequencies]
    joins = " ".join(f"left join term_frequency_{column} using ({column})" for column in frequencies)
    connection.execute(
        f"create or replace table {TABLE} as select {TABLE}.*, "
        f"md5(to_json(row('{model.version}', {', '.join(facts)}))) as fingerprint from {TABLE} {joins}"
    )


def _reuse(connection: DuckDBPyConnection, model: Model, pairs: Path) -> None:
    connection.execute(
        f"insert into {PAIR} by name select left_record.{ID} as left_id, right_record.{ID} as right_id, "
        f"{match_weight(model)}, {', '.join(f'earlier.{name}' for name in pair_columns(model.definition))} "
        f"from read_parquet('{_quoted(pairs)}') as earlier "
        f"inner join {TABLE} as left_record "
        "on earlier.left_source = left_record.source and earlier.left_key = left_record.source_key "
        f"inner join {TABLE} as right_record "
        "on earlier.right_source = right_record.source and earlier.right_key = right_record.source_key "
        f"where not left_record.{CHANGED} and not right_record.{CHANGED}"
    )


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
