-- Purpose: reopened, the records of which nothing can be carried over from the earlier night: those that were compared
-- anew, vanished or found a partner, those that a steward decided upon then or now, and all of their components.
-- Grain: one row per record, of tonight or of the earlier night.
-- Keys: (source, source_key).
with touched as (
    select
        source,
        source_key
    from changed
    union
    select
        source,
        source_key
    from gone
    union
    select
        source,
        source_key
    from rule_partner
    union
    select
        unnest([left_source, right_source]) as source,
        unnest([left_key, right_key]) as source_key
    from found_pair
    union
    select
        unnest([left_source, right_source]) as source,
        unnest([left_key, right_key]) as source_key
    from decision_in_force
    union
    select
        unnest([left_source, right_source]) as source,
        unnest([left_key, right_key]) as source_key
    from earlier_decision
),

touched_component as (
    select distinct state.component
    from state
    semi join touched on state.source = touched.source and state.source_key = touched.source_key
)

select
    source,
    source_key
from touched
union
select
    state.source,
    state.source_key
from state
semi join touched_component on state.component = touched_component.component
