-- Purpose: the labels that cannot be one person: two records of which a person has one, or two told apart.
-- Grain: one row per label in conflict.
-- Keys: label.
with twice as (
    select record_label.label
    from compared_record
    inner join record_label on compared_record.record_id = record_label.record_id
    where compared_record.exclusive_key is not null
    group by record_label.label, compared_record.exclusive_key
    having count(*) > 1
)

select label
from twice
union distinct
select left_label.label
from steward_decision
inner join record_label as left_label on steward_decision.left_id = left_label.record_id
inner join record_label as right_label on steward_decision.right_id = right_label.record_id
where steward_decision.verdict = 'different' and left_label.label = right_label.label
