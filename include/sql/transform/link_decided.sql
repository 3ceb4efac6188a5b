-- Purpose: the link groups that joined records, after the decision: those with at least two records of one person.
-- Grain: one row per person record and link group it shares.
-- Keys: (record_id, rule, link_group).
with grouped as (
    select * from exact_shared
    union all
    select * from joined_shared
)

select
    grouped.record_id,
    grouped.rule,
    grouped.link_group,
    grouped.probability
from grouped
inner join record_label on grouped.record_id = record_label.record_id
qualify count(*) over (partition by grouped.rule, grouped.link_group, record_label.label) > 1
