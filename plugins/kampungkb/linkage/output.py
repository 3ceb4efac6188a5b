"""The files of a night: what was decided tonight, and what is carried over from the earlier night."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from duckdb import DuckDBPyConnection

from kampungkb import lake
from kampungkb.engine.duckdb import WRITTEN


@dataclass(frozen=True)
class Output:
    """Writes into `folder`; `carried` is the folder of the earlier night of which unopened records are carried over."""

    connection: DuckDBPyConnection
    folder: Path
    carried: Path | None = None

    def write(self, query: str, name: str, source: str | None = None, key: str | None = None) -> None:
        """Write the rows of a query, and with them those of the earlier file whose record was not reopened.

        `source` and `key` are the columns that name the record; without them nothing is carried over. Where no
        record was reopened the earlier file is carried over.
        """
        rows = f"({query})"
        if self.carried is not None and source is not None:
            if self._nothing_reopened:
                lake.carry(self.carried / name, self.folder)
                return
            rows += (
                f" union all by name (select earlier.* from read_parquet({_literal(self.carried / name)}) as earlier "
                f"anti join reopened on earlier.{source} = reopened.source and earlier.{key} = reopened.source_key)"
            )
        self.connection.execute(f"copy ({rows}) to {_literal(self.folder / name)} ({WRITTEN})")

    @cached_property
    def _nothing_reopened(self) -> bool:
        return self.connection.execute("from reopened limit 1").fetchone() is None


def _literal(value: object) -> str:
    escaped = str(value).replace("'", "''")
    return f"'{escaped}'"
