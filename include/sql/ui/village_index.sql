-- The index of one village, load by load, on both bases.
-- Grain: one row per as_of and basis, of the newest :loads dates. Key: as_of, basis.
with recent as (
    select distinct as_of
    from mart.village_index
    order by as_of desc
    limit :loads
)

select
    village.as_of,
    village.village_code,
    village.village,
    village.district,
    village.kampung_kb,
    village.basis,
    village.stale_sources,
    village.families,
    village.ketentraman,
    village.kemandirian,
    village.kebahagiaan,
    village.ibangga,
    village.category,
    village.rentan,
    village.berkembang,
    village.tangguh
from mart.village_index as village
inner join recent on village.as_of = recent.as_of
where village.village_code = :village_code and starts_with(village.village_code, :region)
order by village.as_of, village.basis
