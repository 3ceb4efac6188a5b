-- Purpose: how often the model is right when it gives a probability: its mean and the share of true pairs.
-- Grain: one row per kind of probability (alone, given; see judged_pair.sql) and band that has pairs.
-- Keys: (kind, lower).
with band as (
    select unnest([0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999]) as lower
),

bounded as (
    select
        cast(lower as double) as lower,
        cast(lead(lower, 1, 1.0001) over (order by lower) as double) as upper
    from band
),

judged as (
    select
        'alone' as kind,
        alone as probability,
        is_true
    from judged_pair -- noqa: ST06
    union all
    select
        'given',
        given,
        is_true
    from judged_pair
)

select
    judged.kind,
    bounded.lower,
    least(bounded.upper, 1.0) as upper,
    count(*) as pairs,
    avg(judged.probability) as mean_probability,
    avg(cast(judged.is_true as integer)) as true_share
from judged
inner join bounded on judged.probability >= bounded.lower and judged.probability < bounded.upper
group by all
order by judged.kind, bounded.lower
