"""What earlier deliveries were like: the profiles of the snapshots that published loads used, newest first."""

import itertools
from collections.abc import Mapping
from datetime import date

from kampungkb import landing
from kampungkb.gates.thresholds import thresholds
from kampungkb.run import Run
from kampungkb.sources.protocol import Manifest
from kampungkb.verdicts import Profile, is_held_back, verdicts
from kampungkb.warehouse.connect import warehouse
from kampungkb.warehouse.query import published_snapshots

Loads = Mapping[date, Mapping[str, date]]


def published_loads(run: Run) -> Loads:
    """The dates of all published loads, each with the date of the snapshot of every source that it used."""
    with warehouse(run.settings, run.connections) as engine:
        return published_snapshots(engine)


def history(run: Run, manifest: Manifest, loads: Loads) -> list[Profile]:
    """The profiles behind the last loads before a snapshot's date, as many as its gates look back.

    Only deliveries from the same address count: sample and real ones, or two databases, are not compared.
    """
    source = manifest.source
    known = _profiles(run, manifest)
    used = (loads[day].get(source) for day in sorted(loads, reverse=True) if day < manifest.as_of)
    found = [known[snapshot_date] for snapshot_date in used if snapshot_date in known]
    return found[: thresholds(source).loads_needed]


def _profiles(run: Run, manifest: Manifest) -> dict[date, Profile]:
    """The profile of the last accepted snapshot of each date from the same address."""
    found: dict[date, Profile] = {}
    for verdict in verdicts(run.settings, manifest.source):
        accepted = verdict.decision is not None and verdict.decision.accepted
        if accepted and (verdict.origin, verdict.sample) == (manifest.origin, manifest.sample):
            found.setdefault(verdict.as_of, verdict.profile)
    return found


def delivery_before(run: Run, manifest: Manifest) -> Manifest | None:
    """The last good snapshot before this one from the same address."""
    newest_first = landing.snapshots(run.settings, manifest.source)
    earlier = itertools.islice(itertools.dropwhile(lambda other: other != manifest, newest_first), 1, None)
    return next(
        (
            other
            for other in earlier
            if (other.origin, other.sample) == (manifest.origin, manifest.sample)
            and not is_held_back(run.settings, other.source, other.snapshot_id)
        ),
        None,
    )
