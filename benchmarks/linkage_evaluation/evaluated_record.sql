-- Purpose: accepted person records with their true person, the persons that linkage made of them, and what is wrong
-- with the record, seen from the truth and not from how the sample planted it.
-- Grain: one row per accepted person record.
-- Keys: record_id; (source, source_key).
with truth as (
    select
        source,
        source_key,
        person_id
    from read_parquet($records)
    where accepted and person_id is not null
),

known_nik as (
    select distinct nik from true_person
)

select
    person_record.record_id,
    person_record.source,
    person_record.source_key,
    truth.person_id,
    link.person_key as model_key,
    exact_label.label as exact_key,
    true_person.age_group,
    true_person.married_woman,
    true_person.twin,
    true_person.namesake,
    person_record.nik_15 is null as nik_missing,
    person_record.nik_doubtful as nik_damaged,
    coalesce(person_record.nik <> true_person.nik and known_nik.nik is not null, false) as nik_of_another,
    coalesce(person_record.nik <> true_person.nik and known_nik.nik is null, false) as nik_mistyped,
    coalesce(
        person_fact.name <> true_person.name
        and (
            starts_with(true_person.name, split_part(person_fact.name, ' ', 1))
            or ends_with(true_person.name, split_part(person_fact.name, ' ', -1))
        )
        and length(person_fact.name) < length(true_person.name) - 1, false
    ) as name_shortened,
    coalesce(
        person_fact.name <> true_person.name
        and damerau_levenshtein(person_fact.name, true_person.name) <= 3, false
    ) as name_mistyped,
    coalesce(
        person_fact.name = true_person.name and person_record.full_name <> true_person.name, false
    ) as name_titled_or_spelled,
    person_record.birth_date is null as birth_date_missing,
    coalesce(
        person_record.birth_date <> true_person.birth_date
        and month(person_record.birth_date) = day(true_person.birth_date)
        and day(person_record.birth_date) = month(true_person.birth_date)
        and year(person_record.birth_date) = year(true_person.birth_date), false
    ) as birth_date_swapped,
    coalesce(
        person_record.birth_date <> true_person.birth_date
        and strftime(person_record.birth_date, '%d%m') = '0101', false
    ) as birth_date_first_of_january,
    coalesce(
        person_record.birth_date <> true_person.birth_date
        and strftime(person_record.birth_date, '%d%m') <> '0101'
        and not (
            month(person_record.birth_date) = day(true_person.birth_date)
            and day(person_record.birth_date) = month(true_person.birth_date)
        ), false
    ) as birth_date_wrong,
    coalesce(person_record.village_code <> true_person.village_code, false) as moved
from person_record
inner join truth on person_record.source = truth.source and person_record.source_key = truth.source_key
inner join true_person on truth.person_id = true_person.person_id
inner join person_fact on person_record.record_id = person_fact.record_id
inner join read_parquet($links) as link -- noqa: RF02
    on person_record.source = link.source and person_record.source_key = link.source_key
inner join record_label as exact_label on person_record.record_id = exact_label.record_id
left join known_nik on person_record.nik = known_nik.nik
