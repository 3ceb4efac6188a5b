"""Retention: delete every week what is over its limit."""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, Param, task

from kampungkb.refs import Retention
from kampungkb.run import Run
from support.airflow_run import step
from support.small_dag import small_dag

TRIAGE = """\
# Retention

Deletes what `include/reference/retention.yaml` no longer allows to keep: old snapshots, results and run logs, resolved
quarantine, history. Never what a load still needs.

**Can it wait?** A week, yes. Longer is a breach of the limits that were promised.

**The task is red. What does it mean?** The warehouse is out of reach, a file of limits is wrong, or a folder cannot be
deleted: the last line of the log says which. Correct it and clear the task; what was deleted stays deleted.

**Who is told?** Whoever the Airflow connection `operation_notices` (Apprise) names. Without it nobody.

**Run it again** as often as needed. **Where to look**: `ops.retention_run` in the warehouse;
`kampungkb retention --dry-run` shows what would go.
"""

with small_dag(
    "retention",
    schedule=CronTriggerTimetable("0 5 * * 0", timezone="Asia/Jakarta"),
    params={
        "as_of": Param(
            None,
            type=["null", "string"],
            format="date",
            title="As of",
            description="The day from which the limits count. Empty: the day of the run in Asia/Jakarta.",
        )
    },
    retry_delay=timedelta(minutes=5),
    limit=timedelta(hours=1),
    tags=["tier-2", "weekly", "privacy"],
    description="Deletes snapshots, results, logs and history that are over their limit.",
    doc_md=TRIAGE,
) as dag:

    @task
    @step
    def delete_expired(run: Run) -> Retention:
        """Delete what is over its limit and record it in `ops.retention_run`."""
        from kampungkb import retention

        return retention.apply_retention(run)

    delete_expired()
