"""What the source modules and landing tell each other: the protocol of a source and the manifest of a snapshot."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict

import kampungkb
from kampungkb.connections import Connection
from kampungkb.contracts import Contract
from kampungkb.run import Run

PARQUET_COMPRESSION: Final = "zstd"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Drift(_Frozen):
    """A column that differs from the contract without stopping the source.

    `change` is `unknown` (not in the contract), `missing` (optional and absent) or `repeated` (a header that
    stands twice: the first column counts). `files` is the number of workbooks concerned, 1 for other sources.
    """

    table: str
    column: str
    change: Literal["unknown", "missing", "repeated"]
    files: int = 1


class TableFile(_Frozen):
    """One Parquet file of a snapshot: its name in the folder, rows and checksum."""

    file: str
    rows: int
    sha256: str


class Manifest(_Frozen):
    """What a landed snapshot is and was made from (`manifest.json` beside its Parquet files).

    `made_with` names everything that decides how the source's content becomes rows (contract, this product, the
    reading library); `origin` is a digest of the connection's address without its password and port. Work of an
    earlier snapshot is used again only where both are unchanged. `watermark` is the greatest change time landed,
    `full_on` the `as_of` of the last full extraction; both null where the source has none. `sample` says that the
    connection was one of the generated sample. `types` are the kinds of values that the source itself declares, or
    sends, by table and column (see :class:`Extracted`). `blocked` counts rows of erased persons that were left out, or
    in which their names were.
    """

    source: str
    snapshot_id: str
    as_of: date
    run_id: str
    extracted_at: datetime
    contract_version: str
    made_with: str
    origin: str
    sample: bool = False
    tables: dict[str, TableFile]
    watermark: str | None = None
    full_on: date | None = None
    drift: tuple[Drift, ...] = ()
    types: dict[str, dict[str, str]] = {}
    parsed: int = 0
    blocked: int = 0


@dataclass(frozen=True)
class Previous:
    """The newest snapshot of the same source not after `as_of`, and how far new work may build on it.

    `same_origin`: it was read from the same address; `same_way`: under the same contract, product and library.
    """

    manifest: Manifest
    path: Path
    same_origin: bool
    same_way: bool

    def table(self, name: str) -> Path:
        """The Parquet file of a table."""
        return self.path / self.manifest.tables[name].file


@dataclass(frozen=True)
class Extracted:
    """What a source module has to say about the `<table>.parquet` files it has written.

    `types` names, by table and column, those beyond the contract too, the kind of value at the source: `text`,
    `number`, `date`, `time`, `boolean`, `bytes` or `other`. Workbooks have none: a cell has a kind, a column has not.
    """

    watermark: str | None = None
    full_on: date | None = None
    drift: tuple[Drift, ...] = ()
    types: Mapping[str, dict[str, str]] = field(default_factory=dict)
    parsed: int = 0


class Source(Protocol):
    """One module a source: `extract` writes `<table>.parquet` for the whole state in force into an empty folder.

    Raises :class:`~kampungkb.errors.SourceUnavailable` (the last good snapshot may stand in),
    :class:`~kampungkb.errors.SourceRefused`, :class:`~kampungkb.errors.ContractError` or
    :class:`~kampungkb.errors.ConfigurationError` (the run fails).
    """

    LIBRARIES: tuple[str, ...]
    """Distributions whose version decides how content becomes rows."""

    def extract(self, run: Run, connection: Connection, previous: Previous | None, folder: Path) -> Extracted:
        """Read the source, building on `previous` where that gives the same rows as reading everything."""
        ...

    def readable_since(self, connection: Connection, landed: Previous) -> bool:
        """Whether a part of the source that the snapshot of the same date could not read may be readable by now."""
        ...


def made_with(contract: Contract, libraries: tuple[str, ...]) -> str:
    """Everything that decides how content becomes rows, as one comparable text."""
    digest = hashlib.sha256(contract.model_dump_json().encode()).hexdigest()[:12]
    own = [f"contract {contract.version} ({digest})", f"kampungkb {kampungkb.__version__}"]
    return "; ".join([*own, *(f"{library} {version(library)}" for library in libraries)])
