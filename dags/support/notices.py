"""Messages by mail or webhook, to whoever an Airflow connection names: about reports, or about operation."""

import logging
import re
from urllib.parse import quote

from airflow.providers.apprise.notifications.apprise import AppriseNotifier
from airflow.sdk import Context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

from kampungkb.orchestration.faults import describe
from kampungkb.reporting.messages import Message, both, message

REPORTS = "report_notices"
OPERATION = "operation_notices"
# Longer than a village code: the numbers of persons and of family cards.
_NUMBER_OF_A_PERSON = re.compile(r"\d{11,}")

log = logging.getLogger(__name__)


class Notice(AppriseNotifier):
    """A message through an Airflow connection; without that connection nobody is told.

    `title` and `body` are templates over the task's context. They go to other servers: dates and counts only.
    """

    def __init__(self, *, title: str, body: str, conn_id: str = REPORTS) -> None:
        super().__init__(title=title, body=body, apprise_conn_id=conn_id)

    def notify(self, context: Context) -> None:
        """Send the message."""
        try:
            super().notify(context)
        except AirflowNotFoundException:
            log.info("No connection %s, so nobody is told.", self.apprise_conn_id)


class FailureNotice(Notice):
    """A task failed at its last try: which one, why, what to do, and where its log is."""

    def __init__(self) -> None:
        super().__init__(title=both("notice_failed_title"), body="", conn_id=OPERATION)

    def notify(self, context: Context) -> None:
        """Send the message; its text is no template, so a reason is never read as one."""
        ti = context["ti"]
        text = both(
            "notice_failed",
            dag=ti.dag_id,
            task=" ".join(filter(None, [ti.task_id, ti.rendered_map_index])),
            reason=_reason(context.get("exception")),
            todo=message(f"todo_{ti.task_id}"),
        )
        self.body = f"{text}\n{ti.log_url}"
        super().notify(context)


class LateNotice(Notice):
    """A run is not done `hours` after it was queued: it hangs, failed, or waits for a person."""

    def __init__(self, *, hours: int) -> None:
        super().__init__(title=both("notice_late_title"), body="", conn_id=OPERATION)
        self.hours = hours

    def notify(self, context: Context) -> None:
        """Send the message, from the few facts that the scheduler hands to a missed deadline."""
        run = context["dag_run"]
        dag_id, run_id = run["dag_id"], run["dag_run_id"]  # type: ignore[index]
        page = conf.get("api", "base_url", fallback="http://localhost:8080").rstrip("/")
        text = both("notice_late", dag=dag_id, hours=self.hours)
        self.body = f"{text}\n{page}/dags/{dag_id}/runs/{quote(run_id)}"
        super().notify(context)


def _reason(fault: object) -> str | Message:
    """What a step said about its fault; of what comes from elsewhere only what is safe to say."""
    if not isinstance(fault, BaseException):
        return message("notice_failed_silent")
    told = str(fault) if isinstance(fault, AirflowException) else describe(fault)
    return _NUMBER_OF_A_PERSON.sub("…", told)
