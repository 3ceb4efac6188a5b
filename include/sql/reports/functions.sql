-- Purpose: how far the eight family functions are fulfilled: answers achieved among those to the indicators of each.
-- Grain: one row per family function, the least fulfilled first.
-- Reads: open; core.dim_indicator for the function.
with answer as (
    select
        indicator.function,
        sum(coverage.achieved) as achieved,
        sum(coverage.not_achieved) as not_achieved
    from open.indicator_coverage as coverage
    inner join core.dim_indicator as indicator on coverage.indicator = indicator.indicator
    where length(coverage.region_code) = 4
    group by indicator.function
)

select
    function,
    achieved,
    not_achieved,
    achieved / cast(achieved + not_achieved as numeric) as share
from answer
order by share asc nulls last, function asc
