-- Purpose: the index of every village at the latest load.
-- Grain: one row per village.
-- Reads: open.
select
    district,
    village,
    kampung_kb,
    families,
    ibangga,
    category,
    ketentraman,
    kemandirian,
    kebahagiaan,
    rentan,
    berkembang,
    tangguh
from open.village_index
order by district, village
