-- Purpose: an instant of the registry: ISO 8601, or the same with the day first.
-- Grain: a macro over one clean value; null where the text is no such instant.
-- Most begin with the year: the first case spares them the search for the other forms.
create or replace macro timestamp_of_civil_registry(cell) as coalesce(instant(cell), instant(year_first(cell)))
