-- Purpose: the pairs under every heading for which linkage is measured: all, the sources of the two records, the age
-- group of the person, and each error that one of the two records carries.
-- Grain: one row per heading and answer of truth, exact linkage and model; `pairs` is their number.
-- Keys: (grouping, heading, is_true, exact, model).
with described as (
    select
        pair.*,
        one.source as left_source,
        two.source as right_source,
        one.age_group,
        one.married_woman,
        one.twin or two.twin as twin,
        one.namesake or two.namesake as namesake,
        one.nik_missing or two.nik_missing as nik_missing,
        one.nik_damaged or two.nik_damaged as nik_damaged,
        one.nik_mistyped or two.nik_mistyped as nik_mistyped,
        one.nik_of_another or two.nik_of_another as nik_of_another,
        one.name_titled_or_spelled or two.name_titled_or_spelled as name_titled_or_spelled,
        one.name_mistyped or two.name_mistyped as name_mistyped,
        one.name_shortened or two.name_shortened as name_shortened,
        one.birth_date_missing or two.birth_date_missing as birth_date_missing,
        one.birth_date_swapped or two.birth_date_swapped as birth_date_swapped,
        one.birth_date_first_of_january or two.birth_date_first_of_january as birth_date_first_of_january,
        one.birth_date_wrong or two.birth_date_wrong as birth_date_wrong,
        one.moved or two.moved as moved
    from pair
    inner join evaluated_record as one on pair.left_id = one.record_id
    inner join evaluated_record as two on pair.right_id = two.record_id
),

headed as (
    select
        * exclude (left_source, right_source, age_group, married_woman),
        [
            { 'grouping': 'all', 'heading': 'all' },
            {
                'grouping': 'sources',
                'heading': least(left_source, right_source) || ' – ' || greatest(left_source, right_source)
            },
            { 'grouping': 'age', 'heading': age_group },
            case when married_woman then { 'grouping': 'age', 'heading': 'married_woman' } end,
            case when twin then { 'grouping': 'error', 'heading': 'twin' } end,
            case when namesake then { 'grouping': 'error', 'heading': 'namesake' } end,
            case when nik_missing then { 'grouping': 'error', 'heading': 'nik_missing' } end,
            case when nik_damaged then { 'grouping': 'error', 'heading': 'nik_damaged' } end,
            case when nik_mistyped then { 'grouping': 'error', 'heading': 'nik_mistyped' } end,
            case when nik_of_another then { 'grouping': 'error', 'heading': 'nik_of_another' } end,
            case when name_titled_or_spelled then { 'grouping': 'error', 'heading': 'name_titled_or_spelled' } end,
            case when name_mistyped then { 'grouping': 'error', 'heading': 'name_mistyped' } end,
            case when name_shortened then { 'grouping': 'error', 'heading': 'name_shortened' } end,
            case when birth_date_missing then { 'grouping': 'error', 'heading': 'birth_date_missing' } end,
            case when birth_date_swapped then { 'grouping': 'error', 'heading': 'birth_date_swapped' } end,
            case
                when birth_date_first_of_january
                    then { 'grouping': 'error', 'heading': 'birth_date_first_of_january' }
            end,
            case when birth_date_wrong then { 'grouping': 'error', 'heading': 'birth_date_wrong' } end,
            case when moved then { 'grouping': 'error', 'heading': 'moved' } end
        ] as headings
    from described
),

spread as (
    select
        is_true,
        exact,
        model,
        unnest(headings) as head
    from headed
)

select
    head.grouping,
    head.heading,
    spread.is_true,
    spread.exact,
    spread.model,
    count(*) as pairs
from spread
where spread.head is not null
group by all
