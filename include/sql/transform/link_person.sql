-- Purpose: person_link, the crosswalk from source records to persons.
-- Grain: one row per accepted person record.
-- Keys: (source, source_key).
-- match_rule is the first rule, in the order of the rules, that joins the record to another one, else single;
-- model_version is that of the model where a rule of the model joins it; linked_since is the date since which the
-- record has carried its key.
with first_rule as (
    select
        record_id,
        min(rule) as rule
    from shared
    group by record_id
),

record_match as (
    select
        shared.record_id,
        link_rule.name as match_rule,
        any_value(link_rule.model_version) as model_version,
        max(shared.probability) as match_probability
    from shared
    inner join first_rule on shared.record_id = first_rule.record_id and shared.rule = first_rule.rule
    inner join link_rule on shared.rule = link_rule.rule
    group by shared.record_id, link_rule.name
)

select
    person_number.source,
    person_number.source_key,
    label_key.person_key,
    coalesce(record_match.match_rule, 'single') as match_rule,
    record_match.match_probability,
    record_match.model_version,
    case
        when previous.person_key = label_key.person_key then previous.linked_since
        else cast($as_of as date) -- noqa: RF02
    end as linked_since
from person_number
inner join record_label on person_number.record_id = record_label.record_id
inner join label_key on record_label.label = label_key.label
left join record_match on person_number.record_id = record_match.record_id
left join previous
    on person_number.source = previous.source and person_number.source_key = previous.source_key
