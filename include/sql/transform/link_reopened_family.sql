-- Purpose: the components of which a family has a member that came, left or is thought to be another person than the
-- night before: what families say about each other may have changed for them.
-- Grain: one row per record that was not reopened yet.
-- Keys: (source, source_key).
with earlier_label as (
    select
        md5_number_lower(state.source || '|' || state.source_key) as record_key,
        state.label,
        state.household
    from state
    semi join reopened on state.source = reopened.source and state.source_key = reopened.source_key
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
    settled.source,
    settled.source_key
from settled
semi join asked_component on settled.component = asked_component.component
