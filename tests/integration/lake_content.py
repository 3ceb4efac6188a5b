"""What stands in a folder of the lake, to be held against another one."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from kampungkb.carrying import MADE_OF


def content(folder: Path) -> dict[str, Any]:
    """Every file: columns and rows whatever their order, texts without the folder they name and without checksums."""
    found: dict[str, Any] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            rows = Counter(repr(sorted(row.items())) for row in table.to_pylist())
            found[path.name] = ({field.name: str(field.type) for field in table.schema}, rows)
        elif path.name != MADE_OF:
            found[path.name] = json.loads(path.read_text(encoding="utf-8")) | {"path": None}
    return found
