-- Purpose: the link groups that join records: those with at least two.
-- Grain: one row per person record and link group it shares.
-- Keys: (record_id, rule, link_group).
with group_size as (
    select
        rule,
        link_group,
        count(*) as records
    from membership
    group by rule, link_group
)

select
    membership.record_id,
    membership.rule,
    membership.link_group,
    membership.probability
from membership
inner join group_size
    on membership.rule = group_size.rule and membership.link_group = group_size.link_group
where group_size.records > 1
