-- Purpose: the index of the regencies, to be published.
-- Grain: one row per regency with families. Key: regency_code.
select
    :as_of as as_of,
    measure.region_code as regency_code,
    coalesce(region.name, measure.region_code) as regency,
    measure.families,
    measure.ketentraman,
    measure.kemandirian,
    measure.kebahagiaan,
    measure.ibangga,
    measure.category,
    measure.rentan,
    measure.berkembang,
    measure.tangguh
from open_region_index as measure
left join dim_region as region on measure.region_code = region.code
where length(measure.region_code) = 4
