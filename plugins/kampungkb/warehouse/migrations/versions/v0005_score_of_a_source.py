"""The quality score of a whole source, from the same checks and by the same formula as that of a village.

Revision 0005.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

VIEW = """
create view mart.data_quality_source as
with load as (
    select distinct on (as_of)
        as_of, run_id
    from ops.load_run
    order by as_of asc, finished_at desc
),

weight (severity, weight) as (
    values ('critical', 4), ('warning', 2), ('info', 1)
),

dimension_score as (
    select
        load.as_of,
        result.source,
        result.dimension,
        100.0 * sum(weight.weight * cast(result.checked - result.failed as bigint))
        / sum(weight.weight * cast(result.checked as bigint)) as score,
        cast(sum(result.checked) as bigint) as checked,
        cast(sum(result.failed) as bigint) as failed
    from load
    inner join ops.check_result as result on load.run_id = result.run_id
    inner join weight on result.severity = weight.severity
    where result.checked > 0
    group by load.as_of, result.source, result.dimension
),

overall_score as (
    select
        as_of,
        source,
        'overall' as dimension,
        avg(score) as score,
        cast(sum(checked) as bigint) as checked,
        cast(sum(failed) as bigint) as failed
    from dimension_score
    group by as_of, source
)

select
    as_of,
    source,
    dimension,
    cast(round(score, 12) as double precision) as score,
    checked,
    failed
from (
    select * from dimension_score
    union all
    select * from overall_score
) as score
"""

COMMENTS = {
    "": "Data-quality score of a whole source, one row an as_of, source and dimension",
    "as_of": "Date of the load",
    "source": "family_survey, civil_registry or health_insurance",
    "dimension": "ISO/IEC 25012 dimension, or `overall`: the mean of the dimensions present",
    "score": "100 x weighted passed / weighted checked over all villages; weights critical 4, warning 2, info 1",
    "checked": "Row-checks, unweighted",
    "failed": "Failed row-checks, unweighted",
}


def upgrade() -> None:
    op.execute(VIEW)
    for column, comment in COMMENTS.items():
        target = f"column mart.data_quality_source.{column}" if column else "view mart.data_quality_source"
        op.execute(f"comment on {target} is '{comment}'")
