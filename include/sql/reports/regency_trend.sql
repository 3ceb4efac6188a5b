-- Purpose: the index of the regency at the latest thirty loads.
-- Grain: one row per as_of and regency. Newest first.
-- Reads: open.
select
    as_of,
    regency,
    families,
    ibangga,
    ketentraman,
    kemandirian,
    kebahagiaan,
    rentan,
    berkembang,
    tangguh
from open.regency_index
where basis = 'integrated'
order by as_of desc, regency asc
limit 30
