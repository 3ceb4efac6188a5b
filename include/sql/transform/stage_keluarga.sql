-- Purpose: families as landed, with their village.
-- Grain: one row per landed row of the sheet KELUARGA. Keys: row_id.
select
    parsed.*,
    region.village_code,
    coalesce(region.village_code, 'unknown') as village
from parsed
left join region on parsed."KODE_DESA" = region.village_code
