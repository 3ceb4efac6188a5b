-- Purpose: how well whole persons are found: B-cubed precision and recall (the mean over records of the share of its
-- linked person's records that are truly its own, and of its true records that are in its linked person; Bagga and
-- Baldwin 1998), and the share of true persons whose records are exactly one linked person.
-- Grain: one row per method.
-- Keys: method.
with answer as (
    select
        record_id,
        person_id,
        cast(exact_key as varchar) as linked_key,
        'exact' as method
    from evaluated_record
    union all
    select
        record_id,
        person_id,
        model_key as linked_key,
        'model' as method
    from evaluated_record
),

share as (
    select
        method,
        person_id,
        count(*) over (partition by method, person_id, linked_key) as together,
        count(*) over (partition by method, linked_key) as linked,
        count(*) over (partition by method, person_id) as own
    from answer
),

person as (
    select
        method,
        person_id,
        min(case when together = linked and together = own then 1 else 0 end) as exactly,
        max(own) as records
    from share
    group by method, person_id
),

whole as (
    select
        method,
        avg(exactly) as exact_persons,
        avg(exactly) filter (where records > 1) as exact_persons_of_several_records
    from person
    group by method
)

select
    share.method,
    avg(share.together / share.linked) as b_cubed_precision,
    avg(share.together / share.own) as b_cubed_recall,
    max(whole.exact_persons) as exact_persons,
    max(whole.exact_persons_of_several_records) as exact_persons_of_several_records
from share
inner join whole on share.method = whole.method
group by share.method
order by share.method
