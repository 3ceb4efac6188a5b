"""The star schema with history: families, persons and villages over time, the calendar, measures of a village by day.

Revision 0010. The history of villages is read out of `mart.village_index`, and the measures by day out of the scores,
for every load that they tell in full. Families, persons and the calendar begin with the next load.
"""

from datetime import date
from decimal import Decimal

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

VILLAGES_OF_THE_LOADS = """
insert into core.dim_village
with load as (
    select as_of, lead(as_of) over (order by as_of) as load_after
    from (select distinct as_of from mart.village_index) as published
),

said as (
    select
        village.village_code, village.village, village.district, village.kampung_kb, load.as_of, load.load_after,
        coalesce(
            lag(load.load_after) over village = load.as_of
            and lag(row(village.village, village.district, village.kampung_kb)) over village
            is not distinct from row(village.village, village.district, village.kampung_kb),
            false
        ) as goes_on
    from mart.village_index as village
    inner join load on village.as_of = load.as_of
    where village.basis = 'survey'
    window village as (partition by village.village_code order by load.as_of)
),

numbered as (
    select *, count(*) filter (where not goes_on) over (partition by village_code order by as_of) as spell
    from said
)

select
    numbered.village_code, min(numbered.as_of), (array_agg(numbered.load_after order by numbered.as_of desc))[1],
    min(numbered.village), left(numbered.village_code, 6), min(numbered.district), left(numbered.village_code, 4),
    min(regency.name), bool_or(numbered.kampung_kb)
from numbered
left join core.dim_region as regency on left(numbered.village_code, 4) = regency.code
group by numbered.village_code, numbered.spell
"""

DAYS_OF_THE_LOADS = """
insert into core.fact_village_day
select
    measured.as_of, measured.village_code, measured.basis, measured.families, coalesce(sum(family.members), 0),
    count(family.ketentraman), coalesce(sum(cast(family.ketentraman as numeric)), 0),
    count(family.kemandirian), coalesce(sum(cast(family.kemandirian as numeric)), 0),
    count(family.kebahagiaan), coalesce(sum(cast(family.kebahagiaan as numeric)), 0),
    count(family.ibangga), coalesce(sum(cast(family.ibangga as numeric)), 0),
    measured.rentan, measured.berkembang, measured.tangguh
from mart.village_index as measured
left join core.fact_family_score as family
    on
        measured.village_code = family.village_code
        and measured.basis = family.basis
        and family.valid_from <= measured.as_of
        and (family.valid_to is null or family.valid_to > measured.as_of)
where measured.as_of >= (select min(score.valid_from) from core.fact_family_score as score)
group by measured.as_of, measured.village_code, measured.basis
having count(family.family_key) = measured.families
"""

ON_A_DAY = {
    "family_profile_on": ("dim_family", "What all surveyed families were like on a day"),
    "person_on": ("dim_person", "What all persons were like on a day"),
    "village_on": (
        "dim_village",
        "What the villages were called, where they belonged, and whether they were Kampung KB",
    ),
}


def upgrade() -> None:
    _create_tables()
    op.execute(VILLAGES_OF_THE_LOADS)
    op.execute(DAYS_OF_THE_LOADS)
    for function, (table, comment) in ON_A_DAY.items():
        op.execute(
            f"create function core.{function}(day date) returns setof core.{table} language sql stable begin atomic"
            f" select * from core.{table} where valid_from <= day and (valid_to is null or valid_to > day); end"
        )
        op.execute(f"comment on function core.{function}(date) is '{comment}'")


def _boolean(name: str, comment: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, comment=comment)


def _date(name: str, comment: str) -> sa.Column[date]:
    return sa.Column(name, sa.Date(), nullable=False, comment=comment)


def _integer(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, comment=comment)


def _nullable_date(name: str, comment: str) -> sa.Column[date]:
    return sa.Column(name, sa.Date(), nullable=True, comment=comment)


def _nullable_text(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=True, comment=comment)


def _numeric(name: str, comment: str) -> sa.Column[Decimal]:
    return sa.Column(name, sa.Numeric(), nullable=False, comment=comment)


def _text(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, comment=comment)


