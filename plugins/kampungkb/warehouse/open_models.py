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


class OpenVillageIndexHistory(_OpenMeasures, Base):
    """What was published of the villages, load by load."""

    __tablename__ = "village_index_history"
    __table_args__ = (within("open", "What open.village_index has shown, one row a village and load that changed it"),)

    village_code: Mapped[str] = key("Village code, 10 digits")
    as_of: Mapped[date] = key("Date of the load")


class OpenProgrammeCoverage(Base):
    """Who takes part in the programmes, to be published."""

    __tablename__ = "programme_coverage"
    __table_args__ = (
        within(
            "open",
            "Eligible families that take part in a programme, of those that answered, one row an area (village, "
            "district, regency) and programme; latest load",
        ),
    )

    region_code: Mapped[str] = key("Village (10 digits), district (6) or regency (4)")
    programme: Mapped[str] = key("BKB, BKR, PIK-R, BKL or UPPKA")
    as_of: Mapped[date] = col("Date of the load")
    participating: Mapped[int | None] = col(f"Eligible families that take part, {_STEPS}")
    not_participating: Mapped[int | None] = col(f"Eligible families that say they do not, {_STEPS}")
    answered: Mapped[int | None] = col("participating + not_participating; null where one is")
    share: Mapped[float | None] = col("participating / answered, 0-1, two decimals; null where one is")


class OpenDataQuality(Base):
    """Quality of the sources' data, to be published."""

    __tablename__ = "data_quality"
    __table_args__ = (
        within(
            "open",
            "Data-quality score, one row an area (village, district, regency), source and dimension; latest load",
        ),
    )

    region_code: Mapped[str] = key("Village (10 digits), district (6) or regency (4)")
    source: Mapped[str] = key("family_survey, civil_registry or health_insurance")
    dimension: Mapped[str] = key("ISO/IEC 25012 dimension, or `overall`: the mean of those shown")
    as_of: Mapped[date] = col("Date of the load")
    score: Mapped[float] = col(
        "0-100, of a village in whole points, rounded down, where a point is five rows at least; of an area above: "
        "plain mean of its villages, one decimal"
    )


class OpenSourceFreshness(Base):
    """How fresh the sources are, to be published."""

    __tablename__ = "source_freshness"
    __table_args__ = (within("open", "How fresh each source is, one row a source; latest load"),)

    source: Mapped[str] = key("family_survey, civil_registry or health_insurance")
    as_of: Mapped[date] = col("Date of the load")
    stale: Mapped[bool] = col("True where an earlier snapshot stood in")
    snapshot_date: Mapped[date | None] = col("Date of the snapshot in force")
    last_change: Mapped[date | None] = col(
        "Latest day, up to as_of, on which the source itself says that a row was surveyed or changed"
    )


class OpenKampungKbCandidate(Base):
    """Candidates for Kampung KB, to be published."""

    __tablename__ = "kampung_kb_candidate"
    __table_args__ = (
        within(
            "open",
            "Villages that are not Kampung KB, ranked by need as the figures of open show it (a count that is not "
            "shown is taken as 0; weights in include/methodology/kampung_kb.yaml), one row a village; latest load",
        ),
    )

    village_code: Mapped[str] = key("Village code, 10 digits")
    as_of: Mapped[date] = col("Date of the load")
    rank: Mapped[int | None] = col("1 for the greatest need; null where the village has no figure")
    need_score: Mapped[float | None] = col("100 x weighted mean of the figures present, one decimal; higher is needier")
    village: Mapped[str] = col("Name of the village")
    district: Mapped[str | None] = col("Name of the district")
    families: Mapped[int | None] = col("As open.village_index")
    ibangga: Mapped[float | None] = col("As open.village_index")
    rentan: Mapped[int | None] = col("As open.village_index")
    index_gap: Mapped[float | None] = col("1 - ibangga / 100")
    rentan_share: Mapped[float | None] = col("rentan / families, 0-1, two decimals")
    documents_unmet: Mapped[float | None] = col("Unmet share of the indicators of data and documents, 0-1")
    behaviour_unmet: Mapped[float | None] = col("Unmet share of the indicators of behaviour, 0-1")
    services_unmet: Mapped[float | None] = col("Unmet share of the indicators of services, 0-1")
    environment_unmet: Mapped[float | None] = col("Unmet share of the indicators of the living environment, 0-1")
    programme_gap: Mapped[float | None] = col("not_participating / answered over all programmes, 0-1")


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
