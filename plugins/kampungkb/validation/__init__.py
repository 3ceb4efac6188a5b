"""Validate: what of a landed snapshot is accepted, what stands in quarantine and why, and how often rules failed.

In: one landed snapshot. Out: `lake/accepted/<as_of>/<source>/`. What can go wrong: a table or column is missing
from landing, a suite or the region reference cannot be used, a rule cannot be checked, counts do not add up.
"""

import logging
import os

from kampungkb.validation.step import validate

# Before Great Expectations is imported: it reports home, and its error reports quote the database, which quotes
# values. What went wrong is raised instead.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
logging.getLogger("great_expectations").setLevel(logging.CRITICAL + 1)

__all__ = ["validate"]
