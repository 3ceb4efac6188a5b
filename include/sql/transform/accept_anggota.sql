-- Purpose: accepted members: what the N rules break is null.
-- Grain: one row per accepted member. Keys: source_key (KODE_KELUARGA-NO_URUT).
select
    * exclude ("KODE_KELUARGA__cell", "K.01__cell"),
    "KODE_KELUARGA" || '-' || "NO_URUT" as source_key,
    "K.01" is not null and coalesce("K.01__cell" = 'number', false) as "K.01__doubtful"
from kept
