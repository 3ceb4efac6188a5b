-- Purpose: the pairs that the model compared, with what is true, and two probabilities: `pair`, of the pair by itself,
-- and `exclusive`, which knows that of the pairs of a record with records of which a person has only one (the civil
-- registry's, those of one surveyed family) one at most is true: odds / (1 + odds of the pair and of all its rivals).
-- Grain: one row per candidate pair.
-- Keys: (left_id, right_id).
with candidate as (
    select
        one.record_id as left_id,
        two.record_id as right_id,
        one.exclusive_key as left_exclusive,
        two.exclusive_key as right_exclusive,
        pair.probability,
        pow(2, least(pair.match_weight, 60)) as odds,
        one.person_id = two.person_id as is_true
    from read_parquet($pairs) as pair
    inner join evaluated_record as one on pair.left_source = one.source and pair.left_key = one.source_key
    inner join evaluated_record as two on pair.right_source = two.source and pair.right_key = two.source_key
),

rival as (
    select
        *,
        case
            when right_exclusive is not null
                then sum(odds) over (partition by left_id, right_exclusive) - odds else 0
        end as other_right,
        case
            when left_exclusive is not null
                then sum(odds) over (partition by right_id, left_exclusive) - odds else 0
        end as other_left
    from candidate
)

select
    left_id,
    right_id,
    is_true,
    probability as pair,
    odds / (1 + odds + greatest(other_right, 0) + greatest(other_left, 0)) as exclusive
from rival
