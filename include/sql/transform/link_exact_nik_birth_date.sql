-- Purpose: link rule exact_nik_birth_date: the same NIK and the same birth date.
-- Grain: one row per person record that has both. Records that share a link_group are one person.
-- Keys: record_id.
select
    record_id,
    nik || '|' || cast(birth_date as varchar) as link_group
from person_record
where nik is not null and birth_date is not null
