-- Purpose: who takes part in the programmes, of the eligible families that answered.
-- Grain: one row per regency or district and programme, regencies first.
-- Reads: open; core.dim_region for names.
select
    coalesce(region.name, coverage.region_code) as name,
    coverage.programme,
    coverage.participating,
    coverage.not_participating,
    coverage.answered,
    coverage.share
from open.programme_coverage as coverage
left join core.dim_region as region on coverage.region_code = region.code
where length(coverage.region_code) in (4, 6)
order by length(coverage.region_code), name, coverage.region_code, coverage.programme
