-- One pair of person records side by side, with the comparison and the decision in force. For stewards only.
-- Grain: at most one row. Key: review_key.
select
    pair.*,
    left_region.name as left_village,
    right_region.name as right_village
from vault.match_review as pair
left join core.dim_region as left_region on pair.left_village_code = left_region.code
left join core.dim_region as right_region on pair.right_village_code = right_region.code
where
    pair.review_key = :review_key
    and (
        starts_with(coalesce(pair.left_village_code, ''), :region)
        or starts_with(coalesce(pair.right_village_code, ''), :region)
    )
