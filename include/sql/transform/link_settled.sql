-- Purpose: what is settled about the records that were decided tonight.
-- Grain: one row per record.
-- Keys: record_id; (source, source_key).
with person as (
    select
        record_label.label,
        min(person_number.source) <> max(person_number.source) as linked,
        count(*) > count(distinct person_number.source) as repeated
    from record_label
    inner join person_number on record_label.record_id = person_number.record_id
    group by record_label.label
)

select
    person_number.record_id,
    person_number.source,
    person_number.source_key,
    person_number.digest,
    component.record_key as component,
    first_label.label,
    first_label.household,
    person.linked,
    record_label.record_id = record_label.label as leads,
    person.repeated
from person_number
inner join record_component on person_number.record_id = record_component.record_id
inner join person_number as component on record_component.label = component.record_id
inner join first_label on person_number.record_id = first_label.record_id
inner join record_label on person_number.record_id = record_label.record_id
inner join person on record_label.label = person.label
