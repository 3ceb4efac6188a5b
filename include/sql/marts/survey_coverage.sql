-- Whom the index stands for: surveyed families against the family cards of the registry. Without a registry in the
-- load there are no cards to compare with: null.
-- Grain: one row per village. Key: village_code.
with registry as (
    select count(*) > 0 as loaded
    from expected_count
    where source = 'civil_registry'
),

figure as (
    select
        village.village_code,
        coalesce(counted.families_surveyed, 0) as families_surveyed,
        case when registry.loaded then coalesce(counted.family_cards, 0) end as family_cards,
        case when registry.loaded then coalesce(counted.cards_surveyed, 0) end as cards_surveyed,
        counted.median_survey_age_days
    from village
    cross join registry
    left join survey_count as counted on village.village_code = counted.village_code
)

select
    village_code,
    families_surveyed,
    family_cards,
    cast(cards_surveyed as double precision) / nullif(family_cards, 0) as share,
    cards_surveyed,
    median_survey_age_days
from figure
