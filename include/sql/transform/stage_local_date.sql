-- Purpose: the date of an instant in Asia/Jakarta.
-- Grain: a macro over one value.
create or replace macro local_date(moment) as cast(timezone('Asia/Jakarta', moment) as date)
