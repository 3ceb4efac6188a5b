-- Purpose: the candidate pairs whose families share at least one other linked person.
-- Grain: one row per such pair.
-- Keys: (left_id, right_id).
with pair_household as (
    select
        candidate_pair.left_id,
        candidate_pair.right_id,
        left_record.source || ' ' || left_record.household as own_household,
        right_record.source || ' ' || right_record.household as other_household,
        left_label.label as own_label,
        right_label.label as other_label
    from candidate_pair
    inner join compared_record as left_record on candidate_pair.left_id = left_record.record_id
    inner join compared_record as right_record on candidate_pair.right_id = right_record.record_id
    inner join record_label as left_label on candidate_pair.left_id = left_label.record_id
    inner join record_label as right_label on candidate_pair.right_id = right_label.record_id
)

select distinct
    pair_household.left_id,
    pair_household.right_id
from pair_household
inner join household_link
    on
        pair_household.own_household = household_link.own_household
        and pair_household.other_household = household_link.other_household
        and household_link.label not in (pair_household.own_label, pair_household.other_label)
