-- Purpose: the pairs that the model compared, with what is true.
-- Grain: one row per candidate pair.
-- Keys: (left_id, right_id).
select
    one.record_id as left_id,
    two.record_id as right_id,
    candidate.probability,
    one.person_id = two.person_id as is_true
from read_parquet($pairs) as candidate
inner join evaluated_record as one
    on candidate.left_source = one.source and candidate.left_key = one.source_key
inner join evaluated_record as two
    on candidate.right_source = two.source and candidate.right_key = two.source_key
