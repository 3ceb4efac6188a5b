-- The index of the areas that a reader may see, load by load: the regencies, or the one region that bounds the reader.
-- Grain: one row per area, basis and as_of, of the newest :loads dates. Key: code, basis, as_of.
with recent as (
    select distinct as_of
    from mart.village_index
    order by as_of desc
    limit :loads
),

area as (
    select
        as_of,
        regency_code as code,
        regency as name,
        basis,
        families,
        ketentraman,
        kemandirian,
        kebahagiaan,
        ibangga,
        category,
        rentan,
        berkembang,
        tangguh,
        stale_sources
    from mart.regency_index
    where length(:region) <= 4 and starts_with(regency_code, :region)
    union all
    select
        as_of,
        district_code,
        district,
        basis,
        families,
        ketentraman,
        kemandirian,
        kebahagiaan,
        ibangga,
        category,
        rentan,
        berkembang,
        tangguh,
        stale_sources
    from mart.district_index
    where length(:region) = 6 and district_code = :region
    union all
    select
        as_of,
        village_code,
        village,
        basis,
        families,
        ketentraman,
        kemandirian,
        kebahagiaan,
        ibangga,
        category,
        rentan,
        berkembang,
        tangguh,
        stale_sources
    from mart.village_index
    where length(:region) = 10 and village_code = :region
)

select area.*
from area
inner join recent on area.as_of = recent.as_of
order by area.code, area.as_of, area.basis
