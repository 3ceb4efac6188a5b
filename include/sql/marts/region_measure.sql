-- Measures of the families of every village, district and regency: means over families with a value, never over
-- villages, out of sums in numeric, so that the order of rows cannot change the last digit. The category is the
-- methodology's first level whose bounds hold the rounded mean.
-- Grain: one row per region (village, district, regency) and basis. Key: code, basis.
with measured as (
    select
        coalesce(village.village_code, village.district_code, village.regency_code) as code,
        measure.basis,
        sum(measure.families) as families,
        round(trim_scale(sum(measure.ketentraman_sum)) / nullif(sum(measure.ketentraman_families), 0), 12)
            as ketentraman,
        round(trim_scale(sum(measure.kemandirian_sum)) / nullif(sum(measure.kemandirian_families), 0), 12)
            as kemandirian,
        round(trim_scale(sum(measure.kebahagiaan_sum)) / nullif(sum(measure.kebahagiaan_families), 0), 12)
            as kebahagiaan,
        round(trim_scale(sum(measure.ibangga_sum)) / nullif(sum(measure.ibangga_families), 0), 12) as ibangga,
        sum(measure.rentan) as rentan,
        sum(measure.berkembang) as berkembang,
        sum(measure.tangguh) as tangguh
    from village
    inner join village_measure as measure on village.village_code = measure.village_code
    group by
        grouping sets (
            (village.village_code, measure.basis),
            (village.district_code, measure.basis),
            (village.regency_code, measure.basis)
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
