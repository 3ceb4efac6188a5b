-- Purpose: touched, the records for which their components are decided anew: those that were compared anew, vanished or
-- found a partner, and those that a steward decided upon then or now.
-- Grain: one row per record, of tonight or of the earlier night.
-- Keys: (source, source_key).
select
    source,
    source_key
from changed
union
select
    source,
    source_key
from gone
union
select
    source,
    source_key
from rule_partner
union
select
    unnest([left_source, right_source]) as source,
    unnest([left_key, right_key]) as source_key
from found_pair
union
select
    unnest([left_source, right_source]) as source,
    unnest([left_key, right_key]) as source_key
from decision_in_force
union
select
    unnest([left_source, right_source]) as source,
    unnest([left_key, right_key]) as source_key
from earlier_decision
