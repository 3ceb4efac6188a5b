"""Makes `include/lineage/columns.json` out of contracts, methodology, and the SQL of linkage, scores and marts.

`python -m kampungkb.lineage.making` reads the warehouse's views from a migrated warehouse of its own.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import sqlglot
from sqlglot import exp

from kampungkb.connections import CIVIL_REGISTRY, HEALTH_INSURANCE
from kampungkb.contracts import Table, contract
from kampungkb.engine.accepted import SOURCE_OF_TABLE
from kampungkb.engine.duckdb import sql_text
from kampungkb.lineage.columns import FILE, PER_SOURCE
from kampungkb.run import FAMILY_SURVEY, SOURCES
from kampungkb.scoring.reading import load_methodology
from kampungkb.settings import EXPECTATIONS
from kampungkb.validation.dated import PREFIX, asked_about
from kampungkb.validation.suites import read_suite
from kampungkb.warehouse.dictionary import Relation, catalogue, migrated, warehouse_lineage
from kampungkb.warehouse.lineage import Column, Lineage, origins
from kampungkb.warehouse.programme import COUNTS

Columns = dict[str, dict[str, dict[str, list[str]]]]

LOADED = {
    **{name: f"scores/{file.removesuffix('.parquet')}" for name, file in COUNTS.items()},
    **{name: f"scores/{name}" for name in ("family_score", "family_profile", "person_profile")},
    "dim_indicator": "scores/indicator",
    **{name: f"persons/{name}" for name in ("person_link", "family_link", "duplicate_record")},
    "reviewed_pair": "persons/match_review",
    "quarantine_row": f"accepted/{PER_SOURCE}/quarantine",
    "check_result": f"accepted/{PER_SOURCE}/checks",
    "raw_region": "reference/regions.csv",
    "raw_kampung_kb": "reference/kampung_kb.csv",
}
"""Tables of the staging schema that are filled from files, by their name there."""

NOT_OF_A_LOAD = (
    *("ops.access_log", "ops.erasure", "ops.retention_run", "vault.blocked", "vault.erasure_subject"),
    *("vault.key_rotation", "vault.match_decision", "core.role_region"),
)
"""Tables of the warehouse that people or other commands fill."""

VILLAGE = {
    FAMILY_SURVEY: ("keluarga", ["KODE_DESA"]),
    CIVIL_REGISTRY: (None, ["no_prop", "no_kab", "no_kec", "no_kel"]),
    HEALTH_INSURANCE: (None, ["kodeDesa"]),
}
"""The landed columns that the village of a row is read from; the table where it is another one."""

_FACTS = "concat(identity_number, raw_name, birth_date, sex, village_code, household, family_card, mother_raw_name)"
_OF_MODEL = f"""
select
    source, source_key, source as left_source, source_key as left_key, source as right_source, source_key as right_key,
    {_FACTS} as person_key, {_FACTS} as match_rule, {_FACTS} as match_probability, {_FACTS} as linked_since,
    {_FACTS} as match_weight, {_FACTS} as probability,
    source_key as record_id, {_FACTS} as left_id, {_FACTS} as right_id
from person_source
"""
"""What Splink and the rules give: keys from keys, a link from all that is compared. The model itself is no SQL."""

DELIVERY = {FAMILY_SURVEY: "workbooks", HEALTH_INSURANCE: "pages"}
"""What a snapshot keeps of the delivery beside its rows: checksums, of no column of the source."""


def column_lineage(relations: list[Relation], read: Lineage) -> Columns:
    """Every dataset with its columns and what they are made of; `read` is the lineage of the warehouse's relations."""
    return {
        **{dataset: columns for source in SOURCES for dataset, columns in _landed(source)},
        **{dataset: columns for source in SOURCES for dataset, columns in _accepted(source)},
        **_linked(),
        **_scored(),
        **_published(relations, read),
    }


def _landed(source: str) -> Iterator[tuple[str, dict[str, dict[str, list[str]]]]]:
    for table in contract(source).tables:
        read = f"source/{source}/{table.name}"
        yield f"landing/{source}/{table.name.lower()}", {name: {read: [name]} for name in table.names}
    if source in DELIVERY:
        yield f"landing/{source}/{DELIVERY[source]}", {}


def _accepted(source: str) -> Iterator[tuple[str, dict[str, dict[str, list[str]]]]]:
    quarantine: dict[str, dict[str, list[str]]] = {"row_key": {}, "village_code": {}}
    for table in contract(source).tables:
        landed = f"landing/{source}/{table.name.lower()}"
        elsewhere, of_village = VILLAGE[source]
        village = {f"landing/{source}/{elsewhere}" if elsewhere else landed: of_village}
        suite = read_suite(EXPECTATIONS, table.name.lower())
        key = {landed: list(suite.meta.key)}
        columns = {**{name: {landed: [name]} for name in table.names}, "village_code": village}
        of_persons = {} if table.name == "data_keluarga" else {"source_key": key}
        yield f"accepted/{source}/{table.name.lower()}", columns | of_persons
        if (asked := asked_about(source, table.name.lower(), suite)) is not None:
            dated = {name: {landed: [name]} for name in table.names if name in asked}
            yield f"accepted/{source}/{PREFIX}{table.name.lower()}", {**dated, "village": village}
        quarantine = {"row_key": quarantine["row_key"] | key, "village_code": quarantine["village_code"] | village}
    yield f"accepted/{source}/quarantine", quarantine
    yield f"accepted/{source}/checks", {"village_code": quarantine["village_code"]}


