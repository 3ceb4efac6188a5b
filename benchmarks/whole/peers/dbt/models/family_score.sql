{{ config(tags=['score']) }}
{% for basis, known in [('survey', ''), ('integrated', '_known')] %}
select
    *,
    (ketentraman + kemandirian + kebahagiaan) / 3 as ibangga
from (
    select
        code,
        village_code,
        '{{ basis }}' as basis,
        {{ dimension(['worship', 'marriage_document' ~ known, 'certificate' ~ known, 'insurance' ~ known, 'no_conflict', 'no_divorce' ~ known]) }}
            as ketentraman,
        {{ dimension(['income', 'varied_food', 'decent_house', 'savings', 'schooling', 'health', 'online_media']) }}
            as kemandirian,
        {{ dimension(['family_interaction', 'shared_parenting', 'family_recreation', 'social_participation']) }}
            as kebahagiaan
    from {{ ref('family_answer') }}
) as {{ basis }}
{{ 'union all' if not loop.last }}
{% endfor %}
