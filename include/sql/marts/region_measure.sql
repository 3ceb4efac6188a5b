-- Measures of the families of every village, district and regency: means over families with a value, never over
-- villages. Means are taken in numeric, so that the order of rows cannot change the last digit. The category is the
-- methodology's first level whose bounds hold the rounded mean.
-- Grain: one row per region (village, district, regency) and basis. Key: code, basis.
with basis (basis) as (
    values ('survey'), ('integrated')
),

measured as (
    select
        coalesce(village.village_code, village.district_code, village.regency_code) as code,
        basis.basis,
        count(family.family_key) as families,
        round(avg(cast(family.ketentraman as numeric)), 12) as ketentraman,
        round(avg(cast(family.kemandirian as numeric)), 12) as kemandirian,
        round(avg(cast(family.kebahagiaan as numeric)), 12) as kebahagiaan,
        round(avg(cast(family.ibangga as numeric)), 12) as ibangga,
        count(*) filter (where family.category = 'rentan') as rentan,
        count(*) filter (where family.category = 'berkembang') as berkembang,
        count(*) filter (where family.category = 'tangguh') as tangguh
    from village
    cross join basis
    left join family_score as family
        on village.village_code = family.village_code and basis.basis = family.basis
    group by
        grouping sets (
            (village.village_code, basis.basis),
            (village.district_code, basis.basis),
            (village.regency_code, basis.basis)
        )
)

select
    code,
    basis,
    families,
    ketentraman,
    kemandirian,
    kebahagiaan,
    ibangga,
    (
        select level.category
        from category_level as level
        where
            measured.ibangga is not null
            and (level.below is null or round(measured.ibangga, level.digits) < level.below)
            and (level.up_to is null or round(measured.ibangga, level.digits) <= level.up_to)
        order by level.position
        limit 1
    ) as category,
    rentan,
    berkembang,
    tangguh
from measured