def _tables() -> dict[str, dict[str, str]]:
    def columns(table: Table) -> list[str]:
        doubtful = [f"{column.name}__doubtful" for column in table.of_kind("identity")]
        return [*table.names, *doubtful, "source_key", "village_code"]

    return {name: dict.fromkeys(columns(contract(of).table(name)), "text") for name, of in SOURCE_OF_TABLE.items()}


def _read(tables: dict[str, dict[str, str]], statements: dict[str, str]) -> Lineage:
    made = {name: dict.fromkeys(_selected(sql), "text") for name, sql in statements.items()}
    return Lineage(tables | made, statements, "duckdb")


def _linked() -> Columns:
    statements = {
        "person_source": sql_text("link_source"),
        **dict.fromkeys(("every_link", "person_number", "candidate_pair"), _OF_MODEL),
        "record_fact": sql_text("link_record_fact"),
        "match_review": sql_text("link_review"),
        "duplicate_record": sql_text("link_duplicate"),
        "family_link": sql_text("link_family"),
    }
    read = _read(_tables(), statements)
    written = {
        "person_link": ("every_link", ("source_key", "person_key", "match_rule", "match_probability", "linked_since")),
        "retired_link": ("every_link", ("source_key", "person_key", "linked_since")),
        "candidate_pair": ("candidate_pair", ("left_key", "right_key", "match_weight", "probability")),
        "family_link": ("family_link", ("source_key", "family_key")),
        "match_review": ("match_review", _selected(statements["match_review"], without=("left_id", "right_id"))),
        "duplicate_record": ("duplicate_record", _selected(statements["duplicate_record"])),
        "record_state": ("every_link", ("source_key",)),
        **dict.fromkeys(("decisions", "checks"), ("every_link", ())),
    }
    return {
        f"persons/{file}": {column: _datasets(read.leaves((table, column))) for column in columns}
        for file, (table, columns) in written.items()
    }


def _selected(statement: str, without: tuple[str, ...] = ()) -> tuple[str, ...]:
    parsed = sqlglot.parse_one(statement, dialect="duckdb", into=exp.Select)
    return tuple(name for name in parsed.named_selects if name not in without)


def _scored() -> Columns:
    made: Columns = {LOADED["dim_indicator"]: {}}
    for (table, column), origin in origins(load_methodology()).items():
        made.setdefault(LOADED[table], {})[column] = _datasets(origin.columns)
    return made


def _datasets(columns: Iterable[Column]) -> dict[str, list[str]]:
    """Columns of accepted tables and of the crosswalk, by dataset."""
    made: dict[str, list[str]] = {}
    for table, column in sorted(columns, key=str):
        name = table.lower()
        if name in SOURCE_OF_TABLE:
            made.setdefault(f"accepted/{SOURCE_OF_TABLE[name]}/{name}", []).append(column)
        elif name in LOADED:
            made.setdefault(LOADED[name], []).append(column)
    return made


def _published(relations: list[Relation], read: Lineage) -> Columns:
    contact = _contact()
    ids = {relation.staged_name: f"{relation.schema}.{relation.name}" for relation in relations}
    made: Columns = {}
    for relation in relations:
        own = ids[relation.staged_name]
        if own in NOT_OF_A_LOAD:
            continue
        for column in relation.columns:
            reads: dict[str, list[str]] = {}
            for table, name in sorted(read.leaves((relation.staged_name, column.name))):
                if table == "family_contact":
                    reads |= contact[name]
                elif (dataset := LOADED.get(table) or ids.get(table)) and dataset != own:
                    reads.setdefault(dataset, []).append(name)
            made.setdefault(own, {})[column.name] = reads
    return made


def _contact() -> dict[str, dict[str, list[str]]]:
    """What `service.family_contact` is made of; the publication itself joins it, from accepted rows."""
    tables = _tables() | {name: dict.fromkeys(("source_key", "family_key"), "text") for name in ("family_link",)}
    read = _read(tables, {"family_contact": sql_text("family_contact")})
    return {
        column: _datasets(read.leaves(("family_contact", column))) for column in _selected(sql_text("family_contact"))
    }


def text_of(datasets: Columns) -> str:
    """The file: a line a column, so that a change can be read."""
    blocks = (
        f"{json.dumps(dataset)}: {{\n"
        + ",\n".join(f"  {json.dumps(column)}: {json.dumps(reads)}" for column, reads in columns.items())
        + "\n}"
        for dataset, columns in datasets.items()
    )
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def write(file: Path = FILE) -> None:
    """Write the file from a warehouse that is made for it and discarded."""
    with migrated() as engine:
        relations = catalogue(engine)
        file.write_text(text_of(column_lineage(relations, warehouse_lineage(relations))), encoding="utf-8")


if __name__ == "__main__":
    write()
