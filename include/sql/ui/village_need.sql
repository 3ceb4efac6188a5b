-- What the sectors have to do in one village.
-- Grain: one row per sector and need. Key: sector, need.
select
    sector,
    need,
    families,
    persons
from mart.sector_action
where village_code = :village_code and starts_with(village_code, :region)
order by families desc, sector asc, need asc
