"""What the forks of :mod:`tests.faults.forks` share: the DAG files and every step they call, imported and not begun."""

import gc

import sqlglot.dialects.duckdb
from airflow.models import import_all_models
from sqlalchemy.orm import configure_mappers

import nightly_load
import retention as retention_dag
import support.airflow_run
from kampungkb import gates, landing, linkage, retention, scoring, validation, warehouse
from kampungkb.orchestration import preflight
from kampungkb.sources import insurance, registry, workbooks
from kampungkb.validation import data_docs

import_all_models()
configure_mappers()  # else every fork that asks the warehouse does both, Airflow's models too

__all__ = [
    "data_docs",
    "gates",
    "insurance",
    "landing",
    "linkage",
    "nightly_load",
    "preflight",
    "registry",
    "retention",
    "retention_dag",
    "scoring",
    "sqlglot",
    "support",
    "validation",
    "warehouse",
    "workbooks",
]

# Else the first collection of each fork looks through all of this, and copies its pages: half a second a step.
gc.collect()
gc.freeze()
