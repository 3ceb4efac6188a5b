-- Purpose: candidate_pair after the decision: with the evidence of the household, and beside its rivals.
-- Grain: one row per candidate pair. Keys: (left_id, right_id).
-- level_household is 1 where other members of the two families are linked; match_weight includes weight_household.
select
    candidate_pair.* replace (pair_weight.match_weight as match_weight),
    case when pair_weight.weight_household is null then 0 else 1 end as level_household,
    coalesce(pair_weight.weight_household, 0.0) as weight_household,
    1 / (1 + pow(2, -posterior.weight)) as probability
from candidate_pair
inner join pair_weight
    on candidate_pair.left_id = pair_weight.left_id and candidate_pair.right_id = pair_weight.right_id
inner join posterior
    on candidate_pair.left_id = posterior.left_id and candidate_pair.right_id = posterior.right_id
