-- Purpose: how many pairs of records are one person in truth, how many were linked, and how many of those are true.
-- Grain: one row.
-- Keys: none.
with labelled as (
    select
        febrl_record.person,
        record_label.label
    from febrl_record
    inner join record_label on febrl_record.record_id = record_label.record_id
),

of_person as (
    select count(*) as records from labelled
    group by person
),

of_label as (
    select count(*) as records from labelled
    group by label
),

of_both as (
    select count(*) as records from labelled
    group by person, label
)

select
    (select sum(records * (records - 1) / 2) from of_person) as true_pairs,
    (select sum(records * (records - 1) / 2) from of_label) as linked_pairs,
    (select sum(records * (records - 1) / 2) from of_both) as found_pairs
