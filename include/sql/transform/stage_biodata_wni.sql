-- Purpose: persons of the registry as landed, with their village code and whether their family card is there.
-- Grain: one row per landed person. Keys: row_id.
with card as (
    select distinct no_kk
    from data_keluarga
)

select
    parsed.*,
    card.no_kk is not null as has_card,
    coalesce(
        region.village_code, village_code_of(parsed.no_prop, parsed.no_kab, parsed.no_kec, parsed.no_kel)
    ) as village_code,
    coalesce(region.village_code, 'unknown') as village
from parsed
left join card on parsed.no_kk = card.no_kk
left join region
    on
        parsed.no_prop = region.no_prop
        and parsed.no_kab = region.no_kab
        and parsed.no_kec = region.no_kec
        and parsed.no_kel = region.no_kel
