{{ config(tags=['score']) }}
with of_members as (
    select
        code,
        {{ of_all(yes('k_09', [1], [2]), 'k_10 = 3 and years < 18') }} as certificate,
        {{ of_all('coalesce(' ~ yes('akta_lhr', [2], [1]) ~ ', ' ~ yes('k_09', [1], [2]) ~ ')', 'k_10 = 3 and years < 18') }}
            as certificate_known,
        {{ of_all(yes('k_15', [1, 2, 3], [4]), 'true') }} as insurance,
        {{ of_all('coalesce(case when k_15 is distinct from 3 then insured end, ' ~ yes('k_15', [1, 2, 3], [4]) ~ ')', 'true') }}
            as insurance_known,
        {{ of_all(yes('k_13', [2, 4, 6, 7, 8, 9], [1, 3, 5, 10]), 'years between 7 and 18') }} as schooling
    from {{ ref('linked_member') }}
    group by code
),

head as (
    select distinct on (code) code, k_07, stat_kwn, akta_kwn
    from {{ ref('linked_member') }}
    where k_10 = 1
    order by code, place_in_family
),

house as (
    select
        code,
        {% set items = {'p_19': 5, 'p_20': 3, 'p_21': 3, 'p_22': 2, 'p_23': 3, 'p_24': 2, 'p_25': 1, 'p_26': 1} -%}
        {% for item, best in items.items() %}coalesce(({{ item }} <= {{ best }})::int, 0){{ ' + ' if not loop.last }}{% endfor %}
            as decent,
        {% for item, best in items.items() %}coalesce(({{ item }} > {{ best }})::int, 0){{ ' + ' if not loop.last }}{% endfor %}
            as indecent
    from {{ ref('accepted_family') }}
)

select
    family.code,
    family.village_code,
    {{ yes('p_01', [1], [2]) }} as worship,
    {{ yes('p_02', [1], [2]) }} as marriage_document,
    case
        when head.stat_kwn = 1 then null
        when head.stat_kwn = 2 and head.akta_kwn in (1, 2) then head.akta_kwn - 1
        else {{ yes('p_02', [1], [2]) }}
    end as marriage_document_known,
    of_members.certificate,
    of_members.certificate_known,
    of_members.insurance,
    of_members.insurance_known,
    case
        when 1 in (p_03a, p_03b, p_03c, p_03d) then 0
        when p_03a + p_03b + p_03c + p_03d < 12 then 1
    end as no_conflict,
    {{ yes('head.k_07', [2, 4], [3]) }} as no_divorce,
    case
        when head.stat_kwn = 1 then null
        when head.stat_kwn in (2, 3, 4) then (head.stat_kwn <> 3)::int
        else {{ yes('head.k_07', [2, 4], [3]) }}
    end as no_divorce_known,
    {{ yes('p_04', [1], [2]) }} as income,
    {{ yes('p_05', [1], [2]) }} as varied_food,
    case when house.decent >= 6 then 1 when house.indecent > 2 then 0 end as decent_house,
    {{ yes('p_06', [1], [2]) }} as savings,
    of_members.schooling,
    {{ yes('p_07', [2], [1]) }} as health,
    {{ yes('p_08', [1], [2]) }} as online_media,
    {{ yes('p_09', [1], [2]) }} as family_interaction,
    {{ yes('p_10', [1], [2]) }} as shared_parenting,
    {{ yes('p_11', [1], [2]) }} as family_recreation,
    {{ yes('p_12', [1], [2]) }} as social_participation
from {{ ref('accepted_family') }} as family
inner join house on family.code = house.code
left join of_members on family.code = of_members.code
left join head on family.code = head.code
