"""Messages about reports, by mail or webhook, to whoever the Airflow connection `report_notices` names."""

import logging

from airflow.providers.apprise.notifications.apprise import AppriseNotifier
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowNotFoundException

CONNECTION = "report_notices"

log = logging.getLogger(__name__)


class Notice(AppriseNotifier):
    """A message through Airflow's connection `report_notices`; without that connection nobody is told.

    `title` and `body` are templates over the task's context. They go to other servers: dates and counts only.
    """

    def __init__(self, *, title: str, body: str) -> None:
        super().__init__(title=title, body=body, apprise_conn_id=CONNECTION)

    def notify(self, context: Context) -> None:
        """Send the message."""
        try:
            super().notify(context)
        except AirflowNotFoundException:
            log.info("No connection %s, so nobody is told.", CONNECTION)
