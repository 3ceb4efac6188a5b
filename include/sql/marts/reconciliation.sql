-- What the earlier steps counted against what is staged; the audit demands that both are equal.
-- Grain: one row per source and subject. Key: source, subject.
with expected as (
    select
        source,
        'rows accepted or rejected' as subject,
        sum(counted) as counted
    from expected_count
    where measure = 'read'
    group by source
    union all
    select
        source,
        'rows rejected' as subject,
        sum(counted) as counted
    from expected_count
    where measure = 'rejected'
    group by source
    union all
    select
        source,
        'values nulled' as subject,
        sum(counted) as counted
    from expected_count
    where measure = 'nulled'
    group by source
    union all
    select
        source,
        'person records accepted' as subject,
        sum(counted) as counted
    from expected_count
    where measure = 'accepted' and lower(source_table) in ('anggota', 'biodata_wni', 'peserta')
    group by source
    union all
    select
        source,
        'families accepted' as subject,
        sum(counted) as counted
    from expected_count
    where measure = 'accepted' and lower(source_table) = 'keluarga'
    group by source
    union all
    select
        source,
        'person records linked' as subject,
        sum(counted) as counted
    from expected_count
    where measure = 'records'
    group by source
    union all
    select
        source,
        'families scored' as subject,
        sum(counted) as counted
    from expected_count
    where measure = 'families'
    group by source
    union all
    select
        source,
        'rows scored' as subject,
        sum(counted) as counted
    from expected_count
    where measure = 'rows'
    group by source
),

record as (
    select
        source,
        count(*) as counted
    from person_link
    group by source
),

scored as (
    select
        count(*) filter (where basis = 'survey') as families,
        count(*) as counted
    from family_score
),

staged as (
    select
        source,
        'rows accepted or rejected' as subject,
        sum(counted) as counted
    from expected_count
    where measure in ('accepted', 'rejected')
    group by source
    union all
    select
        source,
        'rows rejected' as subject,
        count(distinct concat_ws(chr(31), source_table, row_key)) as counted
    from quarantine_row
    where action = 'row'
    group by source
    union all
    select
        source,
        'values nulled' as subject,
        count(distinct concat_ws(chr(31), source_table, row_key, column_name)) as counted
    from quarantine_row
    where action = 'value'
    group by source
    union all
    select
        source,
        'person records accepted' as subject,
        counted
    from record
    union all
    select
        'family_survey' as source,
        'families accepted' as subject,
        count(*) as counted
    from family_link
    union all
    select
        source,
        'person records linked' as subject,
        counted
    from record
    union all
    select
        'family_survey' as source,
        'families scored' as subject,
        families as counted
    from scored
    union all
    select
        'family_survey' as source,
        'rows scored' as subject,
        counted
    from scored
)

select
    source,
    subject,
    coalesce(expected.counted, 0) as expected,
    coalesce(staged.counted, 0) as staged
from expected
full join staged using (source, subject)
