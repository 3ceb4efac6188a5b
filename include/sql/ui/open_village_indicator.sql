-- The publishable coverage of the indicators in one village beside that of the viewer's region, else of the regency.
-- Grain: one row per indicator that is shown. Key: indicator.
select
    coverage.indicator,
    indicator.dimension,
    indicator.sector,
    indicator.function,
    indicator.in_index,
    'integrated' as basis,
    coverage.applicable,
    coverage.achieved,
    coverage.not_achieved as unmet,
    coverage.share,
    region.share as region_share
from open.indicator_coverage as coverage
inner join core.dim_indicator as indicator on coverage.indicator = indicator.indicator
left join open.indicator_coverage as region
    on
        coverage.indicator = region.indicator
        and region.region_code = case when length(:region) >= 4 then :region else left(coverage.region_code, 4) end
where
    coverage.region_code = :village_code
    and length(coverage.region_code) = 10
    and starts_with(coverage.region_code, :region)
order by indicator.position
