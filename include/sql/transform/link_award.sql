-- Purpose: one round of giving old person keys to tonight's persons. Every person asks for the oldest key it may
-- keep (a merge keeps the older key); of those who ask for a key the one with most of its records comes first, then
-- the one that carried it longest, then the one with the smallest record (a split leaves it with one part). Who comes
-- second asks for its next key in the next round, where it may come before somebody who came first in this one.
-- Grain: one row per person (label) that asks for a key.
-- Keys: label; (person_key, precedence).
with wish as (
    select
        *,
        row_number() over (partition by label order by came_back, key_since, person_key) as preference
    from claim
)

select
    label,
    person_key,
    row_number() over (
        partition by person_key order by came_back asc, records desc, part_since asc, first_record asc
    ) as precedence
from wish
where preference = 1
