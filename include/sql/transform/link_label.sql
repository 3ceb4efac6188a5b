-- Purpose: the label of every person record after a round; at the end the smallest record of its person.
-- Grain: one row per person record.
-- Keys: record_id.
select
    record_label.record_id,
    coalesce(relabel.smaller, record_label.label) as label
from record_label
left join relabel on record_label.label = relabel.label
