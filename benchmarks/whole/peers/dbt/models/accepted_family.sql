{{ config(tags=['validate'], indexes=[{'columns': ['code'], 'unique': True}]) }}
select * from (
    select
        *,
        row_number() over (partition by code order by surveyed_on desc, file desc, row_number desc) as place
    from {{ ref('typed_family') }}
    where code ~ '^[0-9]{18}$' and code_cell is distinct from 'number' and village_code is not null
        and surveyed_on between '2015-01-01' and '{{ var("as_of") }}'
) as candidate
where place = 1
