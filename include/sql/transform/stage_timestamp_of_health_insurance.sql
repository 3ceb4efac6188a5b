-- Purpose: an instant of the insurer's entries: ISO 8601.
-- Grain: a macro over one clean value; null where the text is no such instant.
create or replace macro timestamp_of_health_insurance(cell) as instant(cell)
