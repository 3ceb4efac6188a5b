"""What a step tells OpenLineage: the datasets it reads and writes, with columns, versions, counts and checks.

Comes in: the run, the name of a step and the references it was given and returned (none where it failed). Goes out:
inputs and outputs for an event. Nothing of it is a row or a value; a rule is told with how many rows broke it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    dataset_version_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

from kampungkb import lake
from kampungkb.contracts import contract
from kampungkb.lineage.columns import PER_SOURCE, made_of
from kampungkb.lineage.places import place
from kampungkb.refs import Published, Snapshot, Validated
from kampungkb.run import Run
from kampungkb.validation.dated import PREFIX
from kampungkb.validation.results import FILE, Outcome, read_results
from kampungkb.validation.suites import Expectation

WAREHOUSE_SCHEMAS = ("core", "mart", "open", "ops", "vault", "service")
DECISIONS = "vault.match_decision"
DATA_DOCS = "data-docs/index.html"
REPORTS = "reports/workbooks"


def datasets_of(step: str, sources: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The ids of the datasets that a step reads and writes, of the sources it works on."""
    known = made_of()
    persons = [name for name in known if name.startswith("persons/")]
    scores = [name for name in known if name.startswith("scores/")]
    landed = [name for source in sources for name in known if name.startswith(f"landing/{source}/")]
    validated = [name for source in sources for name in known if name.startswith(f"accepted/{source}/")]
    accepted = [name for name in validated if f"/{PREFIX}" not in name]
    judged = [name for name in accepted if name.endswith(("/quarantine", "/checks"))]
    rows = [name for name in accepted if name not in judged]
    warehouse = [name for name in known if name.split(".")[0] in WAREHOUSE_SCHEMAS]
    match step:
        case "extract":
            return [f"source/{s}/{table.name}" for s in sources for table in contract(s).tables], landed
        case "validate":
            return landed, validated
        case "inspect" | "settle":
            return accepted, []
        case "link":
            return [*rows, DECISIONS], persons
        case "score":
            return [*rows, "persons/person_link", "persons/family_link"], scores
        case "publish":
            references = ["reference/regions.csv", "reference/kampung_kb.csv"]
            return [*scores, *persons, *accepted, *references], warehouse
        case "document":
            return judged, [DATA_DOCS]
        case "write_reports":
            return [name for name in warehouse if name.startswith("open.")], [REPORTS]
        case _:
            return [], []


def lineage_of(
    run: Run, step: str, references: Mapping[str, Any], result: Any = None
) -> tuple[list[InputDataset], list[OutputDataset]]:
    """Inputs and outputs of one step, with their facets; without `result` those of a step that has not ended well."""
    sources = _sources(references) or tuple(run.sources)
    read, written = datasets_of(step, sources)
    if result is None:
        inputs = [InputDataset(*place(run, name)) for name in read]
        return inputs, [OutputDataset(*place(run, name)) for name in written]
    versions = _versions(run, references, result)
    inputs = [
        InputDataset(*place(run, name), facets=_version(name, versions), inputFacets=_checks(run, name, result))
        for name in read
    ]
    outputs = [
        OutputDataset(
            *place(run, name),
            facets={**_columns(run, name, sources), **_version(name, versions)},
            outputFacets=_counts(run, name, result, versions),
        )
        for name in written
    ]
    return inputs, outputs


def _sources(references: Mapping[str, Any]) -> tuple[str, ...]:
    """The sources that the references of a step are about: the name itself, snapshots, validated rows."""
    told: list[str] = []
    for reference in references.values():
        each = reference if isinstance(reference, list | tuple) else [reference]
        told += [one.source for one in each if isinstance(one, Snapshot | Validated)]
    named = references.get("source")
    return tuple(dict.fromkeys([*told, *([named] if isinstance(named, str) else [])]))


