"""The audit before a publication: Great Expectations on the staged tables, in PostgreSQL itself.

Each `expectations/warehouse_<table>.json` is the suite of one staged table. What a rule is for stands in the `notes`
of each expectation and is what a failure says; values never leave the database.
"""

import json
import logging
import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from kampungkb.beforehand import import_beforehand
from kampungkb.errors import AuditError, ConfigurationError
from kampungkb.settings import EXPECTATIONS
from kampungkb.warehouse.moved import CAME
from kampungkb.warehouse.staged_tables import staged_columns, tables_read
from kampungkb.warehouse.staging import LOADER

log = logging.getLogger(__name__)

PREFIX = "warehouse_"
_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}
_ASKED_ONCE = {"unexpected_rows_expectation": "expect_no_rows"}


def audit(engine: Engine, schema: str, same: Collection[str] = (), moved: Collection[str] = ()) -> int:
    """Run the warehouse suites on the staging schema; returns the number of expectations that held.

    A rule about `same` tables alone, which hold what they held when they were published, held then and is left out. One
    with `by_unit` in its `meta` holds of a table where it holds of each unit by itself: of a `moved` table it is asked
    about the units that moved, unless it looks at another table that is not the same.

    Raises :class:`AuditError` that names each rule that does not hold, with the number of rows.
    """
    begun = time.monotonic()
    if not suites(same):
        log.info("Audit: every table holds what was judged before")
        return 0
    faults: list[str] = []
    held = 0
    with _quiet_great_expectations() as gx:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        source = context.data_sources.add_postgres(
            "staging",
            connection_string=_connection_string(engine, schema),
            kwargs={"isolation_level": "AUTOCOMMIT"},  # a rule is one query: no transaction to open and end around it
        )
        try:
            for path, table, rules in ((suite, *asked) for suite in suites(same) for asked in due(suite, same, moved)):
                suite = _read_suite(gx, path, rules)
                asset = source.add_table_asset(table, table_name=table)
                batch = asset.add_batch_definition_whole_table("all").get_batch()
                results = batch.validate(suite, result_format=_COUNTS_ONLY).results
                found = [fault for result in results if (fault := _fault(_table(path), result))]
                faults += found
                held += len(results) - len(found)
        finally:
            source.get_execution_engine().close()
            source.get_engine().dispose()  # a second one, on which it looks whether a table is there
    if faults:
        raise AuditError(
            f"The audit stopped the publication; the warehouse is as it was. {len(faults)} rule(s) do not hold: "
            + "; ".join(faults)
            + ". Find the step that made these rows wrong, then run again."
        )
    log.info("Audit: %d expectations held on the staged tables, %.1f s", held, time.monotonic() - begun)
    return held


def suites(same: Collection[str] = ()) -> list[Path]:
    """The files of the suites to run: those that look at another table than `same`."""
    paths = sorted(EXPECTATIONS.glob(f"{PREFIX}*.json"))
    return [path for path in paths if not looked_at(path) <= set(same)]


def looked_at(path: Path) -> set[str]:
    """The staged tables that a suite looks at: its own, and those that its rules name."""
    return {_table(path)}.union(*(_named(rule) for rule in _rules(path)))


def due(
    path: Path, same: Collection[str] = (), moved: Collection[str] = ()
) -> Iterable[tuple[str, list[dict[str, Any]]]]:
    """The rules of a suite to ask, with the staged table to ask them of."""
    table = _table(path)
    found: dict[str, list[dict[str, Any]]] = {}
    for rule in _rules(path):
        others = _named(rule) - {*same, table}
        if table not in same or others:
            by_unit = table in moved and rule["meta"].get("by_unit") and not others
            found.setdefault(CAME + table if by_unit else table, []).append(rule)
    return found.items()


def _table(path: Path) -> str:
    return path.stem.removeprefix(PREFIX)


def _rules(path: Path) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["expectations"]
    return rules


def _named(rule: Mapping[str, Any]) -> set[str]:
    return tables_read(rule["kwargs"].get("unexpected_rows_query", "")) & _staged_names()


@cache
def _staged_names() -> frozenset[str]:
    return frozenset(staged_columns())


def _fault(table: str, result: Any) -> str | None:
    """What a result says for a person: None where the rule holds."""
    if result.success:
        return None
    rule = result.expectation_config.notes or result.expectation_config.type
    if _raised(result.exception_info):
        return f"{table}: the check itself is broken ({rule})"
    count = result.result.get("unexpected_count", result.result.get("observed_value"))
    return f"{table}: {rule} ({count} rows)"


def _raised(info: dict[str, Any]) -> bool:
    """Whether a check raised: flat for some expectations, one entry a metric for others."""
    return bool(info.get("raised_exception")) or any(
        isinstance(entry, dict) and entry.get("raised_exception") for entry in info.values()
    )


def _read_suite(gx: Any, path: Path, rules: Sequence[Mapping[str, Any]]) -> Any:
    asked = [dict(rule) | {"type": _ASKED_ONCE.get(rule["type"], rule["type"])} for rule in rules]
    try:
        return gx.ExpectationSuite(**json.loads(path.read_text(encoding="utf-8")) | {"expectations": asked})
    except (OSError, ValueError, TypeError, gx.exceptions.GreatExpectationsError) as fault:
        raise ConfigurationError(f"The audit suite {path.name} cannot be used: {fault}. Correct the file.") from None


def _connection_string(engine: Engine, schema: str) -> str:
    """The engine's address with the staging schema first, so that a rule may look into its other tables by name."""
    settings = " ".join(f"-c{name}={value}" for name, value in {"search_path": schema, **LOADER}.items())
    options = f"{engine.url.query.get('options', '')} {settings}"
    return engine.url.update_query_dict({"options": options.strip()}).render_as_string(hide_password=False)


def prepare(anew: Collection[str] | None = None) -> None:
    """Begin to import Great Expectations, which takes seconds, while PostgreSQL works.

    With the tables that hold something new, only where a suite looks at one of them.
    """
    if anew is not None and not any(looked_at(path) & set(anew) for path in suites()):
        return
    import_beforehand("great_expectations")


@contextmanager
def _quiet_great_expectations() -> Iterator[Any]:
    """Great Expectations without analytics and without its chatter about every metric."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        import great_expectations as gx  # takes seconds: only the process that audits pays for it

        from kampungkb.warehouse import expect_no_rows as expect_no_rows  # makes it known to Great Expectations

        yield gx
    finally:
        logger.setLevel(level)
