-- Purpose: how many accepted heads (K.10 = 1) each accepted family has.
-- Grain: one row per accepted family. Keys: row_id, KODE_KELUARGA.
with head as (
    select
        anggota.file,
        anggota."KODE_KELUARGA",
        count(*) as heads
    from anggota
    anti join anggota_rejected on anggota.row_id = anggota_rejected.row_id
    where anggota."K.10" = 1
    group by anggota.file, anggota."KODE_KELUARGA"
)

select
    keluarga.row_id,
    keluarga."KODE_KELUARGA",
    keluarga.village,
    coalesce(head.heads, 0) as heads
from keluarga
anti join keluarga_rejected on keluarga.row_id = keluarga_rejected.row_id
left join head
    on keluarga.file = head.file and keluarga."KODE_KELUARGA" = head."KODE_KELUARGA"
