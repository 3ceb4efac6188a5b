-- The index of the districts of a reader's region, as of the latest load.
-- Grain: one row per district, for :basis. Key: district_code.
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
from mart.district_index
where
    as_of = (select max(newest.as_of) from mart.district_index as newest)
    and basis = :basis
    and starts_with(district_code, :region)
order by district
