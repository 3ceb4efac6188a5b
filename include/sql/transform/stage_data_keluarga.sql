-- Purpose: family cards as landed, with their village code (2 + 2 + 2 + 4 digits).
-- Grain: one row per landed card. Keys: row_id.
select
    parsed.*,
    coalesce(
        region.village_code, village_code_of(parsed.no_prop, parsed.no_kab, parsed.no_kec, parsed.no_kel)
    ) as village_code,
    coalesce(region.village_code, 'unknown') as village
from parsed
left join region
    on
        parsed.no_prop = region.no_prop
        and parsed.no_kab = region.no_kab
        and parsed.no_kec = region.no_kec
        and parsed.no_kel = region.no_kel
