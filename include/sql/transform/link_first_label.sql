-- Purpose: first_label, whom the records are thought to be before families are asked about each other.
-- Grain: one row per record.
-- Keys: record_id.
-- label is the record_key of the smallest record of the person, household a number of the record's own family: both
-- mean the same from night to night.
select
    own.record_id,
    own.record_key,
    first_record.record_key as label,
    md5_number_lower(own.source || ' ' || compared_record.household) as household
from person_number as own
inner join record_label on own.record_id = record_label.record_id
inner join person_number as first_record on record_label.label = first_record.record_id
inner join compared_record on own.record_id = compared_record.record_id