def _create_tables() -> None:
    op.create_table(
        "dim_date",
        _date("day", "Date"),
        _integer("year", "Year"),
        _integer("quarter", "Quarter, 1-4"),
        _integer("month", "Month, 1-12"),
        _text("month_name_id", "Name of the month, Indonesian"),
        _text("month_name_en", "Name of the month, English"),
        _integer("iso_year", "Year to which the ISO 8601 week belongs"),
        _integer("iso_week", "ISO 8601 week, 1-53"),
        _integer("weekday", "ISO 8601 day of the week, 1 Monday to 7 Sunday"),
        _text("weekday_name_id", "Name of the day, Indonesian"),
        _text("weekday_name_en", "Name of the day, English"),
        _boolean("weekend", "Saturday or Sunday"),
        sa.PrimaryKeyConstraint("day", name="dim_date_pkey"),
        schema="core",
        comment="Calendar from 2015 to the end of the year after the latest load, one row a day",
    )
    op.create_table(
        "dim_family",
        _text("family_key", "Pseudonym of the family"),
        _date("valid_from", "as_of of the first load of the spell"),
        _nullable_date(
            "valid_to",
            "as_of of the first load after it that says otherwise or lacks the family; null where it is the latest",
        ),
        _text("village_code", "Village code, 10 digits"),
        _date("surveyed_on", "Day of the survey visit"),
        _text(
            "family_card",
            "registered: its number is that of a card in the civil registry; given: it is not, or the load had no "
            "registry; missing: the form has none",
        ),
        _nullable_text("head_sex", "male or female; null where unknown or without a head"),
        _nullable_text(
            "head_marital_status", "never_married, married, divorced or widowed; null where unknown or without a head"
        ),
        _text("size_group", "Accepted members: 0, 1, 2, 3-4, 5-6 or 7+"),
        sa.CheckConstraint("valid_from < valid_to", name="dim_family_validity_check"),
        sa.PrimaryKeyConstraint("family_key", "valid_from", name="dim_family_pkey"),
        schema="core",
        comment="Surveyed families, one row a family and spell; a new row only on change",
    )
    op.create_index(
        "dim_family_current_key",
        "dim_family",
        ["family_key"],
        unique=True,
        schema="core",
        postgresql_where=sa.text("valid_to is null"),
    )
    op.create_table(
        "dim_person",
        _text("person_key", "Key of the person, the same from night to night"),
        _date("valid_from", "as_of of the first load of the spell"),
        _nullable_date(
            "valid_to",
            "as_of of the first load after it that says otherwise or lacks the person; null where it is the latest",
        ),
        _nullable_text("family_key", "Surveyed family, the last visited one where there are two; null without one"),
        _nullable_text(
            "village_code",
            "Village code, 10 digits: the family's, else the one that the registry or the insurance names, which the "
            "region reference need not hold; null where none does",
        ),
        _nullable_text("sex", "male or female; null where unknown"),
        _nullable_text(
            "birth_period", "Years among which the birth falls: five, as 1990-1994, or <1940; null where unknown"
        ),
        _nullable_text("relation", "Relation to the head of the family: head, spouse, child or other; else null"),
        _nullable_text("marital_status", "never_married, married, divorced or widowed; null where unknown"),
        _boolean("in_survey", "The family survey has an accepted record of the person"),
        _boolean("in_registry", "The civil registry has one"),
        _boolean("in_insurance", "The health insurance has one"),
        _nullable_text(
            "registry_status",
            "active, moved or dead by the civil registry; null where it does not say or has no record",
        ),
        sa.CheckConstraint("valid_from < valid_to", name="dim_person_validity_check"),
        sa.PrimaryKeyConstraint("person_key", "valid_from", name="dim_person_pkey"),
        schema="core",
        comment="Persons of all sources, one row a person and spell; a new row only on change. The survey speaks "
        "first, then the civil registry, then the health insurance",
    )
    op.create_index(
        "dim_person_current_key",
        "dim_person",
        ["person_key"],
        unique=True,
        schema="core",
        postgresql_where=sa.text("valid_to is null"),
    )
    op.create_index("dim_person_family_key_idx", "dim_person", ["family_key"], unique=False, schema="core")
    op.create_table(
        "dim_village",
        _text("village_code", "Village code, 10 digits"),
        _date("valid_from", "as_of of the first load of the spell"),
        _nullable_date(
            "valid_to",
            "as_of of the first load after it that says otherwise or lacks the village; null where it is the latest",
        ),
        _text("village", "Name of the village"),
        _text("district_code", "District code, 6 digits"),
        _nullable_text("district", "Name of the district"),
        _text("regency_code", "Regency code, 4 digits"),
        _nullable_text("regency", "Name of the regency"),
        _boolean("kampung_kb", "Is a Kampung KB"),
        sa.CheckConstraint("valid_from < valid_to", name="dim_village_validity_check"),
        sa.PrimaryKeyConstraint("village_code", "valid_from", name="dim_village_pkey"),
        schema="core",
        comment="Villages as the region reference and the Kampung KB register had them in a load, one row a village "
        "and spell; a new row only on change",
    )
    op.create_index(
        "dim_village_current_key",
        "dim_village",
        ["village_code"],
        unique=True,
        schema="core",
        postgresql_where=sa.text("valid_to is null"),
    )
    op.create_table(
        "fact_village_day",
        _date("as_of", "Date of the load"),
        _text("village_code", "Village code, 10 digits"),
        _text("basis", "survey or integrated"),
        _integer("families", "Accepted families, scored or not"),
        _integer("members", "Accepted members of the families"),
        _integer("ketentraman_families", "Families with a value"),
        _numeric("ketentraman_sum", "Sum of their values, each 0-100"),
        _integer("kemandirian_families", "Families with a value"),
        _numeric("kemandirian_sum", "Sum of their values, each 0-100"),
        _integer("kebahagiaan_families", "Families with a value"),
        _numeric("kebahagiaan_sum", "Sum of their values, each 0-100"),
        _integer("ibangga_families", "Families with an index"),
        _numeric("ibangga_sum", "Sum of their indices, each 0-100"),
        _integer("rentan", "Families below 40"),
        _integer("berkembang", "Families from 40 to 70"),
        _integer("tangguh", "Families above 70"),
        sa.PrimaryKeyConstraint("as_of", "village_code", "basis", name="fact_village_day_pkey"),
        schema="core",
        comment="Measures to add up over villages, one row a village, basis and day with a load; a mean is sum / "
        "families",
    )
