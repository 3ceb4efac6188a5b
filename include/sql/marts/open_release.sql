-- Purpose: the means to be published: those published before, until at least five families have come, gone or got
-- other scores, so that the difference between two releases never is about one to four families.
-- Grain: one row per village with means. Key: village_code. Looks at what is published (core.open_release).
with family as (
    select
        village_code,
        ketentraman,
        kemandirian,
        kebahagiaan,
        ibangga,
        left(md5(concat_ws('|', family_key, ketentraman, kemandirian, kebahagiaan, ibangga)), 16) as fingerprint
    from family_score
    where basis = 'integrated'
),

tonight as (
    select
        village_code,
        case when count(ketentraman) >= 5 then round(avg(cast(ketentraman as numeric)), 1) end as ketentraman,
        case when count(kemandirian) >= 5 then round(avg(cast(kemandirian as numeric)), 1) end as kemandirian,
        case when count(kebahagiaan) >= 5 then round(avg(cast(kebahagiaan as numeric)), 1) end as kebahagiaan,
        case when count(ibangga) >= 5 then round(avg(cast(ibangga as numeric)), 1) end as ibangga,
        array_agg(fingerprint order by fingerprint) as fingerprints
    from family
    group by village_code
),

held as (
    select before.*
    from core.open_release as before
    inner join tonight on before.village_code = tonight.village_code
    cross join
        lateral (
            select
                count(*) filter (where came.fingerprint is null) as gone,
                count(*) filter (where went.fingerprint is null) as new
            from unnest(before.fingerprints) as went (fingerprint)
            full join unnest(tonight.fingerprints) as came (fingerprint) on went.fingerprint = came.fingerprint
        ) as changed
    where greatest(changed.gone, changed.new) < 5
)

select
    village_code,
    means_of,
    ketentraman,
    kemandirian,
    kebahagiaan,
    ibangga,
    fingerprints
from held
union all
select
    tonight.village_code,
    :as_of as means_of,
    tonight.ketentraman,
    tonight.kemandirian,
    tonight.kebahagiaan,
    tonight.ibangga,
    tonight.fingerprints
from tonight
left join held on tonight.village_code = held.village_code
where held.village_code is null and cardinality(tonight.fingerprints) >= 5
