-- Purpose: the quality of each source's data in every village, the worst survey first.
-- Grain: one row per village that has a score.
-- Reads: open.
with score as (
    select
        region_code,
        max(score) filter (where source = 'family_survey') as family_survey,
        max(score) filter (where source = 'civil_registry') as civil_registry,
        max(score) filter (where source = 'health_insurance') as health_insurance
    from open.data_quality
    where dimension = 'overall'
    group by region_code
)

select
    village.district,
    village.village,
    score.family_survey,
    score.civil_registry,
    score.health_insurance
from open.village_index as village
inner join score on village.village_code = score.region_code
order by score.family_survey asc nulls last, village.district asc, village.village asc, village.village_code asc
