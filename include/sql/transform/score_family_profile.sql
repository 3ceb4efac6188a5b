-- Purpose: what a family is like, without anything that names it.
-- Grain: one row per accepted family.
-- Keys: family_key.
with head as (
    select
        "KODE_KELUARGA",
        "K.03" as sex,
        "K.07" as marital_status
    from member
    where is_head
),

family_size as (
    select
        "KODE_KELUARGA",
        count(*) as members
    from member
    group by "KODE_KELUARGA"
),

card as (
    select distinct no_kk
    from data_keluarga
    where no_kk is not null
)

select
    family_link.family_key,
    keluarga.village_code,
    keluarga."TGL_PENDATAAN" as surveyed_on,
    case
        when keluarga."NO_KK" is null then 'missing'
        when card.no_kk is null then 'given'
        else 'registered'
    end as family_card,
    case head.sex when 1 then 'male' when 2 then 'female' end as head_sex,
    case head.marital_status
        when 1 then 'never_married' when 2 then 'married' when 3 then 'divorced' when 4 then 'widowed'
    end as head_marital_status,
    case
        when family_size.members is null then '0'
        when family_size.members in (1, 2) then cast(family_size.members as varchar)
        when family_size.members <= 4 then '3-4'
        when family_size.members <= 6 then '5-6'
        else '7+'
    end as size_group
from keluarga
inner join family_link on keluarga.source_key = family_link.source_key
left join head on keluarga.source_key = head."KODE_KELUARGA"
left join family_size on keluarga.source_key = family_size."KODE_KELUARGA"
left join card on keluarga."NO_KK" = card.no_kk
order by family_link.family_key
