-- The coverage of the indicators in one village beside that of the reader's whole region, on both bases.
-- Grain: one row per indicator and basis. Key: indicator, basis.
with region as (
    select
        indicator,
        basis,
        sum(achieved) * 1.0 / nullif(sum(applicable), 0) as share
    from mart.indicator_coverage
    where starts_with(village_code, :region)
    group by indicator, basis
)

select
    coverage.indicator,
    indicator.dimension,
    indicator.sector,
    indicator.function,
    indicator.in_index,
    coverage.basis,
    coverage.applicable,
    coverage.achieved,
    coverage.applicable - coverage.achieved as unmet,
    coverage.share,
    region.share as region_share
from mart.indicator_coverage as coverage
inner join core.dim_indicator as indicator on coverage.indicator = indicator.indicator
left join region on coverage.indicator = region.indicator and coverage.basis = region.basis
where coverage.village_code = :village_code and starts_with(coverage.village_code, :region)
order by indicator.position, coverage.basis
