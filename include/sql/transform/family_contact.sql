-- Purpose: where to find each accepted family: its head's name and its address, for the action lists by name. Where no
-- member is the head, the first member stands for it.
-- Grain: one row per accepted family.
-- Keys: family_key; family_code (KODE_KELUARGA).
with head as (
    select
        "KODE_KELUARGA" as family_code,
        arg_min("K.02", case when "K.10" = 1 then 0 else 1 end * 1000000 + "NO_URUT") as head_name
    from anggota
    group by "KODE_KELUARGA"
)

select
    family_link.family_key,
    keluarga.village_code,
    keluarga.source_key as family_code,
    head.head_name,
    keluarga."RT" as rt,
    keluarga."RW" as rw,
    keluarga."ALAMAT" as address
from keluarga
inner join family_link on keluarga.source_key = family_link.source_key
left join head on keluarga.source_key = head.family_code
order by keluarga.source_key
