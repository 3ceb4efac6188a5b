-- The pairs for review once this load has listed its own: a pair that is listed no more stays without doubt, as long
-- as both of its records stand in their sources.
-- When it was listed last stands in it only then, so that a pair which stays listed need not be written.
-- Grain: one row per pair of records. Key: review_key.
with listed as (
    select
        tonight.*,
        coalesce(published.first_seen, :as_of) as first_seen,
        cast(null as date) as last_seen
    from reviewed_pair as tonight
    left join vault.match_pair as published on tonight.review_key = published.review_key
),

newest as (
    select max(as_of) as as_of from ops.load_run
),

settled as (
    select
        published.*,
        first_link.person_key = second_link.person_key as together,
        coalesce(published.last_seen, newest.as_of) as listed_last
    from vault.match_pair as published
    cross join newest
    inner join person_link as first_link
        on published.left_source = first_link.source and published.left_key = first_link.source_key
    inner join person_link as second_link
        on published.right_source = second_link.source and published.right_key = second_link.source_key
    where not exists (select from reviewed_pair as tonight where tonight.review_key = published.review_key)
)

select
    review_key,
    left_source,
    left_key,
    left_nik,
    left_name,
    left_birth_date,
    left_sex,
    left_village_code,
    left_family_code,
    left_family_card,
    left_mother_name,
    right_source,
    right_key,
    right_nik,
    right_name,
    right_birth_date,
    right_sex,
    right_village_code,
    right_family_code,
    right_family_card,
    right_mother_name,
    probability,
    match_weight,
    model_version,
    cast(comparison as jsonb) as comparison,
    linked,
    doubt,
    first_seen,
    last_seen
from listed
union all
select
    review_key,
    left_source,
    left_key,
    left_nik,
    left_name,
    left_birth_date,
    left_sex,
    left_village_code,
    left_family_code,
    left_family_card,
    left_mother_name,
    right_source,
    right_key,
    right_nik,
    right_name,
    right_birth_date,
    right_sex,
    right_village_code,
    right_family_code,
    right_family_card,
    right_mother_name,
    probability,
    match_weight,
    model_version,
    comparison,
    together as linked,
    null as doubt,
    first_seen,
    listed_last as last_seen
from settled
