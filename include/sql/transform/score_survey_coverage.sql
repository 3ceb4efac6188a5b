-- Purpose: whom the survey reaches: surveyed families against the registry's family cards, and how old the answers are.
-- Grain: one row per village with a surveyed family or a family card.
-- Keys: village_code.
-- cards_surveyed: cards whose number an accepted family of any village gives, or on which a surveyed head of family
-- stands as linked: a number mistyped in the survey does not make a card unsurveyed.
with surveyed as (
    select
        village_code,
        count(*) as families_surveyed,
        median(date_diff('day', "TGL_PENDATAAN", as_of())) as median_survey_age_days
    from keluarga
    group by village_code
),

surveyed_card as (
    select "NO_KK" as no_kk
    from keluarga
    union
    select biodata_wni.no_kk
    from anggota
    inner join person_link as head on anggota.source_key = head.source_key and head.source = 'family_survey'
    inner join person_link as record on head.person_key = record.person_key and record.source = 'civil_registry'
    inner join biodata_wni on record.source_key = biodata_wni.source_key
    where anggota."K.10" = 1
),

card as (
    select distinct
        village_code,
        no_kk
    from data_keluarga
    where village_code is not null and no_kk is not null
),

counted_card as (
    select
        card.village_code,
        count(*) as family_cards,
        count(surveyed_card.no_kk) as cards_surveyed
    from card
    left join surveyed_card on card.no_kk = surveyed_card.no_kk
    group by card.village_code
)

select
    coalesce(surveyed.village_code, counted_card.village_code) as village_code,
    coalesce(surveyed.families_surveyed, 0) as families_surveyed,
    coalesce(counted_card.family_cards, 0) as family_cards,
    coalesce(counted_card.cards_surveyed, 0) as cards_surveyed,
    surveyed.median_survey_age_days
from surveyed
full join counted_card on surveyed.village_code = counted_card.village_code
