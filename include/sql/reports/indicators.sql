-- Purpose: how many families achieve each indicator, over all regencies, the least achieved first.
-- Grain: one row per indicator.
-- Reads: open; core.dim_indicator for dimension and sector.
with whole as (
    select
        indicator,
        sum(applicable) as applicable,
        sum(achieved) as achieved,
        sum(not_achieved) as not_achieved,
        sum(achieved) filter (where applicable is not null) / cast(sum(applicable) as numeric) as share
    from open.indicator_coverage
    where length(region_code) = 4
    group by indicator
)

select
    whole.indicator,
    indicator.dimension,
    indicator.sector,
    whole.applicable,
    whole.achieved,
    whole.not_achieved,
    whole.share
from whole
inner join core.dim_indicator as indicator on whole.indicator = indicator.indicator
order by whole.share asc nulls last, whole.indicator asc
