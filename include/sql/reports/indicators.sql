-- Purpose: how many families of the regency achieve each indicator, the least achieved first.
-- Grain: one row per regency and indicator.
-- Reads: open; core.dim_indicator for dimension and sector.
select
    coverage.indicator,
    indicator.dimension,
    indicator.sector,
    coverage.applicable,
    coverage.achieved,
    coverage.not_achieved,
    coverage.share
from open.indicator_coverage as coverage
inner join core.dim_indicator as indicator on coverage.indicator = indicator.indicator
where length(coverage.region_code) = 4
order by coverage.share asc nulls last, coverage.indicator asc
