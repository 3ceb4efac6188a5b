{#- A coded answer: a label, or a number that is a code; null otherwise. -#}
{% macro answer(column) -%}
{%- set known = var('answers')[column] -%}
case
    {%- for label, code in known.labels.items() %}
    when lower({{ column }}) = '{{ label | replace("'", "''") }}' then {{ code }}
    {%- endfor %}
    when {{ column }} ~ '^0*[0-9]{1,4}(\.0+)?$' and {{ column }}::numeric::int in ({{ known.codes | join(', ') }})
        then {{ column }}::numeric::int
end
{%- endmacro %}

{#- A date written year first or day first; null where it is none. -#}
{% macro day(column) -%}
{%- set iso = "case when " ~ column ~ " ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' then " ~ column
    ~ " when " ~ column ~ " ~ '^([0-9]{2}-[0-9]{2}-|[0-9]{2}/[0-9]{2}/)[0-9]{4}$' then right(" ~ column
    ~ ", 4) || '-' || substr(" ~ column ~ ", 4, 2) || '-' || left(" ~ column ~ ", 2) end" -%}
case when pg_input_is_valid({{ iso }}, 'date') then ({{ iso }})::date end
{%- endmacro %}

{#- 0 and 1 of a code; null where it is neither. -#}
{% macro yes(column, yes, no) -%}
case when {{ column }} in ({{ yes | join(', ') }}) then 1 when {{ column }} in ({{ no | join(', ') }}) then 0 end
{%- endmacro %}

{#- Over members: one 0 decides, else one missing answer leaves it open, else 1. -#}
{% macro of_all(answer, asked) -%}
case min(coalesce({{ answer }}::numeric, 0.5)) filter (where {{ asked }}) when 0 then 0 when 1 then 1 end
{%- endmacro %}

{#- Rows that break a condition: counted with a warning, and kept. -#}
{% test holds(model, condition, column_name=none) %}
{{ config(severity='warn', store_failures=true) }}
select * from {{ model }} where not ({{ condition }})
{% endtest %}
