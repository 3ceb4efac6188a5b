"""The nightly load: extract → validate (mapped over the sources) → inspect → settle → link → score → publish →
document.

Each task calls one public function of the library; `support.airflow_run.step` hands it the run. Between inspect and
settle stands `decide`, a question to a person for each suspicious delivery, skipped where there is none.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import (
    DAG,
    Asset,
    CronTriggerTimetable,
    DeadlineAlert,
    DeadlineReference,
    Param,
    SyncCallback,
    task,
)

from kampungkb.refs import Answer, Linked, Published, Question, Scored, Snapshot, Validated
from kampungkb.run import SOURCES, Run
from kampungkb.settings import load_settings
from kampungkb.verdicts import ACCEPT, HOLD_BACK
from support.airflow_run import step
from support.notices import FailureNotice, LateNotice

TRIAGE = """\
# Nightly load of the family data

Reads the family survey, the civil registry and the health insurance, and publishes the warehouse.

**Can it wait?** Until the morning, yes: readers keep the last published state, and nothing is half written.
After two nights the figures are out of date; tell the stewards.

**A task is red. What does it mean?** Read the last lines of its log: an expected fault is one sentence that says what
to do.

| task | what its failure means | what to do |
|---|---|---|
| prepare | a setting or connection is missing, or the warehouse is out of reach | correct it, then clear the task |
| extract | a source refuses us, has another shape than its contract, or is out of reach (or was held back) \
with no usable snapshot | ask the owner of the source; the message names table and column |
| inspect | a file of `include/gates` is wrong, or the warehouse went away | undo the last change there, \
or clear the task |
| settle | a gate closed, or a person held a delivery back, and no good snapshot of the last week can stand in | \
the message names the figures: ask the owner of the source for a whole delivery, then run with \
`force` |
| validate, link, score | counts disagree, or a contract, suite or methodology file is wrong | undo the last change \
under `include/` or `expectations/` |
| link | the warehouse went away, and with it the stewards' decisions | bring it back, then clear the task |
| publish | the audit refused the new state, or the warehouse went away | read the failed checks; the old state stands |
| document | nothing of the data: Data Docs could not be written, the earlier ones stand | look at the disk; clear the \
task |

**A source is down** (unreachable, time-outs, 5xx): no failure. Its last good snapshot up to 7 days old stands in, and
`ops.load_run.stale_sources` names it.

**`decide` waits** (Required Actions): a delivery is suspicious, and a person decides; without an answer within nine \
hours the default of `include/gates` is taken. See `docs/how-to/decide-on-a-delivery.md`.

**Who is told?** Whoever the Airflow connection `operation_notices` (Apprise) names: of a task whose last try failed,
and of a run that is not done four hours after it was queued (it hangs, failed, or `decide` waits).

**Run it again** as often as needed: the same `as_of` replays what was landed and changes nothing that is right.
`force` extracts anew. **Backfill**: set `as_of`; the newest snapshots not after that date are used.

