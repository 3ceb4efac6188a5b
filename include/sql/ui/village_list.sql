-- The index of the villages as of the latest load, with the change since the load before.
-- Grain: one row per village, for :basis. Key: village_code.
with load as (
    select
        as_of,
        lag(as_of) over (order by as_of) as before
    from (select distinct as_of from mart.village_index) as published
    order by as_of desc
    limit 1
)

select
    village.village_code,
    village.village,
    village.district,
    village.kampung_kb,
    village.families,
    village.ketentraman,
    village.kemandirian,
    village.kebahagiaan,
    village.ibangga,
    village.ibangga - earlier.ibangga as change,
    village.category,
    village.rentan,
    village.berkembang,
    village.tangguh
from mart.village_index as village
inner join load on village.as_of = load.as_of
left join mart.village_index as earlier
    on load.before = earlier.as_of and village.village_code = earlier.village_code and village.basis = earlier.basis
where
    village.basis = :basis
    and starts_with(village.village_code, :region)
    and (:kampung_kb = '' or village.kampung_kb = (:kampung_kb = 'yes'))
    and (:district = '' or starts_with(village.village_code, :district))
    and (
        :search = ''
        or position(lower(:search) in lower(village.village)) > 0
        or position(lower(:search) in lower(village.district)) > 0
        or starts_with(village.village_code, :search)
    )
