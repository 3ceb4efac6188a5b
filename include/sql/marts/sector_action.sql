-- Needs by the sector that acts on them: an indicator that is not achieved (basis integrated). Persons are the members
-- who fail it where the indicator asks each member, else all members of the families.
-- Grain: one row per village and need; each need belongs to one sector. Key: village_code, sector, need.
select
    village.village_code,
    indicator.sector,
    indicator.indicator as need,
    coalesce(counted.families, 0) as families,
    coalesce(counted.persons, 0) as persons
from village
cross join dim_indicator as indicator
left join need_count as counted
    on village.village_code = counted.village_code and indicator.indicator = counted.indicator