**Where to look**: this page; `ops.load_run`, `ops.quarantine` and `ops.check_result` in the warehouse; Data Docs
(`KAMPUNGKB_HOME/data-docs/index.html`); the journal `KAMPUNGKB_HOME/runs/<run id>.jsonl`.
See `docs/how-to/run-and-rerun.md`.
"""

PARAMS = {
    "as_of": Param(
        None,
        type=["null", "string"],
        format="date",
        title="As of",
        description="The date the state is computed for. Empty: the day of the run in Asia/Jakarta.",
    ),
    "sources": Param(
        list(SOURCES),
        type="array",
        items={"type": "string", "enum": list(SOURCES)},
        minItems=1,
        title="Sources",
        description="Which sources to load. One without a connection is absent either way.",
    ),
    "force": Param(
        False,
        type="boolean",
        title="Force",
        description="Extract anew even where this date already has landed snapshots.",
    ),
}

WAREHOUSE = Asset("warehouse")

# From 01:00 until people are at work and have had time to look.
ANSWER_WITHIN = timedelta(hours=9)
# Many times what a load takes; at five in the morning, so that a question to a person is heard of before work begins.
DONE_WITHIN_HOURS = 4


with DAG(
    dag_id="nightly_load",
    schedule=CronTriggerTimetable(load_settings().nightly_schedule, timezone="Asia/Jakarta"),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    default_args={
        "owner": "data-engineering",
        "retries": 2,
        "retry_delay": timedelta(seconds=10),
        "retry_exponential_backoff": 3,
        "execution_timeout": timedelta(hours=1),
        "on_failure_callback": FailureNotice(),
    },
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=DONE_WITHIN_HOURS),
        callback=SyncCallback(LateNotice, kwargs={"hours": DONE_WITHIN_HOURS}),
    ),
    dagrun_timeout=timedelta(hours=4) + ANSWER_WITHIN,
    tags=["tier-1", "nightly", "family-data"],
    description="Loads family survey, civil registry and health insurance, and publishes the warehouse.",
    doc_md=TRIAGE,
) as dag:

    @task(execution_timeout=timedelta(minutes=5))
    @step
    def prepare(run: Run) -> list[str]:
        """Check settings, connections and the warehouse; return the sources that are present."""
        from kampungkb.orchestration import preflight

        return preflight.check(run)

    @task(map_index_template="{{ task.op_kwargs['source'] }}")
    @step
    def extract(run: Run, source: str) -> Snapshot:
        """Land one source as it is, or let its last good snapshot stand in where it is out of reach."""
        from kampungkb import landing

        return landing.extract(run, source)

    @task(map_index_template="{{ task.op_kwargs['snapshot']['source'] }}")
    @step
    def validate(run: Run, snapshot: Snapshot) -> Validated:
        """Split one snapshot into accepted rows and quarantine, with every reason."""
        from kampungkb import validation

        return validation.validate(run, snapshot)

    @task
    @step
    def inspect(run: Run, snapshots: Sequence[Snapshot], validated: Sequence[Validated]) -> list[Question]:
        """Judge every delivery by its gates; what is suspicious becomes a question to a person."""
        from kampungkb import gates

        return gates.inspect(run, snapshots, validated)

    @task(trigger_rule="none_failed")
    @step
    def settle(
        run: Run, snapshots: Sequence[Snapshot], validated: Sequence[Validated], answers: Sequence[Answer]
    ) -> list[Validated]:
        """Record the decisions; for what is held back the last good snapshot stands in."""
        from kampungkb import gates

        return gates.settle(run, snapshots, validated, answers)

    @task
    @step
    def link(run: Run, validated: Sequence[Validated]) -> Linked:
        """Find the records of all sources that are the same person; keys stay from night to night."""
        from kampungkb import linkage

        return linkage.link(run, validated)

    @task
    @step
    def score(run: Run, validated: Sequence[Validated], linked: Linked) -> Scored:
        """Compute the indicators and the index of every family, from the survey alone and integrated."""
        from kampungkb import scoring

        return scoring.score(run, validated, linked)

    @task(outlets=[WAREHOUSE])
    @step
    def publish(
        run: Run,
        validated: Sequence[Validated],
        linked: Linked,
        scored: Scored,
        started_at: datetime,
        snapshots: Sequence[Snapshot],
    ) -> Published:
        """Load a staging schema, audit it, and publish it in one transaction."""
        from kampungkb import warehouse

        return warehouse.publish(run, validated, linked, scored, started_at, snapshots)

    @task(execution_timeout=timedelta(minutes=15))
    @step
    def document(run: Run, published: Published) -> str:
        """Show in Data Docs which rules were checked and how many rows broke them, without a single value."""
        from kampungkb.validation import data_docs

        return data_docs.refresh(run, published)

    snapshots = extract.expand(source=prepare())
    validated = validate.expand(snapshot=snapshots)
    answers = HITLOperator.partial(
        task_id="decide",
        options=[ACCEPT, HOLD_BACK],
        response_timeout=ANSWER_WITHIN,
        map_index_template="{{ task.subject }}",
    ).expand_kwargs(inspect(snapshots, validated))
    settled = settle(snapshots, validated, answers.output)
    linked = link(settled)
    scored = score(settled, linked)
    document(publish(settled, linked, scored, "{{ dag_run.start_date.isoformat() }}", snapshots))
