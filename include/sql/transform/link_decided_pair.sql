-- Purpose: decided_pair, what stewards have decided about records that stand in a source tonight.
-- Grain: one row per decided pair of records.
-- Keys: (left_id, right_id), left_id < right_id.
select
    decided.decision as verdict,
    least(first_record.record_id, second_record.record_id) as left_id,
    greatest(first_record.record_id, second_record.record_id) as right_id
from decision_in_force as decided
inner join person_number as first_record
    on decided.left_source = first_record.source and decided.left_key = first_record.source_key
inner join person_number as second_record
    on decided.right_source = second_record.source and decided.right_key = second_record.source_key
order by left_id, right_id
