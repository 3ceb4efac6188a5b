-- Purpose: insurance entries as landed, with their village.
-- Grain: one row per landed entry. Keys: row_id.
select
    parsed.*,
    parsed."kodeDesa" as village_code,
    coalesce(region.village_code, 'unknown') as village
from parsed
left join region on parsed."kodeDesa" = region.village_code
