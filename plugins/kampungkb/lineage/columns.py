"""Columns of every dataset by the columns they are made of, as `include/lineage/columns.json` holds them.

`python -m kampungkb.lineage.making` makes the file: reading the SQL of the whole warehouse takes seconds, and a task
must not wait for that.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import TypeAlias

from kampungkb.settings import INCLUDE

FILE = INCLUDE / "lineage" / "columns.json"
PER_SOURCE = "*"
"""Stands in a dataset id for each source that is present: `accepted/*/quarantine`."""

MadeOf: TypeAlias = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Of one dataset: its columns, by dataset the columns that each is made of; nothing where it only counts rows."""


@cache
def made_of() -> Mapping[str, MadeOf]:
    """What the columns of every dataset are made of, by dataset id."""
    return {
        dataset: {
            column: {read: tuple(columns) for read, columns in reads.items()} for column, reads in columns_.items()
        }
        for dataset, columns_ in json.loads(FILE.read_text(encoding="utf-8")).items()
    }
