-- The index of the districts: means over their families.
-- Grain: one row per district and basis, for as_of. Key: as_of, district_code, basis.
select
    :as_of as as_of,
    measure.code as district_code,
    coalesce(district.name, measure.code) as district,
    measure.basis,
    :stale_sources as stale_sources,
    measure.families,
    measure.ketentraman,
    measure.kemandirian,
    measure.kebahagiaan,
    measure.ibangga,
    measure.category,
    measure.rentan,
    measure.berkembang,
    measure.tangguh
from region_measure as measure
left join dim_region as district on measure.code = district.code
where length(measure.code) = 6
