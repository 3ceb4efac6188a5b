{{ config(tags=['validate'], indexes=[{'columns': ['code']}, {'columns': ['nik']}]) }}
with typed as (
    select
        anggota.file,
        anggota.row_number,
        anggota.kode_keluarga as code,
        case when no_urut ~ '^[0-9]{1,4}(\.0+)?$' then no_urut::numeric::int end as place_in_family,
        case when k_01 ~ '^[0-9]{16}$' then k_01 end as nik,
        k_02 as name,
        {{ day('k_04') }} as born_on,
        family.surveyed_on,
        {% for name in var('answers') if name.startswith('k_') -%}
        {{ answer(name) }} as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from raw.anggota
    inner join {{ ref('accepted_family') }} as family
        on anggota.kode_keluarga = family.code and anggota.file = family.file
    where anggota.kode_keluarga_cell is distinct from 'number' and k_02 is not null
),

placed as (
    select *, row_number() over (partition by file, code, place_in_family order by row_number) as place
    from typed
    where place_in_family >= 1 and k_10 is not null
)

select
    *,
    extract(year from age(surveyed_on, plausible_birth))::int as years
from (
    select
        *,
        case when born_on <= surveyed_on and age(surveyed_on, born_on) < interval '121 years' then born_on end
            as plausible_birth
    from placed
    where place = 1
) as accepted
