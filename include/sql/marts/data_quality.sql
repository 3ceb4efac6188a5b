-- Data-quality score: within a dimension 100 x weighted passed / weighted checked over its rules' row-checks;
-- `overall` is the mean of the dimensions present. `checked` and `failed` are unweighted.
-- Grain: one row per source, village and dimension, for as_of. Key: as_of, source, village_code, dimension.
with weight (severity, weight) as (
    values ('critical', 4), ('warning', 2), ('info', 1)
),

dimension_score as (
    select
        result.source,
        result.village_code,
        result.dimension,
        100.0 * sum(weight.weight * cast(result.checked - result.failed as bigint))
        / sum(weight.weight * cast(result.checked as bigint)) as score,
        sum(result.checked) as checked,
        sum(result.failed) as failed
    from check_result as result
    inner join weight on result.severity = weight.severity
    where result.checked > 0
    group by result.source, result.village_code, result.dimension
),

overall_score as (
    select
        source,
        village_code,
        'overall' as dimension,
        avg(score) as score,
        sum(checked) as checked,
        sum(failed) as failed
    from dimension_score
    group by source, village_code
)

select
    :as_of as as_of,
    source,
    village_code,
    dimension,
    round(score, 12) as score,
    checked,
    failed
from (
    select * from dimension_score
    union all
    select * from overall_score
) as score
