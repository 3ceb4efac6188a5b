-- Purpose: household_member, the persons of the families that are decided about, as far as families are not asked about
-- each other: of records decided tonight, and of settled ones.
-- Grain: one row per family and person with a record in it.
-- Keys: (household, label).
select
    household,
    label
from first_label
where household is not null
union
select
    settled.household,
    settled.label
from settled
semi join first_label on settled.household = first_label.household
