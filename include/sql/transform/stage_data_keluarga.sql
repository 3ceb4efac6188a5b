-- Purpose: family cards as landed, with their village code (2 + 2 + 2 + 4 digits).
-- Grain: one row per landed card. Keys: row_id.
select
    parsed.*,
    village_code_of(parsed.no_prop, parsed.no_kab, parsed.no_kec, parsed.no_kel) as village_code,
    coalesce(region.village_code, 'unknown') as village
from parsed
left join region
    on village_code_of(parsed.no_prop, parsed.no_kab, parsed.no_kec, parsed.no_kel) = region.village_code
