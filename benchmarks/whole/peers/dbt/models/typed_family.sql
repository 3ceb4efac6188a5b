{{ config(tags=['validate']) }}
select
    file,
    row_number,
    kode_keluarga as code,
    kode_keluarga_cell as code_cell,
    case when no_kk ~ '^[0-9]{16}$' then no_kk end as family_card,
    region.village_code,
    {{ day('tgl_pendataan') }} as surveyed_on,
    {% for name in var('answers') if name.startswith('p_') -%}
    {{ answer(name) }} as {{ name }}{{ ',' if not loop.last }}
    {% endfor %}
from raw.keluarga
left join (
    select distinct replace(code, '.', '') as village_code from raw.region where lower(level) in ('desa', 'kelurahan')
) as region on keluarga.kode_desa = region.village_code
