-- Purpose: what is known of the pairs inside the labels in conflict.
-- Grain: one row per pair of records of such a label.
-- Keys: (left_id, right_id).
select
    left_label.label,
    joined_pair.left_id,
    joined_pair.right_id,
    joined_pair.weight
from joined_pair
inner join record_label as left_label on joined_pair.left_id = left_label.record_id
inner join record_label as right_label on joined_pair.right_id = right_label.record_id
inner join conflict on left_label.label = conflict.label
where left_label.label = right_label.label
order by joined_pair.left_id, joined_pair.right_id
