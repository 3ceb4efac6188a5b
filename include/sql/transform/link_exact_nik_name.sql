-- Purpose: link rule exact_nik_name: the same NIK and the same name.
-- Grain: one row per person record that has both. Records that share a link_group are one person.
-- Keys: record_id.
select
    record_id,
    nik || '|' || full_name as link_group
from person_record
where nik is not null and full_name is not null
