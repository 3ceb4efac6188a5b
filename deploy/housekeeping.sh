#!/usr/bin/env bash
# Deletes what Airflow itself keeps of runs older than DAYS: rows of its database (of each DAG the last run stays) and
# logs of tasks. The DAG `retention` cannot: no task reaches that database. Weekly, by cron: docs/how-to/deploy.md.
set -euo pipefail

# How to reach Airflow and its logs; other words serve an installation without containers.
ON_AIRFLOW="${ON_AIRFLOW-docker compose exec -T scheduler}"
LOGS="${LOGS:-/var/lib/airflow/logs}"
DAYS="${DAYS:-90}" # as long as the run logs in include/reference/retention.yaml

before="$(date -u -d "$DAYS days ago" +%Y-%m-%dT00:00:00+00:00)"
$ON_AIRFLOW airflow db clean --clean-before-timestamp "$before" --skip-archive --error-on-cleanup-failure --yes
$ON_AIRFLOW find "$LOGS" -type f -mtime "+$DAYS" -delete
$ON_AIRFLOW find "$LOGS" -mindepth 1 -type d -empty -delete
