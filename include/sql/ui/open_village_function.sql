-- Coverage of the family functions in one village, of the indicators whose counts are published.
-- Grain: one row per family function. Key: function.
select
    indicator.function,
    'integrated' as basis,
    cast(sum(coverage.applicable) as bigint) as applicable,
    cast(sum(coverage.achieved) as bigint) as achieved,
    sum(coverage.achieved) / cast(sum(coverage.applicable) as numeric) as share
from open.indicator_coverage as coverage
inner join core.dim_indicator as indicator on coverage.indicator = indicator.indicator
where
    coverage.region_code = :village_code
    and length(coverage.region_code) = 10
    and starts_with(coverage.region_code, :region)
    and coverage.applicable is not null
group by indicator.function
order by indicator.function
