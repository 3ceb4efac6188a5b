"""Data Docs: Great Expectations' own site, made from the value-free results of validation, readable offline.

In: `results.json` of the accepted folders, `<source>.results.json` of the persons folders (linked records). Out:
`<home>/data-docs/`, one self-contained page a table and night, and an index. What can go wrong: results of another
version, a page that would contact a third party.

The pages that Great Expectations makes load scripts and styles from servers of others. Templates of our own
(`include/data_docs`) take the place of those that do; what a page may load is forbidden once more in the page itself.

Importing this module imports Great Expectations, which takes some seconds.
"""

import html
import logging
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import great_expectations as gx
from great_expectations.core.expectation_suite import ExpectationSuite
from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.data_context.ephemeral_data_context import EphemeralDataContext
from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults
from great_expectations.data_context.types.resource_identifiers import (
    ExpectationSuiteIdentifier,
    ValidationResultIdentifier,
)
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.render.renderer.site_builder import SiteBuilder
from great_expectations.render.view.view import DefaultJinjaIndexPageView, DefaultJinjaPageView
from jinja2 import ChoiceLoader, Environment, FileSystemLoader

from kampungkb import lake
from kampungkb.errors import ConfigurationError, KampungkbError
from kampungkb.refs import Published
from kampungkb.run import Run
from kampungkb.settings import INCLUDE, Settings

# Importing it makes its expectation known to Great Expectations.
from kampungkb.validation import gx_duckdb as gx_duckdb
from kampungkb.validation.results import FILE, INDEX, Outcome, Results, TableResults, read_results, site_folder
from kampungkb.validation.suites import Expectation

log = logging.getLogger(__name__)

NIGHTS = 3
TEMPLATES = INCLUDE / "data_docs"
_FOREIGN = re.compile(
    r"""<(?:script|link|img|iframe|object|embed|base)\b|(?:href|src|action)\s*=\s*["']?\s*(?:https?:)?//""",
    re.IGNORECASE,
)


def _ours_first(environment: Environment) -> None:
    """Let a template of ours take the place of one with the same name."""
    theirs = [environment.loader] if environment.loader else []
    environment.loader = ChoiceLoader([FileSystemLoader(TEMPLATES), *theirs])


class OfflinePageView(DefaultJinjaPageView):
    """A page of a suite or a result."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        _ours_first(self.env)


class OfflineIndexPageView(DefaultJinjaIndexPageView):
    """The index."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        _ours_first(self.env)


def refresh(run: Run, published: Published) -> str:
    """Build the site after a publication; returns the path of its index.

    A fault is logged and the earlier site stands, for it must not make a published load a failed one.
    """
    try:
        build(run.settings)
    except KampungkbError as fault:
        log.warning("Data Docs were not built: %s", fault)
    except Exception as fault:
        log.warning("Data Docs were not built, the earlier ones stand: unforeseen %s", type(fault).__name__)
    return str(site_folder(run.settings) / INDEX)


def build(settings: Settings, nights: int = NIGHTS) -> Path:
    """Build the site from the newest nights in the lake; returns its index.

    The site before it is replaced as a whole. Raises :class:`ConfigurationError` where there are no results or they
    are of another version, and :class:`KampungkbError` where a page could not be rendered or would load something
    from elsewhere; the site before it stands then.
    """
    begun = time.monotonic()
    found = [(read_results(path), _written(path)) for path in _newest(settings, nights)]
    if not found:
        raise ConfigurationError("Nothing was validated yet, so there are no Data Docs. Load first: make run.")
    with lake.replacing(site_folder(settings)) as site:
        expected = _render(found, site)
        shutil.rmtree(site / "static", ignore_errors=True)
        made = sorted(site.rglob("*.html"))
        if len(made) != expected:
            raise KampungkbError(f"Data Docs have {len(made)} pages instead of {expected}; the earlier ones stand.")
        _refuse_foreign_parts(made)
    log.info("Data Docs: %d pages, %.1f s", len(made), time.monotonic() - begun)
    return site_folder(settings) / INDEX


def _newest(settings: Settings, nights: int) -> list[Path]:
    """The results of the newest nights, oldest first."""
    by_night: dict[str, list[Path]] = {}
    for path in sorted((settings.lake / "accepted").glob(f"*/*/{FILE}")):
        by_night.setdefault(path.parents[1].name, []).append(path)
    for path in sorted((settings.lake / "persons").glob(f"*/*.{FILE}")):
        by_night.setdefault(path.parent.name, []).append(path)
    return [path for night in sorted(by_night)[-nights:] for path in by_night[night]]


