-- Purpose: the components that are decided anew: those of touched records, as the earlier night had them.
-- Grain: one row per component.
-- Keys: component.
select distinct state.component
from state
semi join touched on state.source = touched.source and state.source_key = touched.source_key
