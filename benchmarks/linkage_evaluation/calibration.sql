-- Purpose: how often the model is right when it gives a probability: its mean and the share of true pairs.
-- Grain: one row per band of probability that has pairs.
-- Keys: lower.
with band as (
    select unnest([0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999]) as lower
),

bounded as (
    select
        lower,
        lead(lower, 1, 1.0001) over (order by lower) as upper
    from band
)

select
    bounded.lower,
    least(bounded.upper, 1.0) as upper,
    count(*) as pairs,
    avg(judged_pair.probability) as mean_probability,
    avg(cast(judged_pair.is_true as integer)) as true_share
from judged_pair
inner join bounded on judged_pair.probability >= bounded.lower and judged_pair.probability < bounded.upper
group by all
order by bounded.lower
