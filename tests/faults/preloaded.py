"""What the forks of :mod:`tests.faults.forks` share: the DAG file and every step it calls, imported and not begun."""

import gc

import nightly_load
from kampungkb import gates, landing, linkage, scoring, validation, warehouse
from kampungkb.orchestration import preflight
from kampungkb.validation import data_docs

__all__ = [
    "data_docs",
    "gates",
    "landing",
    "linkage",
    "nightly_load",
    "preflight",
    "scoring",
    "validation",
    "warehouse",
]

# Else the first collection of each fork looks through all of this, and copies its pages: half a second a step.
gc.collect()
gc.freeze()
