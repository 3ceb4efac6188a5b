"""What passes from step to step: paths and counts, never rows. Every reference survives JSON (XCom)."""

from datetime import date, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class _Ref(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Snapshot(_Ref):
    """A landed snapshot of one source. `stale` says that an older one stands in, `reason` why.

    `read` counts landed rows by table; `parsed` counts the workbooks read anew (0 for other sources).
    """

    source: str
    path: Path
    snapshot_id: str
    as_of: date
    read: dict[str, int]
    parsed: int = 0
    replayed: bool = False
    stale: bool = False
    reason: str | None = None


class Validated(_Ref):
    """One validated source: read = accepted + rejected for each table; `nulled` counts values.

    `snapshot_date` is the date of the landed snapshot, `last_change` the latest day, up to the run's date, on which
    the source itself says that one of its rows was surveyed or changed.
    """

    source: str
    path: Path
    read: dict[str, int]
    accepted: dict[str, int]
    rejected: dict[str, int]
    nulled: dict[str, int]
    files_rejected: int = 0
    snapshot_date: date | None = None
    last_change: date | None = None
    stale: bool = False
    reason: str | None = None


class Question(_Ref):
    """A suspicious delivery as a person is asked about it: headline, figures, and what a time-out decides."""

    subject: str
    body: str
    defaults: list[str]


class Answer(_Ref):
    """What a person, or the time-out, answered to a :class:`Question`, as Airflow hands it over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    chosen_options: list[str]
    responded_at: datetime
    responded_by_user: dict[str, str | None] | None = None
    timedout: bool = False


class Linked(_Ref):
    """The crosswalk of a run: person records by source, and those linked to a record of another source."""

    path: Path
    records: dict[str, int]
    linked: dict[str, int]
    persons: int


class Scored(_Ref):
    """Scored families: `rows` is families × bases."""

    path: Path
    families: int
    rows: int


class Published(_Ref):
    """What a publication changed: rows inserted, updated and deleted by table, and whether marts moved."""

    as_of: date
    latest: bool
    changed: dict[str, int]


class Health(_Ref):
    """What the doctor found: how many checks it made without a fault, and how many of them warn."""

    checks: int
    warnings: int


class Deleted(_Ref):
    """What retention deleted (or would delete) of one subject: folders, files or rows older than `before`."""

    subject: str
    before: date
    deleted: int


class Retention(_Ref):
    """The outcome of one retention run."""

    as_of: date
    dry_run: bool
    deleted: tuple[Deleted, ...]


class ActionLists(_Ref):
    """Action lists written: folder, how many workbooks, how many needs of families they name."""

    path: Path
    files: int
    needs: int


class Reports(_Ref):
    """Reports written for the latest load: folder, date, the names of its files, how many village sheets."""

    path: Path
    as_of: date
    files: list[str]
    villages: int
