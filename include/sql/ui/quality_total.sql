-- Data-quality score of a reader's whole region, load by load, by the formula of mart.data_quality.
-- Grain: one row per as_of, source and dimension, of the newest :loads dates. Key: as_of, source, dimension.
with load as (
    select distinct on (as_of)
        as_of,
        run_id
    from ops.load_run
    order by as_of desc, finished_at desc
    limit :loads
),

weight (severity, weight) as (
    values ('critical', 4), ('warning', 2), ('info', 1)
),

-- Summed by severity before it is weighted: whole numbers, a few hundred rows.
summed as (
    select
        load.as_of,
        result.source,
        result.dimension,
        result.severity,
        sum(result.checked) as checked,
        sum(result.failed) as failed
    from load
    inner join ops.check_result as result on load.run_id = result.run_id
    where result.checked > 0 and (:region = '' or starts_with(result.village_code, :region))
    group by load.as_of, result.source, result.dimension, result.severity
),

dimension_score as (
    select
        summed.as_of,
        summed.source,
        summed.dimension,
        100.0 * sum(weight.weight * (summed.checked - summed.failed)) / sum(weight.weight * summed.checked) as score,
        sum(summed.checked) as checked,
        sum(summed.failed) as failed
    from summed
    inner join weight on summed.severity = weight.severity
    group by summed.as_of, summed.source, summed.dimension
)

select
    as_of,
    source,
    dimension,
    round(score, 12) as score,
    checked,
    failed
from dimension_score
union all
select
    as_of,
    source,
    'overall' as dimension,
    round(avg(score), 12) as score,
    sum(checked) as checked,
    sum(failed) as failed
from dimension_score
group by as_of, source
order by as_of, source, dimension
