-- The publishable index of the areas that a viewer may see, as of the latest load: the regencies, or the one region
-- that bounds the viewer. Only the integrated basis is published.
-- Grain: one row per area. Key: code.
select
    as_of,
    regency_code as code,
    regency as name,
    'integrated' as basis,
    families,
    ketentraman,
    kemandirian,
    kebahagiaan,
    ibangga,
    category,
    rentan,
    berkembang,
    tangguh,
    cast('{}' as text[]) as stale_sources
from open.regency_index
where length(:region) <= 4 and starts_with(regency_code, :region)
union all
select
    as_of,
    district_code,
    district,
    'integrated' as basis,
    families,
    ketentraman,
    kemandirian,
    kebahagiaan,
    ibangga,
    category,
    rentan,
    berkembang,
    tangguh,
    cast('{}' as text[]) as stale_sources
from open.district_index
where length(:region) = 6 and district_code = :region
union all
select
    as_of,
    village_code,
    village,
    'integrated' as basis,
    families,
    ketentraman,
    kemandirian,
    kebahagiaan,
    ibangga,
    category,
    rentan,
    berkembang,
    tangguh,
    cast('{}' as text[]) as stale_sources
from open.village_index
where length(:region) = 10 and village_code = :region
order by code
