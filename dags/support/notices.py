"""Messages by mail or webhook, to whoever an Airflow connection names: about reports, or about operation."""

import logging

from airflow.providers.apprise.notifications.apprise import AppriseNotifier
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowNotFoundException

REPORTS = "report_notices"
OPERATION = "operation_notices"

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
