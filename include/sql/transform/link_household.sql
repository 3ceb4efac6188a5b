-- Purpose: which families of the sources share persons.
-- Grain: one row per two families (own_household, other_household) and person (label) with a record in both.
-- Keys: (own_household, other_household, label).
select
    own.household as own_household,
    other.household as other_household,
    own.label
from household_member as own
inner join household_member as other on own.label = other.label and own.household <> other.household
