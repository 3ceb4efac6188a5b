-- Purpose: accepted persons of the registry: what the N rules break is null.
-- Grain: one row per accepted person. Keys: source_key (nik).
select
    *,
    nik as source_key
from kept
