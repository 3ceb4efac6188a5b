-- Purpose: thought, whom the reopened records are thought to be before families are asked about each other: those that
-- were decided alone tonight, and those of the components that families ask for (asked), as the night before left them.
-- Grain: one row per record.
-- Keys: record_key.
select
    first_label.record_key,
    first_label.label,
    first_label.household,
    component.record_key as component
from first_label
inner join record_component on first_label.record_id = record_component.record_id
inner join person_number as component on record_component.label = component.record_id
union all
select
    record_key_of(source, source_key) as record_key,
    label,
    household,
    component
from asked
