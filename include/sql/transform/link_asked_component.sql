-- Purpose: the components of which a family has a member that came, left or is thought to be another person than
-- the night before: what families say about each other may have changed for them.
-- Grain: one row per component that was not reopened yet.
-- Keys: component.
with earlier_label as materialized (
    select
        record_key_of(source, source_key) as record_key,
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
)

select distinct settled.component
from settled
semi join moved on settled.household = moved.household
