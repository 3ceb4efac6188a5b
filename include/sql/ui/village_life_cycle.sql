-- Persons by life-cycle group in one village.
-- Grain: one row per life-cycle group. Key: life_cycle.
select
    life_cycle,
    persons,
    families,
    insured_share
from mart.life_cycle
where village_code = :village_code and starts_with(village_code, :region)
