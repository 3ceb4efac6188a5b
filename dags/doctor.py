"""The doctor: what would keep the night's load from ending well, found while somebody can still do something."""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, task

from kampungkb.refs import Health
from kampungkb.reporting.messages import both
from kampungkb.run import Run
from support.airflow_run import step
from support.notices import OPERATION, Notice
from support.small_dag import small_dag

TRIAGE = """\
# Doctor

Checks folders, disk, versions, the pseudonym key, the clock, the warehouse and every source, in the afternoon before
the nightly load. Changes nothing.

**Can it wait?** Until the evening: what it found will most likely stop the load at 01:00.

**The task is red. What does it mean?** The last line of its log lists the faults and what to do about each; lines
before it hold the warnings. Correct them and clear the task.

**Who is told?** Whoever the Airflow connection `operation_notices` (Apprise) names. Without it nobody.

**Run it again** as often as needed. By hand: `kampungkb doctor`.
"""

with small_dag(
    "doctor",
    schedule=CronTriggerTimetable("0 14 * * *", timezone="Asia/Jakarta"),
    retries=1,
    retry_delay=timedelta(minutes=5),
    limit=timedelta(minutes=10),
    tags=["tier-2", "operation"],
    description="Checks connections, disk, key, clock and versions before the night.",
    doc_md=TRIAGE,
) as dag:

    @task(
        on_failure_callback=Notice(
            title=both("notice_doctor_title"), body=both("notice_doctor_failed"), conn_id=OPERATION
        )
    )
    @step
    def examine(run: Run) -> Health:
        """Fail with every fault that was found."""
        from kampungkb.orchestration import doctor

        return doctor.require_health(run)

    examine()
