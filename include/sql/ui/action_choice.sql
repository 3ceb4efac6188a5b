-- How many needs the action lists hold: counts of a village and a sector, no names.
-- Grain: one row per village and sector with at least one need. Key: village_code, sector.
select
    action.village_code,
    village.name as village,
    district.name as district,
    action.sector,
    cast(sum(action.families) as bigint) as needs
from mart.sector_action as action
left join core.dim_region as village on action.village_code = village.code
left join core.dim_region as district on left(action.village_code, 6) = district.code
where
    starts_with(action.village_code, :region)
    and (:sector = '' or action.sector = :sector)
    and (
        :search = ''
        or position(lower(:search) in lower(village.name)) > 0
        or position(lower(:search) in lower(district.name)) > 0
        or starts_with(action.village_code, :search)
    )
group by action.village_code, village.name, district.name, action.sector
having sum(action.families) > 0
