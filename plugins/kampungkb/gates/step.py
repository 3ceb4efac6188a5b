"""The two steps between validate and link: judge every delivery, and replace those that are held back.

`inspect` takes what was extracted and validated and returns the questions that only a person can answer; `settle`
takes the answers and returns the validated sources that may be used. What can go wrong: a delivery is held back and
no good snapshot of the last week can stand in (:class:`~kampungkb.errors.GateClosed`).
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

from kampungkb import landing
from kampungkb.errors import KampungkbError
from kampungkb.gates.history import Loads, published_loads
from kampungkb.gates.judging import judge
from kampungkb.gates.question import decision, question
from kampungkb.refs import Answer, Question, Snapshot, Validated
from kampungkb.run import Run
from kampungkb.verdicts import read_verdict, write_verdict

log = logging.getLogger(__name__)


def inspect(run: Run, snapshots: Sequence[Snapshot], validated: Sequence[Validated]) -> list[Question]:
    """Judge every snapshot that was not judged yet; returns a question for each that waits for a person."""
    loads = published_loads(run)
    verdicts = [judge(run, *delivery, loads) for delivery in _deliveries(snapshots, validated)]
    return [question(verdict) for verdict in verdicts if verdict.decision is None]


def settle(
    run: Run, snapshots: Sequence[Snapshot], validated: Sequence[Validated], answers: Sequence[Answer] = ()
) -> list[Validated]:
    """Record the answers, in the order of the questions, and return what may be used of each source.

    In place of a delivery that is held back the last good snapshot is validated for the run's date. Raises
    :class:`GateClosed` with the figures where there is none, and :class:`KampungkbError` for a question without
    answer. Doing it again gives the same.
    """
    _record(run, snapshots, answers)
    loads = published_loads(run)
    return [_usable(run, *delivery, loads) for delivery in _deliveries(snapshots, validated)]


def _deliveries(snapshots: Sequence[Snapshot], validated: Sequence[Validated]) -> Iterator[tuple[Snapshot, Validated]]:
    found = {snapshot.source: snapshot for snapshot in snapshots}
    return ((found[each.source], each) for each in validated)


def _record(run: Run, snapshots: Sequence[Snapshot], answers: Sequence[Answer]) -> None:
    verdicts = [read_verdict(run.settings, snapshot.source, snapshot.snapshot_id) for snapshot in snapshots]
    asked = [verdict for verdict in verdicts if verdict is not None and verdict.asked_in == run.run_id]
    if all(verdict.decision is not None for verdict in asked):
        return
    # A try that was killed between two answers has recorded the first: it is then recorded once more.
    suspicious = [verdict for verdict in asked if verdict.level == "suspicious"]
    waiting = [verdict for verdict in suspicious if verdict.decision is None]
    answered = next((group for group in (waiting, suspicious) if len(group) == len(answers)), None)
    if answered is None:
        raise KampungkbError(
            f"{len(waiting)} deliveries wait for a decision and {len(answers)} were decided. Clear the task inspect "
            "with all that follows it: what is still open is asked again."
        )
    for verdict, answer in zip(answered, answers, strict=True):
        write_verdict(run.settings, verdict.model_copy(update={"decision": decision(answer)}))


def _usable(run: Run, snapshot: Snapshot, validated: Validated, loads: Loads) -> Validated:
    """The delivery itself where it is accepted, else the last good snapshot, validated."""
    alone = replace(run, attended=False)
    while (verdict := judge(alone, snapshot, validated, loads)).held_back:
        log.warning("%s: %s", snapshot.source, verdict.reason)
        snapshot = landing.stand_in(run, snapshot.source, verdict.reason)
        validated = _validated(run, snapshot)
    return validated


def _validated(run: Run, snapshot: Snapshot) -> Validated:
    # Importing it imports Great Expectations, for seconds, and most nights nothing is held back.
    from kampungkb import validation

    return validation.validate(run, snapshot)
