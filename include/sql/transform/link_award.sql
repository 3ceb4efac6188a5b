-- Purpose: one round of giving old person keys to tonight's persons. Every person asks for the oldest key it may
-- keep (a merge keeps the older key); of those who ask for a key the one with most of its records gets it, then
-- the one that carried it longest, then the one with the smallest record (a split leaves it with one part).
-- Grain: one row per person (label) that gets a key in this round.
-- Keys: label; person_key.
with wish as (
    select
        *,
        row_number() over (partition by label order by came_back, key_since, person_key) as preference
    from claim
),

answer as (
    select
        *,
        row_number() over (
            partition by person_key order by came_back asc, records desc, part_since asc, first_record asc
        ) as precedence
    from wish
    where preference = 1
)

select
    label,
    person_key
from answer
where precedence = 1
