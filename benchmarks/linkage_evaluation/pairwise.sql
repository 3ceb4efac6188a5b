-- Purpose: precision and recall over pairs, by heading and method.
-- Grain: one row per heading and method (exact, model).
-- Keys: (grouping, heading, method).
-- Precision is the share of linked pairs that are true, recall the share of true pairs that are linked.
with answer as (
    select
        grouping,
        heading,
        is_true,
        exact as linked,
        pairs,
        'exact' as method
    from grouped_pair -- noqa: ST06
    union all
    select
        grouping,
        heading,
        is_true,
        model,
        pairs,
        'model'
    from grouped_pair
),

counted as (
    select
        grouping,
        heading,
        method,
        coalesce(sum(pairs) filter (where is_true), 0) as true_pairs,
        coalesce(sum(pairs) filter (where linked), 0) as linked_pairs,
        coalesce(sum(pairs) filter (where linked and is_true), 0) as found_pairs
    from answer
    group by grouping, heading, method
)

select
    grouping,
    heading,
    method,
    cast(true_pairs as bigint) as true_pairs,
    cast(linked_pairs as bigint) as linked_pairs,
    cast(found_pairs as bigint) as found_pairs,
    found_pairs / nullif(linked_pairs, 0) as precision,
    found_pairs / nullif(true_pairs, 0) as recall,
    2 * found_pairs / nullif(linked_pairs + true_pairs, 0) as f1
from counted
order by grouping, try_cast(regexp_extract(heading, '^[0-9]+') as integer) nulls last, heading, method
