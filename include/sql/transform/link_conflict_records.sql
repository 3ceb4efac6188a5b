-- Purpose: the records of the labels in conflict.
-- Grain: one row per record of such a label.
-- Keys: record_id.
select
    record_label.label,
    record_label.record_id,
    compared_record.exclusive_key
from record_label
inner join conflict on record_label.label = conflict.label
inner join compared_record on record_label.record_id = compared_record.record_id
order by record_label.record_id
