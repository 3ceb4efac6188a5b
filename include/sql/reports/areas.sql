-- Purpose: the index of the regency and of its districts at the latest load.
-- Grain: one row per regency or district, the regency first.
-- Reads: open.
with area as (
    select
        1 as position,
        regency as name,
        as_of,
        families,
        ibangga,
        category,
        ketentraman,
        kemandirian,
        kebahagiaan,
        rentan,
        berkembang,
        tangguh
    from open.regency_index
    union all
    select
        2 as position,
        district as name,
        as_of,
        families,
        ibangga,
        category,
        ketentraman,
        kemandirian,
        kebahagiaan,
        rentan,
        berkembang,
        tangguh
    from open.district_index
)

select
    name,
    families,
    ibangga,
    category,
    ketentraman,
    kemandirian,
    kebahagiaan,
    rentan,
    berkembang,
    tangguh
from area
order by position, name
