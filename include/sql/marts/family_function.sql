-- The family functions: achieved indicators of a function, of those that apply and are known, over the families of a
-- village. Shown beside the index, never in it.
-- Grain: one row per village, family function and basis. Key: village_code, function, basis.
with counted as (
    select
        coverage.village_code,
        indicator.function,
        coverage.basis,
        sum(coverage.applicable) as applicable,
        sum(coverage.achieved) as achieved
    from indicator_coverage as coverage
    inner join dim_indicator as indicator on coverage.indicator = indicator.indicator
    group by coverage.village_code, indicator.function, coverage.basis
)

select
    village_code,
    function,
    basis,
    applicable,
    achieved,
    cast(achieved as double precision) / nullif(applicable, 0) as share
from counted
