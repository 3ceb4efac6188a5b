-- Purpose: the pairs that the model compared, with what is true, and two probabilities: `alone`, what the comparisons
-- of the pair say by themselves, and `given`, the one the model gives it beside its rivals (link_posterior.sql).
-- Grain: one row per candidate pair.
-- Keys: (left_id, right_id).
select
    one.record_id as left_id,
    two.record_id as right_id,
    one.person_id = two.person_id as is_true,
    1 / (1 + pow(2, -pair.match_weight)) as alone,
    pair.probability as given
from read_parquet($pairs) as pair -- noqa: RF02
inner join evaluated_record as one on pair.left_source = one.source and pair.left_key = one.source_key
inner join evaluated_record as two on pair.right_source = two.source and pair.right_key = two.source_key
