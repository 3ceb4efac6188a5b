-- Purpose: the data-quality scores to be published. A village's score is in whole points, rounded down, and only where
-- a point is worth five rows of the gravest rule (2,000 of weight), so that neither it nor a change of it is about one
-- to four rows. The areas above have the plain mean of their villages, which tells nothing that the villages do not.
-- Grain: one row per region (village, district, regency), source and dimension. Key: region_code, source, dimension.
with weight (severity, weight) as (
    values ('critical', 4), ('warning', 2), ('info', 1)
),

village_score as (
    select
        village.village_code,
        result.source,
        result.dimension,
        floor(
            100.0 * sum(weight.weight * cast(result.checked - result.failed as bigint))
            / sum(weight.weight * cast(result.checked as bigint))
        ) as score
    from check_result as result
    inner join weight on result.severity = weight.severity
    inner join village on result.village_code = village.village_code
    group by village.village_code, result.source, result.dimension
    having sum(weight.weight * cast(result.checked as bigint)) >= 2000
),

area_score as (
    select
        left(village_score.village_code, digits.digits) as region_code,
        village_score.source,
        village_score.dimension,
        round(avg(village_score.score), 1) as score
    from village_score
    cross join (values (4), (6), (10)) as digits (digits)
    group by left(village_score.village_code, digits.digits), village_score.source, village_score.dimension
)

select
    :as_of as as_of,
    region_code,
    source,
    dimension,
    score
from area_score
union all
select
    :as_of as as_of,
    region_code,
    source,
    'overall' as dimension,
    round(avg(score), 1) as score
from area_score
group by region_code, source
