-- Purpose: the link groups whose records still carry different labels after a round.
-- Grain: one row per link group and label found in it.
-- Keys: (rule, link_group, label).
with labelled_group as (
    select distinct
        unsettled.rule,
        unsettled.link_group,
        coalesce(relabel.smaller, unsettled.label) as label
    from unsettled
    left join relabel on unsettled.label = relabel.label
),

label_count as (
    select
        rule,
        link_group,
        count(*) as labels
    from labelled_group
    group by rule, link_group
)

select
    labelled_group.rule,
    labelled_group.link_group,
    labelled_group.label
from labelled_group
inner join label_count
    on labelled_group.rule = label_count.rule and labelled_group.link_group = label_count.link_group
where label_count.labels > 1
