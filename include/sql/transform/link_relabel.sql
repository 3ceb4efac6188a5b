-- Purpose: where a label goes in this round: to the smallest label it meets in a link group, and one step beyond
-- where that label goes on itself, so that long chains shorten by more than half a round.
-- Grain: one row per label that gives way to a smaller one.
-- Keys: label.
with group_minimum as (
    select
        rule,
        link_group,
        min(label) as label
    from unsettled
    group by rule, link_group
),

nearest as (
    select
        unsettled.label,
        min(group_minimum.label) as smaller
    from unsettled
    inner join group_minimum
        on unsettled.rule = group_minimum.rule and unsettled.link_group = group_minimum.link_group
    group by unsettled.label
)

select
    nearest.label,
    coalesce(beyond.smaller, nearest.smaller) as smaller
from nearest
left join nearest as beyond on nearest.smaller = beyond.label
where nearest.smaller < nearest.label
