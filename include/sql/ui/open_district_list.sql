-- The publishable index of the districts of a viewer's region, as of the latest load.
-- Grain: one row per district. Key: district_code.
select
    district_code,
    district,
    families,
    ketentraman,
    kemandirian,
    kebahagiaan,
    ibangga,
    category,
    rentan,
    berkembang,
    tangguh
from open.district_index
where starts_with(district_code, :region)
order by district
