"""The star schema's dimensions with history, the calendar, and the measures of the villages by day.

`dim_family`, `dim_person` and `dim_village` are slowly changing dimensions of type 2 whose rows are spells, as those of
`core.fact_family_score` are. They are pseudonymous: no name, no number, no exact birth date. Their tables are made and
migrated with those of `models.py`.
"""

from datetime import date
from decimal import Decimal

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped

from kampungkb.warehouse.base import Base, col, key, within

VALID_FROM = "as_of of the first load of the spell"
VALID_TO = "as_of of the first load after it that says otherwise or lacks the {}; null where it is the latest"


class DimFamily(Base):
    """What a family is like, over time."""

    __tablename__ = "dim_family"
    __table_args__ = (
        CheckConstraint("valid_from < valid_to", name="dim_family_validity_check"),
        Index("dim_family_current_key", "family_key", unique=True, postgresql_where=text("valid_to is null")),
        within("core", "Surveyed families, one row a family and spell; a new row only on change"),
    )

    family_key: Mapped[str] = key("Pseudonym of the family")
    valid_from: Mapped[date] = key(VALID_FROM)
    valid_to: Mapped[date | None] = col(VALID_TO.format("family"))
    village_code: Mapped[str] = col("Village code, 10 digits")
    surveyed_on: Mapped[date] = col("Day of the survey visit")
    family_card: Mapped[str] = col(
        "registered: its number is that of a card in the civil registry; given: it is not, or the load had no "
        "registry; missing: the form has none"
    )
    head_sex: Mapped[str | None] = col("male or female; null where unknown or without a head")
    head_marital_status: Mapped[str | None] = col(
        "never_married, married, divorced or widowed; null where unknown or without a head"
    )
    size_group: Mapped[str] = col("Accepted members: 0, 1, 2, 3-4, 5-6 or 7+")


class DimPerson(Base):
    """What a person is like, over time."""

    __tablename__ = "dim_person"
    __table_args__ = (
        CheckConstraint("valid_from < valid_to", name="dim_person_validity_check"),
        Index("dim_person_current_key", "person_key", unique=True, postgresql_where=text("valid_to is null")),
        Index(None, "family_key"),
        within(
            "core",
            "Persons of all sources, one row a person and spell; a new row only on change. The survey speaks first, "
            "then the civil registry, then the health insurance",
        ),
    )

    person_key: Mapped[str] = key("Key of the person, the same from night to night")
    valid_from: Mapped[date] = key(VALID_FROM)
    valid_to: Mapped[date | None] = col(VALID_TO.format("person"))
    family_key: Mapped[str | None] = col("Surveyed family, the last visited one where there are two; null without one")
    village_code: Mapped[str | None] = col(
        "Village code, 10 digits: the family's, else the one that the registry or the insurance names, which the "
        "region reference need not hold; null where none does"
    )
    sex: Mapped[str | None] = col("male or female; null where unknown")
    birth_period: Mapped[str | None] = col(
        "Years among which the birth falls: five, as 1990-1994, or <1940; null where unknown"
    )
    relation: Mapped[str | None] = col("Relation to the head of the family: head, spouse, child or other; else null")
    marital_status: Mapped[str | None] = col("never_married, married, divorced or widowed; null where unknown")
    in_survey: Mapped[bool] = col("The family survey has an accepted record of the person")
    in_registry: Mapped[bool] = col("The civil registry has one")
    in_insurance: Mapped[bool] = col("The health insurance has one")
    registry_status: Mapped[str | None] = col(
        "active, moved or dead by the civil registry; null where it does not say or has no record"
    )


class DimVillage(Base):
    """What a village was called, where it belonged, and whether it was a Kampung KB, over time."""

    __tablename__ = "dim_village"
    __table_args__ = (
        CheckConstraint("valid_from < valid_to", name="dim_village_validity_check"),
        Index("dim_village_current_key", "village_code", unique=True, postgresql_where=text("valid_to is null")),
        within(
            "core",
            "Villages as the region reference and the Kampung KB register had them in a load, one row a village and "
            "spell; a new row only on change",
        ),
    )

    village_code: Mapped[str] = key("Village code, 10 digits")
    valid_from: Mapped[date] = key(VALID_FROM)
    valid_to: Mapped[date | None] = col(VALID_TO.format("village"))
    village: Mapped[str] = col("Name of the village")
    district_code: Mapped[str] = col("District code, 6 digits")
    district: Mapped[str | None] = col("Name of the district")
    regency_code: Mapped[str] = col("Regency code, 4 digits")
    regency: Mapped[str | None] = col("Name of the regency")
    kampung_kb: Mapped[bool] = col("Is a Kampung KB")


class DimDate(Base):
    """The calendar."""

    __tablename__ = "dim_date"
    __table_args__ = (within("core", "Calendar from 2015 to the end of the year after the latest load, one row a day"),)

    day: Mapped[date] = key("Date")
    year: Mapped[int] = col("Year")
    quarter: Mapped[int] = col("Quarter, 1-4")
    month: Mapped[int] = col("Month, 1-12")
    month_name_id: Mapped[str] = col("Name of the month, Indonesian")
    month_name_en: Mapped[str] = col("Name of the month, English")
    iso_year: Mapped[int] = col("Year to which the ISO 8601 week belongs")
    iso_week: Mapped[int] = col("ISO 8601 week, 1-53")
    weekday: Mapped[int] = col("ISO 8601 day of the week, 1 Monday to 7 Sunday")
    weekday_name_id: Mapped[str] = col("Name of the day, Indonesian")
    weekday_name_en: Mapped[str] = col("Name of the day, English")
    weekend: Mapped[bool] = col("Saturday or Sunday")


class FactVillageDay(Base):
    """Measures of a village that can be added up."""

    __tablename__ = "fact_village_day"
    __table_args__ = (
        within(
            "core",
            "Measures to add up over villages, one row a village, basis and day with a load; a mean is sum / families",
        ),
    )

    as_of: Mapped[date] = key("Date of the load")
    village_code: Mapped[str] = key("Village code, 10 digits")
    basis: Mapped[str] = key("survey or integrated")
    families: Mapped[int] = col("Accepted families, scored or not")
    members: Mapped[int] = col("Accepted members of the families")
    ketentraman_families: Mapped[int] = col("Families with a value")
    ketentraman_sum: Mapped[Decimal] = col("Sum of their values, each 0-100")
    kemandirian_families: Mapped[int] = col("Families with a value")
    kemandirian_sum: Mapped[Decimal] = col("Sum of their values, each 0-100")
    kebahagiaan_families: Mapped[int] = col("Families with a value")
    kebahagiaan_sum: Mapped[Decimal] = col("Sum of their values, each 0-100")
    ibangga_families: Mapped[int] = col("Families with an index")
    ibangga_sum: Mapped[Decimal] = col("Sum of their indices, each 0-100")
    rentan: Mapped[int] = col("Families below 40")
    berkembang: Mapped[int] = col("Families from 40 to 70")
    tangguh: Mapped[int] = col("Families above 70")
