"""Tables of `open`: what may be published. Counts are in steps of five, means over at least five families."""

from datetime import date

from sqlalchemy import ARRAY, Text
from sqlalchemy.orm import Mapped, mapped_column

from kampungkb.warehouse.base import Base, col, key, within

_STEPS = "in steps of 5, rounded down; null under 5"


class _OpenMeasures:
    # of an area, on the integrated basis
    as_of: Mapped[date] = col("Date of the load")
    families: Mapped[int | None] = col("Families with an index in the categories shown: their sum; null where none is")
    ketentraman: Mapped[float | None] = col("Mean, one decimal, 0-100; of an area above: of its villages' means")
    kemandirian: Mapped[float | None] = col("Mean, one decimal, 0-100; of an area above: of its villages' means")
    kebahagiaan: Mapped[float | None] = col("Mean, one decimal, 0-100; of an area above: of its villages' means")
    ibangga: Mapped[float | None] = col("Mean index, one decimal, 0-100; of an area above: of its villages' means")
    category: Mapped[str | None] = col("rentan (< 40), berkembang (40-70), tangguh (> 70) by the index shown")
    rentan: Mapped[int | None] = col(f"Families below 40, {_STEPS}")
    berkembang: Mapped[int | None] = col(f"Families from 40 to 70, {_STEPS}")
    tangguh: Mapped[int | None] = col(f"Families above 70, {_STEPS}")


class OpenVillageIndex(_OpenMeasures, Base):
    """The index of the villages, to be published."""

    __tablename__ = "village_index"
    __table_args__ = (within("open", "iBangga index, integrated, one row a village; as of the latest load"),)

    village_code: Mapped[str] = key("Village code, 10 digits")
    village: Mapped[str] = col("Name of the village")
    district: Mapped[str | None] = col("Name of the district")
    kampung_kb: Mapped[bool] = col("Is a Kampung KB on as_of")
    means_of: Mapped[date | None] = col("Date of the means: they move once 5 families or more have changed")


class OpenDistrictIndex(_OpenMeasures, Base):
    """The index of the districts, to be published."""

    __tablename__ = "district_index"
    __table_args__ = (within("open", "iBangga index, integrated, one row a district; as of the latest load"),)

    district_code: Mapped[str] = key("District code, 6 digits")
    district: Mapped[str] = col("Name of the district")


class OpenRegencyIndex(_OpenMeasures, Base):
    """The index of the regencies, to be published."""

    __tablename__ = "regency_index"
    __table_args__ = (within("open", "iBangga index, integrated, one row a regency; as of the latest load"),)

    regency_code: Mapped[str] = key("Regency code, 4 digits")
    regency: Mapped[str] = col("Name of the regency")


class OpenIndicatorCoverage(Base):
    """Coverage of the indicators, to be published."""

    __tablename__ = "indicator_coverage"
    __table_args__ = (
        within("open", "Coverage, integrated, one row an area (village, district, regency) and indicator; latest load"),
    )

    region_code: Mapped[str] = key("Village (10 digits), district (6) or regency (4)")
    indicator: Mapped[str] = key("Id of the indicator")
    as_of: Mapped[date] = col("Date of the load")
    achieved: Mapped[int | None] = col(f"Families that achieve it, {_STEPS}")
    not_achieved: Mapped[int | None] = col(f"Families that do not, {_STEPS}")
    applicable: Mapped[int | None] = col("achieved + not_achieved; null where one is")
    share: Mapped[float | None] = col("achieved / applicable, 0-1, two decimals; null where one is")


class OpenRelease(Base):
    """The means that are published, and what they were made of."""

    __tablename__ = "open_release"
    __table_args__ = (
        within("core", "Published means and the families behind them, one row a village; held until 5 families change"),
    )

    village_code: Mapped[str] = key("Village code, 10 digits")
    means_of: Mapped[date] = col("as_of of the load that they were published with")
    ketentraman: Mapped[float | None] = col("Mean, one decimal; null over fewer than 5 families")
    kemandirian: Mapped[float | None] = col("Mean, one decimal; null over fewer than 5 families")
    kebahagiaan: Mapped[float | None] = col("Mean, one decimal; null over fewer than 5 families")
    ibangga: Mapped[float | None] = col("Mean, one decimal; null over fewer than 5 families")
    fingerprints: Mapped[list[str]] = mapped_column(
        ARRAY(Text), comment="Digests of the families' keys with their scores, ordered"
    )
