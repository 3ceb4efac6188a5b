-- Purpose: whom the survey reaches, where no row that tells it differs from an earlier night: its answers are older.
-- Grain: one row per village with a surveyed family or a family card.
-- Keys: village_code.
select
    village_code,
    families_surveyed,
    family_cards,
    cards_surveyed,
    median_survey_age_days + date_diff('day', earlier_as_of(), as_of()) as median_survey_age_days
from earlier_village_survey
