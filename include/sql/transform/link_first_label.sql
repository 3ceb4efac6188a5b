-- Purpose: first_label, whom the records are thought to be before families are asked about each other.
-- Grain: one row per record.
-- Keys: record_id.
-- label is the record_key of the smallest record of the person, household a number of the record's own family: both
-- mean the same from night to night.
select
    own.record_id,
    own.record_key,
    first_record.record_key as label,
    record_household.household
from person_number as own
inner join record_label on own.record_id = record_label.record_id
inner join person_number as first_record on record_label.label = first_record.record_id
inner join record_household on own.record_id = record_household.record_id
