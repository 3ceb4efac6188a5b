-- What the sectors have to do in one village, as far as it is published.
-- Grain: one row per sector and need. Key: sector, need.
select
    indicator.sector,
    coverage.indicator as need,
    coverage.not_achieved as families,
    cast(null as integer) as persons
from open.indicator_coverage as coverage
inner join core.dim_indicator as indicator on coverage.indicator = indicator.indicator
where
    coverage.region_code = :village_code
    and length(coverage.region_code) = 10
    and starts_with(coverage.region_code, :region)
    and coverage.not_achieved is not null
order by coverage.not_achieved desc, indicator.sector asc, coverage.indicator asc
