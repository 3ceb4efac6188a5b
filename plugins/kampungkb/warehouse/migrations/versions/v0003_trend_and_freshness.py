"""The trend of the quality score, and how fresh each source is.

Revision 0003. Loads published before it did not record the dates of their snapshots: they are null.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

VIEWS = {
    "data_quality_trend": """
create view mart.data_quality_trend as
select
    as_of,
    source,
    village_code,
    dimension,
    score,
    checked,
    failed,
    lag(as_of) over series as compared_with,
    lag(score) over series as score_before,
    score - lag(score) over series as score_change
from mart.data_quality
window series as (partition by source, village_code, dimension order by as_of)
""",
    "source_freshness": """
create view mart.source_freshness as
with load as (
    select distinct on (as_of)
        as_of, counts
    from ops.load_run
    order by as_of asc, finished_at desc
)

select
    load.as_of,
    loaded.source,
    cast(loaded.figures ->> 'stale' as boolean) as stale,
    cast(loaded.figures ->> 'snapshot' as date) as snapshot_date,
    load.as_of - cast(loaded.figures ->> 'snapshot' as date) as snapshot_age_days,
    cast(loaded.figures ->> 'last_change' as date) as last_change,
    load.as_of - cast(loaded.figures ->> 'last_change' as date) as last_change_age_days
from load
cross join lateral jsonb_each(load.counts) as loaded (source, figures)
""",
}

COMMENTS = {
    "data_quality_trend": {
        "": "Data-quality score beside that of the load before, one row an as_of, source, village and dimension",
        "as_of": "Date of the load",
        "source": "family_survey, civil_registry or health_insurance",
        "village_code": "Village code, or `unknown`",
        "dimension": "ISO/IEC 25012 dimension, or `overall`: the mean of the dimensions present",
        "score": "0-100",
        "checked": "Row-checks, unweighted",
        "failed": "Failed row-checks, unweighted",
        "compared_with": "Date of the load before that had this score; null for the first",
        "score_before": "Its score",
        "score_change": "score - score_before, in points",
    },
    "source_freshness": {
        "": "How fresh each source is, one row an as_of and source",
        "as_of": "Date of the load",
        "source": "family_survey, civil_registry or health_insurance",
        "stale": "True where an earlier snapshot stood in",
        "snapshot_date": "Date of the snapshot in force; null where a version that did not record it has loaded",
        "snapshot_age_days": "as_of - snapshot_date",
        "last_change": "Latest day, up to as_of, on which the source itself says that a row was surveyed or changed",
        "last_change_age_days": "as_of - last_change",
    },
}


COUNTS = (
    "By source: tables and total (read, accepted, rejected, nulled), files_rejected, parsed, records, linked, "
    "snapshot, last_change, stale, reason"
)


def upgrade() -> None:
    op.execute(f"comment on column ops.load_run.counts is '{COUNTS}'")
    for view, statement in VIEWS.items():
        op.execute(statement)
        for column, comment in COMMENTS[view].items():
            target = f"column mart.{view}.{column}" if column else f"view mart.{view}"
            op.execute(f"comment on {target} is '{comment}'")
