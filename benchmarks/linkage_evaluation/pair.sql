-- Purpose: pairs of records that are one person in truth, or by exact linkage, or by the model.
-- Grain: one row per pair.
-- Keys: (left_id, right_id), left_id < right_id.
with same_person as (
    select
        person_id as group_key,
        record_id,
        'truth' as said_by
    from evaluated_record -- noqa: ST06
    union all
    select
        exact_key,
        record_id,
        'exact'
    from evaluated_record
    union all
    select
        hash(model_key),
        record_id,
        'model'
    from evaluated_record
)

select
    one.record_id as left_id,
    two.record_id as right_id,
    bool_or(one.said_by = 'truth') as is_true,
    bool_or(one.said_by = 'exact') as exact,
    bool_or(one.said_by = 'model') as model
from same_person as one
inner join same_person as two
    on one.said_by = two.said_by and one.group_key = two.group_key and one.record_id < two.record_id
group by one.record_id, two.record_id
