-- Purpose: what open.village_index shows tonight, where that is not what it showed before.
-- Grain: one row per village that changed, for as_of. Key: village_code, as_of. Looks at what was published
-- (open.village_index_history).
with newest as (
    select distinct on (village_code)
        village_code,
        families,
        ketentraman,
        kemandirian,
        kebahagiaan,
        ibangga,
        rentan,
        berkembang,
        tangguh
    from open.village_index_history
    where as_of < :as_of
    order by village_code asc, as_of desc
)

select
    shown.village_code,
    :as_of as as_of,
    shown.families,
    shown.ketentraman,
    shown.kemandirian,
    shown.kebahagiaan,
    shown.ibangga,
    shown.category,
    shown.rentan,
    shown.berkembang,
    shown.tangguh
from open_village_index as shown
left join newest on shown.village_code = newest.village_code
where
    shown.families is distinct from newest.families
    or shown.ketentraman is distinct from newest.ketentraman
    or shown.kemandirian is distinct from newest.kemandirian
    or shown.kebahagiaan is distinct from newest.kebahagiaan
    or shown.ibangga is distinct from newest.ibangga
    or shown.rentan is distinct from newest.rentan
    or shown.berkembang is distinct from newest.berkembang
    or shown.tangguh is distinct from newest.tangguh
