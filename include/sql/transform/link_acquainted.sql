-- Purpose: the candidate pairs whose families share at least one other linked person.
-- Grain: one row per such pair.
-- Keys: (left_id, right_id).
select distinct
    pair_weight.left_id,
    pair_weight.right_id
from pair_weight
inner join first_label as own on pair_weight.left_id = own.record_id
inner join first_label as other on pair_weight.right_id = other.record_id
inner join household_link
    on
        own.household = household_link.own_household
        and other.household = household_link.other_household
        and household_link.label not in (own.label, other.label)
