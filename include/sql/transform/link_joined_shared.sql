-- Purpose: the pairs that a probability or a steward joined, as link groups of two.
-- Grain: one row per record of such a pair.
-- Keys: (record_id, rule, link_group).
with decided_same as (
    select distinct
        least(left_id, right_id) as left_id,
        greatest(left_id, right_id) as right_id
    from steward_decision
    where verdict = 'same'
),

joined as (
    select
        joined_pair.left_id,
        joined_pair.right_id,
        case
            when decided_same.left_id is not null then 'steward'
            when candidate_pair.weight_household > 0 then 'model_household'
            else 'model'
        end as name,
        candidate_pair.probability
    from joined_pair
    left join candidate_pair
        on joined_pair.left_id = candidate_pair.left_id and joined_pair.right_id = candidate_pair.right_id
    left join decided_same
        on joined_pair.left_id = decided_same.left_id and joined_pair.right_id = decided_same.right_id
    where joined_pair.weight > 0 and (candidate_pair.left_id is not null or decided_same.left_id is not null)
)

select
    unnest([joined.left_id, joined.right_id]) as record_id,
    link_rule.rule,
    md5_number_lower(joined.left_id || '-' || joined.right_id) as link_group,
    joined.probability
from joined
inner join link_rule on joined.name = link_rule.name
