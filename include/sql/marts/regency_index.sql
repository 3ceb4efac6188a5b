-- The index of the regencies: means over their families.
-- Grain: one row per regency and basis, for as_of. Key: as_of, regency_code, basis.
select
    :as_of as as_of,
    measure.code as regency_code,
    coalesce(regency.name, measure.code) as regency,
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
left join dim_region as regency on measure.code = regency.code
where length(measure.code) = 4
