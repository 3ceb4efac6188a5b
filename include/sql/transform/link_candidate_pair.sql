-- Purpose: the pairs of records that may be one person, with what the model found, by the keys of the sources.
-- Grain: one row per candidate pair.
-- Keys: (left_source, left_key, right_source, right_key).
select
    left_record.source as left_source,
    left_record.source_key as left_key,
    right_record.source as right_source,
    right_record.source_key as right_key,
    candidate_pair.* exclude (left_id, right_id) -- noqa: RF02
from candidate_pair
inner join person_number as left_record on candidate_pair.left_id = left_record.record_id
inner join person_number as right_record on candidate_pair.right_id = right_record.record_id
