"""Reports: written anew whenever a load has published the warehouse."""

from datetime import timedelta

from airflow.sdk import Asset, task

from kampungkb.refs import Reports
from kampungkb.reporting.messages import both
from kampungkb.run import Run
from support.airflow_run import step
from support.notices import Notice
from support.small_dag import small_dag

TRIAGE = """\
# Reports of the latest load

Writes the workbooks of `include/reports` to `KAMPUNGKB_HOME/reports/<as_of>/`, from the warehouse's schema `open`.

**Can it wait?** Until the meeting: the last reports stand.

**The task is red. What does it mean?** The warehouse is out of reach, or a file under `include/reports` or
`include/sql/reports` is wrong: the last line of the log says which. Correct it and clear the task.

**Who is told?** Whoever the Airflow connection `report_notices` (Apprise) names, by mail or webhook: date and counts
where the reports are written, one sentence where the last try failed. Without the connection nobody.

**Run it again** as often as needed: the same load gives the same files. By hand: `kampungkb reports`.
"""

_WRITTEN = "ti.xcom_pull(task_ids='write_reports')"

with small_dag(
    "publish_reports",
    schedule=Asset("warehouse"),
    retry_delay=timedelta(minutes=1),
    limit=timedelta(minutes=15),
    tags=["tier-2", "reports"],
    description="Writes the workbooks for meetings after each published load.",
    doc_md=TRIAGE,
) as dag:

    @task(
        on_success_callback=Notice(
            title=both("notice_reports_title"),
            body=both(
                "notice_reports_written",
                as_of=f"{{{{ {_WRITTEN}['as_of'] }}}}",
                files=f"{{{{ {_WRITTEN}['files'] | length }}}}",
                villages=f"{{{{ {_WRITTEN}['villages'] }}}}",
            ),
        ),
        on_failure_callback=Notice(title=both("notice_reports_title"), body=both("notice_reports_failed")),
    )
    @step
    def write_reports(run: Run) -> Reports:
        """Write the workbooks of the latest load."""
        from kampungkb.reporting import publishing

        return publishing.publish_reports(run)

    write_reports()
