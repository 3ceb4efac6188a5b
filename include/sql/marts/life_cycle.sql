-- Surveyed members along the life cycle, by age on as_of. Groups overlap.
-- Grain: one row per village and life-cycle group. Key: village_code, life_cycle.
select
    village.village_code,
    member_group.name as life_cycle,
    coalesce(counted.persons, 0) as persons,
    coalesce(counted.families, 0) as families,
    coalesce(counted.insured, 0) as insured,
    coalesce(counted.insurance_known, 0) as insurance_known,
    cast(counted.insured as double precision) / nullif(counted.insurance_known, 0) as insured_share,
    coalesce(counted.rentan_families, 0) as rentan_families,
    cast(counted.rentan_families as double precision) / nullif(counted.families, 0) as rentan_share
from village
cross join method_group as member_group
left join life_cycle_count as counted
    on village.village_code = counted.village_code and member_group.name = counted.life_cycle
where member_group.kind = 'life_cycle'
