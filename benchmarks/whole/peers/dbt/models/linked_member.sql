{{ config(tags=['link']) }}
with evidence as (
    select distinct on (nik) nik, akta_lhr, stat_kwn, akta_kwn
    from raw.biodata_wni
    where stat_hidup = 1 and flag_status = 0
    order by nik
),

card as (
    select
        nik,
        bool_or(
            status_peserta ->> 'kode' = '0'
            and coalesce({{ day('tgl_tmt') }}, '-infinity') <= '{{ var("as_of") }}'
            and coalesce({{ day('tgl_tat') }}, 'infinity') >= '{{ var("as_of") }}'
        ) as insured
    from raw.peserta
    where nik is not null and status_peserta ->> 'kode' is not null
    group by nik
)

select
    member.*,
    evidence.nik is not null as registered,
    evidence.akta_lhr,
    evidence.stat_kwn,
    evidence.akta_kwn,
    card.insured::int as insured
from {{ ref('accepted_member') }} as member
left join evidence on member.nik = evidence.nik
left join card on member.nik = card.nik
