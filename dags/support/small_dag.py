"""How the DAGs of a single task begin: only what tells them apart stands in their files."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from support.notices import FailureNotice


def small_dag(
    dag_id: str,
    *,
    schedule: Any,
    limit: timedelta,
    retry_delay: timedelta,
    tags: Sequence[str],
    description: str,
    doc_md: str,
    retries: int = 2,
    params: dict[str, Any] | None = None,
) -> DAG:
    """A DAG of one task, never twice at once and never for a time that was missed.

    `limit` bounds each try. Operation is told where the last one failed, unless the task says otherwise.
    """
    return DAG(
        dag_id=dag_id,
        schedule=schedule,
        catchup=False,
        max_active_runs=1,
        params=params,
        default_args={
            "owner": "data-engineering",
            "retries": retries,
            "retry_delay": retry_delay,
            "execution_timeout": limit,
            "on_failure_callback": FailureNotice(),
        },
        dagrun_timeout=(retries + 1) * (limit + retry_delay),
        tags=list(tags),
        description=description,
        doc_md=doc_md,
    )
