-- The index of the villages, also of those without families.
-- Grain: one row per village and basis, for as_of. Key: as_of, village_code, basis.
select
    :as_of as as_of,
    village.village_code,
    village.village,
    village.district,
    village.kampung_kb,
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
from village
inner join region_measure as measure on village.village_code = measure.code
