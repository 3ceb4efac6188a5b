-- Purpose: which person keys of the last crosswalk tonight's persons may keep.
-- Grain: one row per person (label) and person key that one of its records carried.
-- Keys: (label, person_key).
-- came_back is 1 where only records that had vanished claim the key; key_since is the age of the key.
with key_age as (
    select
        person_key,
        min(linked_since) as key_since
    from previous
    group by person_key
)

select
    record_label.label,
    previous.person_key,
    min(key_age.key_since) as key_since,
    min(case when previous.came_back then 1 else 0 end) as came_back,
    count(*) as records,
    min(previous.linked_since) as part_since,
    min(record_label.record_id) as first_record
from previous
inner join person_number
    on previous.source = person_number.source and previous.source_key = person_number.source_key
inner join record_label on person_number.record_id = record_label.record_id
inner join key_age on previous.person_key = key_age.person_key
group by record_label.label, previous.person_key
