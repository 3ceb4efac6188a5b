-- Purpose: asked, the components of which a family has a member that came, left or is thought to be another person than
-- the night before: what families say about each other may have changed for them.
-- Grain: one row per record that was not reopened yet, as in reopened_state.
-- Keys: (source, source_key).
with earlier_label as materialized (
    select
        md5_number_lower(source || '|' || source_key) as record_key,
        label,
        household
    from reopened_state
),

own_label as (
    select
        record_key,
        label,
        household
    from first_label
),

moved as (
    (
        select * from earlier_label
        except
        select * from own_label
    )
    union
    (
        select * from own_label
        except
        select * from earlier_label
    )
),

asked_component as (
    select distinct settled.component
    from settled
    semi join moved on settled.household = moved.household
)

select
    state.source,
    state.source_key,
    state.label,
    state.household,
    state.component
from state
semi join asked_component on state.component = asked_component.component
