-- The publishable index of one village, as of the latest load.
-- Grain: at most one row. Key: village_code.
select
    as_of,
    village_code,
    village,
    district,
    kampung_kb,
    'integrated' as basis,
    cast('{}' as text[]) as stale_sources,
    families,
    ketentraman,
    kemandirian,
    kebahagiaan,
    ibangga,
    category,
    rentan,
    berkembang,
    tangguh
from open.village_index
where village_code = :village_code and starts_with(village_code, :region)
