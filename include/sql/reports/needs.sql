-- Purpose: what families lack, by the sector that can act on it, and where most of them are.
-- Grain: one row per sector and need (an indicator that is not achieved), in each sector the most frequent first.
-- Reads: open; core.dim_indicator for the sector, core.dim_region for names.
with whole as (
    select
        indicator,
        sum(not_achieved) as families,
        sum(not_achieved) filter (where applicable is not null) / cast(sum(applicable) as numeric) as share
    from open.indicator_coverage
    where length(region_code) = 4
    group by indicator
),

most as (
    select distinct on (coverage.indicator, length(coverage.region_code))
        coverage.indicator,
        length(coverage.region_code) as digits,
        coalesce(region.name, coverage.region_code) as name,
        coverage.not_achieved as families
    from open.indicator_coverage as coverage
    left join core.dim_region as region on coverage.region_code = region.code
    where coverage.not_achieved is not null
    order by
        coverage.indicator asc, length(coverage.region_code) asc,
        coverage.not_achieved desc, coverage.region_code asc
)

select
    indicator.sector,
    whole.indicator as need,
    whole.families,
    whole.share,
    district.name as district,
    district.families as district_families,
    village.name as village,
    village.families as village_families
from whole
inner join core.dim_indicator as indicator on whole.indicator = indicator.indicator
left join most as district on whole.indicator = district.indicator and district.digits = 6
left join most as village on whole.indicator = village.indicator and village.digits = 10
order by indicator.sector asc, whole.families desc nulls last, whole.indicator asc
