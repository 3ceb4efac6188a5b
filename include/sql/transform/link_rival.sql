-- Purpose: every candidate pair of a batch seen from each of its two records, for weighing it against its rivals.
-- Grain: one row per candidate pair and record of it. Pairs seen from one record whose other records have the same
-- rival_key are rivals: they have the same number in rivals.
-- Keys: (record_id, other_id).
-- weight is log2 of the odds of the pair by itself; told_apart: by a steward.
with told_apart as (
    select distinct
        least(left_id, right_id) as left_id,
        greatest(left_id, right_id) as right_id
    from steward_decision
    where verdict = 'different'
),

candidate as (
    select
        batch_pair.left_id,
        batch_pair.right_id,
        batch_pair.match_weight,
        told_apart.left_id is not null as told_apart,
        left_record.rival_key as left_rival_key,
        right_record.rival_key as right_rival_key
    from batch_pair
    inner join compared_record as left_record on batch_pair.left_id = left_record.record_id
    inner join compared_record as right_record on batch_pair.right_id = right_record.record_id
    left join told_apart
        on batch_pair.left_id = told_apart.left_id and batch_pair.right_id = told_apart.right_id
),

seen_from as (
    select
        left_id as record_id,
        right_id as other_id,
        right_rival_key as rival_key,
        match_weight,
        told_apart
    from candidate
    union all
    select
        right_id as record_id,
        left_id as other_id,
        left_rival_key as rival_key,
        match_weight,
        told_apart
    from candidate
)

select
    record_id,
    other_id,
    least(match_weight, 80.0) as weight,
    told_apart,
    dense_rank() over (order by record_id, coalesce(rival_key, 'no rivals ' || other_id)) - 1 as rivals
from seen_from
order by record_id, other_id
