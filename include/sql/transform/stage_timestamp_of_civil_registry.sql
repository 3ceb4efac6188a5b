-- Purpose: an instant of the registry: ISO 8601, or the same with the day first.
-- Grain: a macro over one clean value; null where the text is no such instant.
create or replace macro timestamp_of_civil_registry(cell) as instant(year_first(cell))
