-- Purpose: the published measures of every area. The means of an area above villages are those of its villages as
-- published, weighted by the families published, so that they say nothing that the villages do not say.
-- Grain: one row per region (village, district, regency). Key: region_code.
with shown as (
    select
        region_code,
        sum(families) as families,
        sum(families) filter (where cell = 'rentan') as rentan,
        sum(families) filter (where cell = 'berkembang') as berkembang,
        sum(families) filter (where cell = 'tangguh') as tangguh
    from open_count
    where subject = 'index'
    group by region_code
),

part as (
    select
        left(release.village_code, digits.digits) as region_code,
        shown.families,
        release.ketentraman,
        release.kemandirian,
        release.kebahagiaan,
        release.ibangga
    from open_release as release
    inner join shown on release.village_code = shown.region_code
    cross join (values (4), (6)) as digits (digits)
),

mean as (
    select
        village_code as region_code,
        ketentraman,
        kemandirian,
        kebahagiaan,
        ibangga
    from open_release
    union all
    select
        region_code,
        sum(ketentraman * families) / sum(families) filter (where ketentraman is not null) as ketentraman,
        sum(kemandirian * families) / sum(families) filter (where kemandirian is not null) as kemandirian,
        sum(kebahagiaan * families) / sum(families) filter (where kebahagiaan is not null) as kebahagiaan,
        sum(ibangga * families) / sum(families) filter (where ibangga is not null) as ibangga
    from part
    group by region_code
),

measured as (
    select
        shown.region_code,
        shown.families,
        shown.rentan,
        shown.berkembang,
        shown.tangguh,
        round(cast(mean.ketentraman as numeric), 1) as ketentraman,
        round(cast(mean.kemandirian as numeric), 1) as kemandirian,
        round(cast(mean.kebahagiaan as numeric), 1) as kebahagiaan,
        round(cast(mean.ibangga as numeric), 1) as ibangga
    from shown
    left join mean on shown.region_code = mean.region_code
)

select
    region_code,
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
            and (level.below is null or measured.ibangga < level.below)
            and (level.up_to is null or measured.ibangga <= level.up_to)
        order by level.position
        limit 1
    ) as category,
    rentan,
    berkembang,
    tangguh
from measured
