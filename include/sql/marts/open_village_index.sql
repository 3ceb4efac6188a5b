-- Purpose: the index of the villages, to be published.
-- Grain: one row per village of the marts. Key: village_code.
select
    :as_of as as_of,
    village.village_code,
    village.village,
    district.name as district,
    village.kampung_kb,
    release.means_of,
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
left join dim_region as district on village.district_code = district.code
left join open_region_index as measure on village.village_code = measure.region_code
left join open_release as release on village.village_code = release.village_code
