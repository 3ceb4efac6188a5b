-- Purpose: families by name with the services they need, for the workbooks of villages and sectors.
-- Grain: one row per family and need, within :region and :village (beginnings of a village code) and :sector; an empty
-- one means all. Key: family_code, need.
-- Reads: service.action_list; whoever asks has recorded the read (kampungkb.warehouse.service).
select
    listed.village_code,
    coalesce(region.name, listed.village_code) as village,
    listed.sector,
    listed.rw,
    listed.rt,
    listed.head_name,
    listed.address,
    listed.family_code,
    listed.members,
    listed.need,
    '' as followed_up,
    (
        select max(published.as_of)
        from mart.village_index as published
        where published.village_code = listed.village_code
    ) as as_of
from service.action_list as listed
left join core.dim_region as region on listed.village_code = region.code
where
    starts_with(listed.village_code, :region)
    and starts_with(listed.village_code, :village)
    and (:sector = '' or listed.sector = :sector)
order by listed.village_code, listed.sector, listed.rw, listed.rt, listed.family_code, listed.need
