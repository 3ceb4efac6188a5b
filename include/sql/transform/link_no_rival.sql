-- Purpose: the pairs seen from one record that are no rivals although their other records have the same rival_key:
-- those records are themselves likelier one person than not, or are so by a steward's decision.
-- Grain: one row per pair (position) and pair that is no rival of it (other_position), by their positions in rival.
-- Keys: (position, other_position).
with same as (
    select
        least(left_id, right_id) as left_id,
        greatest(left_id, right_id) as right_id
    from steward_decision
    where verdict = 'same'
    union distinct
    select
        record_id as left_id,
        other_id as right_id
    from rival
    where record_id < other_id and weight > 0 and not told_apart
),

either_way as (
    select
        left_id as one_id,
        right_id as two_id
    from same
    union all
    select
        right_id as one_id,
        left_id as two_id
    from same
)

select
    one.position,
    two.position as other_position
from either_way
inner join rival as one on either_way.one_id = one.other_id
inner join rival as two
    on either_way.two_id = two.other_id and one.record_id = two.record_id and one.rivals = two.rivals
order by one.position, two.position
