-- Purpose: what families lack, district by district.
-- Grain: one row per district, sector and need, in each district and sector the most frequent first.
-- Reads: open; core.dim_indicator for the sector.
select
    district.district,
    indicator.sector,
    coverage.indicator as need,
    coverage.not_achieved as families,
    1 - coverage.share as share
from open.district_index as district
inner join open.indicator_coverage as coverage on district.district_code = coverage.region_code
inner join core.dim_indicator as indicator on coverage.indicator = indicator.indicator
where coverage.not_achieved is not null
order by
    district.district asc, district.district_code asc, indicator.sector asc, coverage.not_achieved desc,
    coverage.indicator asc
