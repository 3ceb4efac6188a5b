"""The verdict on one snapshot: what every gate finds in it, and what is decided without a person."""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from kampungkb import landing
from kampungkb.gates import figures
from kampungkb.gates.drift import drift
from kampungkb.gates.history import Loads, delivery_before, history
from kampungkb.gates.profile import profile_of
from kampungkb.gates.thresholds import Thresholds, thresholds
from kampungkb.refs import Snapshot, Validated
from kampungkb.run import Run
from kampungkb.sources.protocol import Manifest
from kampungkb.verdicts import Decision, Outcome, Profile, Verdict, read_verdict, verdicts, write_verdict

log = logging.getLogger(__name__)

OF_HISTORY = (figures.volume, figures.rejected, figures.distribution, figures.villages)


def judge(run: Run, snapshot: Snapshot, validated: Validated, loads: Loads) -> Verdict:
    """The verdict on a snapshot, written to the lake; a decided one stands and is returned as it is.

    Open: accepted. Closed: held back. Suspicious: undecided where a person can be asked (`run.attended`), else what
    the thresholds say for want of an answer.
    """
    known = read_verdict(run.settings, snapshot.source, snapshot.snapshot_id)
    if known is not None and known.decision is not None:
        return known
    limits, manifest = thresholds(snapshot.source), landing.read_manifest(snapshot.path)
    last = None if run.force else next(verdicts(run.settings, snapshot.source), None)
    profile = profile_of(run, validated, last.profile if last else None)
    found = Verdict(
        source=snapshot.source,
        snapshot_id=snapshot.snapshot_id,
        as_of=snapshot.as_of,
        origin=manifest.origin,
        sample=manifest.sample,
        profile=profile,
        outcomes=tuple(outcomes(profile, manifest, history(run, manifest, loads), delivery_before(run, manifest))),
        asked_in=run.run_id,
    )
    verdict = found.model_copy(update={"decision": _without_a_person(run, found, limits)})
    write_verdict(run.settings, verdict)
    for finding in verdict.findings:
        log.warning("%s: gate %s is %s: %s", verdict.source, finding.gate, finding.level, finding.reason)
    return verdict


def outcomes(
    profile: Profile, manifest: Manifest, before: Sequence[Profile], delivery: Manifest | None
) -> Iterator[Outcome]:
    """What every gate finds: in a profile against those `before`, in a manifest against the `delivery` before."""
    limits = thresholds(manifest.source)
    yield from drift(manifest, delivery, limits.drift)
    for gate in OF_HISTORY:
        for outcome in gate(profile, before, limits):
            waits = 0 < outcome.loads < limits.loads_needed
            yield outcome.model_copy(update={"report_only": waits})


def _without_a_person(run: Run, verdict: Verdict, limits: Thresholds) -> Decision | None:
    now = datetime.now(UTC)
    match verdict.level:
        case "open":
            return Decision(accepted=True, by="gate", at=now)
        case "closed":
            return Decision(accepted=False, by="gate", at=now)
        case "suspicious":
            accepted = limits.unanswered == "accept"
            return None if run.attended else Decision(accepted=accepted, by="default", by_default=True, at=now)
