-- Purpose: what speaks for or against two records being one person: the model, an exact rule, a steward.
-- Grain: one row per pair of records of which something is known.
-- Keys: (left_id, right_id), left_id < right_id.
-- weight is in bits above the threshold of acceptance; above 0 the pair is joined. An exact group is joined through
-- its smallest record. A contradictory pair is never joined by either; a steward's decision overrides all.
with exact_pair as (
    select
        min(record_id) over (partition by rule, link_group) as left_id,
        record_id as right_id
    from exact_shared
),

evidence as (
    select
        left_id,
        right_id,
        weight,
        contradictory
    from model_pair
    union all
    select
        left_id,
        right_id,
        cast($exact_weight as double) as weight, -- noqa: RF02
        false as contradictory
    from exact_pair
    where left_id < right_id
),

strongest as (
    select
        left_id,
        right_id,
        case when bool_or(contradictory) then least(max(weight), -1.0) else max(weight) end as weight
    from evidence
    group by left_id, right_id
),

decided as (
    select
        least(left_id, right_id) as left_id,
        greatest(left_id, right_id) as right_id,
        case min(verdict) when 'same' then 1.0 else -1.0 end * $steward_weight as weight -- noqa: RF02
    from steward_decision
    where left_id <> right_id and verdict in ('same', 'different')
    group by least(left_id, right_id), greatest(left_id, right_id)
)

select
    coalesce(decided.left_id, strongest.left_id) as left_id,
    coalesce(decided.right_id, strongest.right_id) as right_id,
    coalesce(decided.weight, strongest.weight) as weight
from strongest
full outer join decided
    on strongest.left_id = decided.left_id and strongest.right_id = decided.right_id
