-- Purpose: accepted families: what the N rules break is null.
-- Grain: one row per accepted family. Keys: source_key (KODE_KELUARGA).
select
    * exclude ("KODE_KELUARGA__cell", "NO_KK__cell"),
    "KODE_KELUARGA" as source_key,
    "NO_KK" is not null and coalesce("NO_KK__cell" = 'number', false) as "NO_KK__doubtful"
from kept