def _written(path: Path) -> datetime:
    """When a file was written; the results themselves hold no time, so that the same input gives the same files."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _render(found: Sequence[tuple[Results, datetime]], site: Path) -> int:
    """Let Great Expectations build the site; returns how many pages there must be."""
    context = _context()
    suites: dict[str, TableResults] = {}
    keys = 0
    for results, at in found:
        for table in _judged(results):
            suites[table.suite.name] = table  # the newest is the one that is shown
            key, result = _validation(results, at, table)
            context.validation_results_store.set(key, result)
            keys += 1
    for table in suites.values():
        context.suites.add(_suite(table))
    builder = SiteBuilder(
        context,
        store_backend={"class_name": "TupleFilesystemStoreBackend", "base_directory": str(site)},
        site_name="Kampung KB",
        show_how_to_buttons=False,
        site_section_builders={
            "expectations": {"view": _view(OfflinePageView)},
            "validations": {"view": _view(OfflinePageView)},
            "profiling": "None",
        },
        site_index_builder={"class_name": "DefaultSiteIndexBuilder", "view": _view(OfflineIndexPageView)},
    )
    builder.build()
    return keys + len(suites) + 1


def _view(view: type) -> dict[str, str]:
    return {"module_name": view.__module__, "class_name": view.__name__}


def _context() -> EphemeralDataContext:
    """A context in memory, new for each site."""
    config = DataContextConfig(store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False))
    context = gx.get_context(mode="ephemeral", project_config=config)
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    return context


def _judged(results: Results) -> Iterator[TableResults]:
    """The tables that have rules."""
    return (table for table in results.tables if table.suite.expectations)


def _suite(table: TableResults) -> ExpectationSuite:
    return ExpectationSuite(
        name=table.suite.name,
        expectations=[_configuration(each).to_domain_obj() for each in table.suite.expectations],
        meta={"notes": table.suite.meta.description},
    )


def _configuration(expectation: Expectation) -> ExpectationConfiguration:
    return ExpectationConfiguration(
        type=expectation.type,
        kwargs=expectation.kwargs,
        meta={"rule": expectation.meta.rule},
        description=_described(expectation),
    )


def _described(expectation: Expectation) -> str:
    """The rule for people, as HTML: what Great Expectations shows in place of its own words."""
    meta = expectation.meta
    about = [meta.severity, *([meta.dimension] if meta.dimension else []), meta.effect]
    parts = [
        f"<strong>{html.escape(meta.rule)}</strong> {html.escape(meta.id)}",
        f"<em>{html.escape(meta.en)}</em>",
        f"<small>{html.escape(' · '.join(about))}</small>",
        *(
            f"<code>{html.escape(expectation.kwargs[name], quote=False)}</code>"
            for name in ("condition", "where")
            if expectation.kwargs.get(name)
        ),
    ]
    return "<br>".join(parts)


def _validation(
    results: Results, at: datetime, table: TableResults
) -> tuple[ValidationResultIdentifier, ExpectationSuiteValidationResult]:
    """The result of one table as Great Expectations keeps it, with its key."""
    run = RunIdentifier(run_name=results.as_of.isoformat(), run_time=at)
    held = sum(outcome.unexpected == 0 for outcome in table.outcomes)
    judged = len(table.outcomes)
    result = ExpectationSuiteValidationResult(
        success=held == judged,
        suite_name=table.suite.name,
        results=[
            _result(expectation, outcome)
            for expectation, outcome in zip(table.suite.expectations, table.outcomes, strict=True)
        ],
        statistics={
            "evaluated_expectations": judged,
            "successful_expectations": held,
            "unsuccessful_expectations": judged - held,
            "success_percent": 100 * held / judged,
        },
        meta={
            "run_id": run,
            "great_expectations_version": gx.__version__,
            "batch_spec": {"data_asset_name": table.suite.meta.description},
        },
    )
    key = ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(name=table.suite.name),
        run_id=run,
        batch_identifier=f"{results.source}{' (stale)' if results.stale else ''}",
    )
    return key, result


def _result(expectation: Expectation, outcome: Outcome) -> ExpectationValidationResult:
    present = outcome.elements - outcome.missing
    return ExpectationValidationResult(
        success=outcome.unexpected == 0,
        expectation_config=_configuration(expectation),
        result={
            "element_count": outcome.elements,
            "missing_count": outcome.missing,
            "missing_percent": _percent(outcome.missing, outcome.elements),
            "unexpected_count": outcome.unexpected,
            "unexpected_percent": _percent(outcome.unexpected, present),
            "unexpected_percent_total": _percent(outcome.unexpected, outcome.elements),
            "unexpected_percent_nonmissing": _percent(outcome.unexpected, present),
            "partial_unexpected_list": [],
        },
        exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
    )


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def _refuse_foreign_parts(pages: Iterable[Path]) -> None:
    """A page that loads anything, or leads to another server, is not published."""
    for page in pages:
        if found := _FOREIGN.search(page.read_text(encoding="utf-8")):
            raise KampungkbError(
                f"The page {page.name} of Data Docs holds `{found[0]}`: a template of Great Expectations that "
                "include/data_docs does not replace. The earlier Data Docs stand."
            )
