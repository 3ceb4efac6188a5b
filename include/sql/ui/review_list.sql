-- Pairs of person records for review, with what tells them apart in a list. For stewards only.
-- Grain: one row per pair. Key: review_key.
select
    pair.review_key,
    pair.state,
    pair.doubt,
    pair.decision,
    pair.probability,
    pair.match_weight,
    pair.left_source,
    pair.left_name,
    left_region.name as left_village,
    pair.right_source,
    pair.right_name,
    right_region.name as right_village,
    pair.first_seen
from vault.match_review as pair
left join core.dim_region as left_region on pair.left_village_code = left_region.code
left join core.dim_region as right_region on pair.right_village_code = right_region.code
where
    pair.review_key is not null
    and (:state = '' or pair.state = :state)
    and (:source = '' or :source in (pair.left_source, pair.right_source))
    and (
        starts_with(coalesce(pair.left_village_code, ''), :region)
        or starts_with(coalesce(pair.right_village_code, ''), :region)
    )
