-- Purpose: the first word of a clean name.
-- Grain: a macro over one text.
create or replace macro name_first(raw) as split_part(name_clean(raw), ' ', 1)
