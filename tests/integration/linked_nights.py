"""Nights of linkage, published without scores: link for real, then place links, history and pairs in the warehouse."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Engine, func, text
from sqlalchemy.dialects.postgresql import insert

from kampungkb.connections import Connection
from kampungkb.linkage import link
from kampungkb.refs import Linked
from kampungkb.run import Run
from kampungkb.settings import Settings
from kampungkb.warehouse.differences import apply
from kampungkb.warehouse.history import place_linkage
from kampungkb.warehouse.migrate import migrate
from kampungkb.warehouse.models import Base, LoadRun
from kampungkb.warehouse.staging import staging
from tests.oracle.accepted import Rows, write_accepted

FIRST = date(2026, 11, 1)


@dataclass
class LinkedNights:
    """Loads one night after the other into one warehouse."""

    settings: Settings
    engine: Engine
    connections: Mapping[str, Connection] = field(default_factory=dict)
    tonight: int = 0

    def __post_init__(self) -> None:
        migrate(self.engine)

    def load(self, tables: Mapping[str, Rows], night: int | None = None, run_id: str | None = None) -> Linked:
        """Link and publish the accepted rows of a night (by default the next one)."""
        if night is None:
            self.tonight += 1
            night = self.tonight
        run = Run(
            run_id=run_id or f"night-{night}",
            as_of=FIRST + timedelta(days=night),
            settings=self.settings,
            connections=self.connections,
        )
        linked = link(run, write_accepted(run, {"keluarga": [], **tables}))
        self.publish(run, linked)
        return linked

    def publish(self, run: Run, linked: Linked) -> None:
        """Bring the tables of the linkage up to a link step's files."""
        with staging(self.engine, run) as staged:
            staged.load_parquet("person_link", [linked.path / "person_link.parquet"])
            staged.load_parquet("reviewed_pair", [linked.path / "match_review.parquet"])
            staged.load_parquet("duplicate_record", [linked.path / "duplicate_record.parquet"])
            staged.compute("duplicate_count")
            with self.engine.begin() as connection:
                place_linkage(connection, staged, run.as_of)
                for name in ("vault.person_link", "vault.duplicate_record", "mart.duplicate_count"):
                    target = Base.metadata.tables[name]
                    apply(connection, target, staged.tables[target.name])
                loaded = {
                    "run_id": run.run_id,
                    "as_of": run.as_of,
                    "status": "success",
                    "stale_sources": [],
                    "counts": {},
                }
                now = {"started_at": func.now(), "finished_at": func.now()}
                connection.execute(insert(LoadRun).values(loaded | now).on_conflict_do_nothing())

    def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def keys(self) -> dict[tuple[str, str], str]:
        """The person key of every record in the warehouse."""
        return {(s, k): key for s, k, key in self.rows("select source, source_key, person_key from vault.person_link")}

    def events(self, night: int) -> dict[str, str]:
        """The events of a night by source key."""
        found = self.rows(
            "select source_key, event from vault.person_link_history where as_of = :as_of",
            as_of=FIRST + timedelta(days=night),
        )
        return dict(found)  # type: ignore[arg-type]

    def replayed(self) -> dict[tuple[str, str], str]:
        """The crosswalk that the history tells: the last event of every record, without those that vanished."""
        history = pd.DataFrame(
            self.rows("select source, source_key, as_of, person_key from vault.person_link_history order by as_of"),
            columns=["source", "source_key", "as_of", "person_key"],
        )
        last = history.drop_duplicates(["source", "source_key"], keep="last").dropna(subset=["person_key"])
        return dict(zip(zip(last["source"], last["source_key"], strict=True), last["person_key"], strict=True))


def card(number: str, born: date = date(1990, 1, 1), name: str = "SITI AMINAH", **facts: Any) -> dict[str, Any]:
    """An insurance record; cards that share NIK and birth date, or NIK and name, are one person."""
    return {"noKartu": number, "nik": "2104010101900001", "tglLahir": born, "nama": name, **facts}
