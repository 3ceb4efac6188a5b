-- What this load changes in the crosswalk, against the state that the loads of earlier dates have left: the history
-- itself says what that was, so a re-run replaces its own changes and nothing else.
-- Grain: one row per person record whose link changes. Key: source, source_key, as_of.
-- A person merges where nobody carries its key tonight and all its records that are left stand under one other key.
with before_load as (
    select distinct on (source, source_key)
        source,
        source_key,
        coalesce(person_key, old_person_key) as person_key,
        match_rule,
        event = 'vanished' as gone
    from vault.person_link_history
    where as_of < :as_of
    order by source asc, source_key asc, as_of desc
),

record as (
    select
        source,
        source_key,
        earlier.person_key as old_person_key,
        earlier.match_rule as old_match_rule,
        earlier.gone,
        tonight.person_key,
        tonight.match_rule,
        tonight.match_probability,
        tonight.model_version
    from before_load as earlier
    full join person_link as tonight using (source, source_key)
),

known as (
    select distinct person_key from before_load
),

carried as (
    select distinct person_key from person_link
),

given_up as (
    select record.old_person_key as person_key
    from record
    left join carried on record.old_person_key = carried.person_key
    where not record.gone and record.person_key is not null and carried.person_key is null
    group by record.old_person_key
    having count(distinct record.person_key) = 1
),

change as (
    select
        record.*,
        case
            when record.gone is null then 'appeared'
            when record.person_key is null then case when not record.gone then 'vanished' end
            when record.gone then 'returned'
            when record.person_key = record.old_person_key
                then case when record.match_rule <> record.old_match_rule then 'linked' end
            when given_up.person_key is not null then 'merged'
            when known.person_key is null then 'split'
            else 'moved'
        end as event
    from record
    left join given_up on record.old_person_key = given_up.person_key
    left join known on record.person_key = known.person_key
)

select
    change.source,
    change.source_key,
    :as_of as as_of,
    coalesce(published.run_id, :run_id) as run_id,
    change.event,
    change.old_person_key,
    change.person_key,
    change.match_rule,
    change.match_probability,
    change.model_version
from change
left join vault.person_link_history as published
    on
        change.source = published.source
        and change.source_key = published.source_key
        and published.as_of = :as_of
        and change.event = published.event
        and change.person_key is not distinct from published.person_key
        and change.old_person_key is not distinct from published.old_person_key
        and change.match_rule is not distinct from published.match_rule
where change.event is not null
