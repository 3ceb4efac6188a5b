-- Purpose: reopened_state, the earlier night's states of the components that are decided anew, all of their records.
-- Grain: one row per record of the earlier night.
-- Keys: (source, source_key).
with touched_component as (
    select distinct state.component
    from state
    semi join touched on state.source = touched.source and state.source_key = touched.source_key
)

select
    state.source,
    state.source_key,
    state.label,
    state.household,
    state.component
from state
semi join touched_component on state.component = touched_component.component
