-- Purpose: which records hang together: what is decided about a record depends on the records of its component alone
-- (and on which families know each other).
-- Grain: one row per candidate pair, record of an exact group with the smallest of the group, and decided pair.
-- Keys: none.
select
    left_id,
    right_id
from candidate_pair
union all
select
    min(record_id) over (partition by rule, link_group) as left_id,
    record_id as right_id
from exact_shared
union all
select
    left_id,
    right_id
from steward_decision
