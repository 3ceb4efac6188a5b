-- The publishable index of the villages of a viewer's region, as of the latest load.
-- Grain: one row per village. Key: village_code.
select
    village_code,
    village,
    district,
    kampung_kb,
    families,
    ketentraman,
    kemandirian,
    kebahagiaan,
    ibangga,
    cast(null as double precision) as change,
    category,
    rentan,
    berkembang,
    tangguh
from open.village_index
where
    starts_with(village_code, :region)
    and (:kampung_kb = '' or kampung_kb = (:kampung_kb = 'yes'))
    and (:district = '' or starts_with(village_code, :district))
    and (
        :search = ''
        or position(lower(:search) in lower(village)) > 0
        or position(lower(:search) in lower(district)) > 0
        or starts_with(village_code, :search)
    )
