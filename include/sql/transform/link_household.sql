-- Purpose: which families of the sources share persons.
-- Grain: one row per two families (own_household, other_household) and person (label) with a record in both.
-- Keys: (own_household, other_household, label).
with member as (
    select distinct
        compared_record.source || ' ' || compared_record.household as household,
        record_label.label
    from compared_record
    inner join record_label on compared_record.record_id = record_label.record_id
    where compared_record.household is not null
)

select
    own.household as own_household,
    other.household as other_household,
    own.label
from member as own
inner join member as other on own.label = other.label and own.household <> other.household
