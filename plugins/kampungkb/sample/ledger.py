"""The book of planted faults: which rule, on which row of which table, with which effect."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from kampungkb.sample.frames import Frame, Ints, Mask, concat, texts

Action = Literal["row", "value", "count"]


@dataclass
class Ledger:
    """Faults of one table, by row position. `column` is empty where a rule concerns the whole row."""

    table: str
    _entries: list[Frame] = field(default_factory=list)

    def add(self, rule: str, action: Action, rows: Ints, column: str | list[str] | None = None) -> None:
        """Note a fault in each of the rows; `column` is one name, or one a row."""
        count = len(rows)
        columns = column if isinstance(column, list) else [column] * count
        self._entries.append(
            {
                "row": np.asarray(rows, dtype=np.int64),
                "rule": texts([rule] * count),
                "action": texts([action] * count),
                "column_name": texts(columns),
            }
        )

    def rejected(self, count: int) -> Mask:
        """Which of the table's `count` rows break a rule that rejects them."""
        mask = np.zeros(count, dtype=bool)
        for entry in self._entries:
            mask[entry["row"][entry["action"] == "row"]] = True
        return mask

    def frame(self) -> Frame:
        """One row a fault: `row, rule, action, column_name`, ordered by row."""
        if not self._entries:
            self.add("", "count", np.empty(0, dtype=np.int64))
        entries = concat(self._entries)
        order = np.lexsort((np.arange(len(entries["row"])), entries["row"]))
        return {name: column[order] for name, column in entries.items()}