def _versions(run: Run, references: Mapping[str, Any], result: Any) -> dict[str, str]:
    """The version of datasets, by the beginning of their id: a snapshot's id, the date of results."""
    versions = dict.fromkeys(("accepted/", "persons/", "scores/", "data-docs"), run.as_of.isoformat())
    for reference in (*references.values(), result):
        for one in reference if isinstance(reference, list | tuple) else [reference]:
            if isinstance(one, Snapshot):
                versions[f"landing/{one.source}/"] = one.snapshot_id
    return versions


def _version(name: str, versions: Mapping[str, str]) -> dict[str, Any]:
    found = next((version for start, version in versions.items() if name.startswith(start)), None)
    return {"version": dataset_version_dataset.DatasetVersionDatasetFacet(found)} if found else {}


def _columns(run: Run, name: str, sources: tuple[str, ...]) -> dict[str, Any]:
    """The schema of an output and the column lineage, among the sources that are present."""
    columns = made_of().get(name)
    if not columns:
        return {}
    fields = {
        column: column_lineage_dataset.Fields(
            [
                column_lineage_dataset.InputField(*place(run, dataset), field)
                for read, fields in reads.items()
                for dataset in _present(read, sources)
                for field in fields
            ]
        )
        for column, reads in columns.items()
    }
    return {
        "schema": schema_dataset.SchemaDatasetFacet([schema_dataset.SchemaDatasetFacetFields(c) for c in columns]),
        "columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet(
            {column: field for column, field in fields.items() if field.inputFields}
        ),
    }


def _present(dataset: str, sources: tuple[str, ...]) -> Iterator[str]:
    if PER_SOURCE in dataset:
        yield from (dataset.replace(PER_SOURCE, source) for source in sources)
    elif not dataset.startswith(("source/", "landing/", "accepted/")) or dataset.split("/")[1] in sources:
        yield dataset


def _counts(run: Run, name: str, result: Any, versions: Mapping[str, str]) -> dict[str, Any]:
    """Rows (and bytes) written: of a file of the lake all it holds, of a table what changed."""
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
    if isinstance(result, Published):
        return {"outputStatistics": statistics(rowCount=result.changed[name])} if name in result.changed else {}
    file = _file(run, name, versions)
    if file is None or not file.is_file():
        return {}
    rows = pq.read_metadata(file).num_rows
    return {"outputStatistics": statistics(rowCount=rows, size=file.stat().st_size)}


def _file(run: Run, name: str, versions: Mapping[str, str]) -> Path | None:
    first, *rest = name.split("/")
    match first, rest:
        case "landing", [source, table]:
            return lake.landing(run.settings, source) / versions.get(f"landing/{source}/", "") / f"{table}.parquet"
        case "accepted", [source, table]:
            return lake.accepted(run.settings, run.as_of, source) / f"{table}.parquet"
        case "persons", [table]:
            return lake.persons(run.settings, run.as_of) / f"{table}.parquet"
        case "scores", [table]:
            return lake.scores(run.settings, run.as_of) / f"{table}.parquet"
    return None


def _checks(run: Run, name: str, result: Any) -> dict[str, Any]:
    """Of what was validated: how many rows were judged, and each rule with how many of them broke it."""
    first, *rest = name.split("/")
    if first != "landing" or not isinstance(result, Validated):
        return {}
    table = rest[1]
    outcomes = [
        _assertion(expectation, outcome)
        for found in read_results(result.path / FILE).tables
        if found.suite.name == table
        for expectation, outcome in zip(found.suite.expectations, found.outcomes, strict=True)
    ]
    metrics = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet
    return {
        "dataQualityMetrics": metrics(columnMetrics={}, rowCount=result.read.get(table)),
        "dataQualityAssertions": data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(outcomes),
    }


def _assertion(expectation: Expectation, outcome: Outcome) -> data_quality_assertions_dataset.Assertion:
    meta = expectation.meta
    return data_quality_assertions_dataset.Assertion(
        assertion=expectation.type,
        success=outcome.unexpected == 0,
        column=meta.columns[0],
        severity="error" if meta.effect == "reject" else "warn",
        name=meta.rule,
        description=meta.en,
        expected="0",
        actual=str(outcome.unexpected),
    )
