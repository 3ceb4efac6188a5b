{#- 100 × achieved ÷ applicable. -#}
{% macro dimension(variables) -%}
100.0::float * ({% for each in variables %}coalesce({{ each }}, 0){{ ' + ' if not loop.last }}{% endfor %})
    / nullif(num_nonnulls({{ variables | join(', ') }}), 0)
{%- endmacro %}
