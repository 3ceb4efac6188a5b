-- Purpose: accepted insurance entries: what the N rules break is null.
-- Grain: one row per accepted card. Keys: source_key (noKartu).
select
    *,
    "noKartu" as source_key
from kept
