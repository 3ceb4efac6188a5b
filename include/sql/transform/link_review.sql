-- Purpose: the pairs of records that a steward has to look at tonight, and those already decided.
-- Grain: one row per pair. A pair is doubtful where it is likely enough to be one person ($review) and is not linked:
-- because it is not likely enough ($accept), or because the link would contradict another one. No doubt is left
-- where both persons already have their record in the other's source, nor between members of one family.
-- Keys: (left_source, left_key, right_source, right_key).
with person as (
    select
        record_label.label,
        list(distinct person_number.source) as sources
    from record_label
    inner join person_number on record_label.record_id = person_number.record_id
    group by record_label.label
),

record as (
    select
        person_number.record_id,
        person_number.source,
        person_number.source_key,
        record_label.label,
        person.sources
    from person_number
    inner join record_label on person_number.record_id = record_label.record_id
    inner join person on record_label.label = person.label
),

likely as (
    select
        left_id,
        right_id
    from candidate_pair
    where probability >= $review
    union
    select
        left_id,
        right_id
    from decided_pair
),

looked_at as (
    select
        likely.left_id,
        likely.right_id,
        first_record.source as left_source,
        first_record.source_key as left_key,
        second_record.source as right_source,
        second_record.source_key as right_key,
        first_record.label = second_record.label as linked,
        decided_pair.left_id is not null as is_decided,
        first_record.source <> second_record.source
        and list_contains(first_record.sources, second_record.source)
        and list_contains(second_record.sources, first_record.source) as both_have_theirs
    from likely
    inner join record as first_record on likely.left_id = first_record.record_id
    inner join record as second_record on likely.right_id = second_record.record_id
    left join decided_pair on likely.left_id = decided_pair.left_id and likely.right_id = decided_pair.right_id
)

select
    pair.left_id,
    pair.right_id,
    pseudonym(
        'pair',
        pair.left_source || '|' || pair.left_key || '|' || pair.right_source || '|' || pair.right_key
    ) as review_key,
    pair.left_source,
    pair.left_key,
    first_fact.nik as left_nik,
    first_fact.name as left_name,
    first_fact.birth_date as left_birth_date,
    first_fact.sex as left_sex,
    first_fact.village_code as left_village_code,
    first_fact.family_code as left_family_code,
    first_fact.family_card as left_family_card,
    first_fact.mother_name as left_mother_name,
    pair.right_source,
    pair.right_key,
    second_fact.nik as right_nik,
    second_fact.name as right_name,
    second_fact.birth_date as right_birth_date,
    second_fact.sex as right_sex,
    second_fact.village_code as right_village_code,
    second_fact.family_code as right_family_code,
    second_fact.family_card as right_family_card,
    second_fact.mother_name as right_mother_name,
    candidate_pair.probability,
    candidate_pair.match_weight,
    case when candidate_pair.left_id is not null then $model_version end as model_version,
    pair.linked,
    case
        when pair.linked or pair.is_decided or candidate_pair.probability is null then null
        when candidate_pair.probability < $review then null
        when candidate_pair.probability < $accept then 'between_thresholds'
        else 'conflict'
    end as doubt
from looked_at as pair
inner join record_fact as first_fact
    on pair.left_source = first_fact.source and pair.left_key = first_fact.source_key
inner join record_fact as second_fact
    on pair.right_source = second_fact.source and pair.right_key = second_fact.source_key
left join candidate_pair on pair.left_id = candidate_pair.left_id and pair.right_id = candidate_pair.right_id
where
    pair.is_decided
    or not (
        pair.linked
        or pair.both_have_theirs
        or coalesce(first_fact.family_code = second_fact.family_code, false)
    )
order by pair.left_source, pair.left_key, pair.right_source, pair.right_key
