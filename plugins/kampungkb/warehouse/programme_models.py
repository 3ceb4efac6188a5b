"""Tables of the marts that answer the programme's questions: who needs what, whom it reaches, where it should begin.

They are made and migrated with those of `models.py`.
"""

from datetime import date

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped

from kampungkb.warehouse.base import Base, col, key, within


class SourceAgreement(Base):
    """The survey's answers against linked evidence."""

    __tablename__ = "source_agreement"
    __table_args__ = (
        within(
            "mart",
            "The survey's answer against that of linked evidence alone, in families, one row a village and indicator "
            "with evidence; as of the latest load",
        ),
    )

    village_code: Mapped[str] = key("Village code, 10 digits")
    indicator: Mapped[str] = key("Id of the indicator")
    evidence_source: Mapped[str] = col("civil_registry or health_insurance")
    both_yes: Mapped[int] = col("Families in which both say achieved")
    both_no: Mapped[int] = col("Families in which both say not achieved")
    survey_only_yes: Mapped[int] = col("Families in which the survey says achieved and the evidence not achieved")
    registry_only_yes: Mapped[int] = col("Families in which the evidence says achieved and the survey not achieved")
    missing: Mapped[int] = col("Families to which it applies where the survey or the evidence has no (full) answer")
    not_applicable: Mapped[int] = col("Families to which it does not apply, by the survey or by the evidence")
    agreement_share: Mapped[float | None] = col(
        "(both_yes + both_no) / those and survey_only_yes and registry_only_yes, 0-1; null where there are none"
    )


class SurveyCoverage(Base):
    """Whom the index stands for."""

    __tablename__ = "survey_coverage"
    __table_args__ = (
        within(
            "mart", "Surveyed families against the registry's family cards, one row a village; as of the latest load"
        ),
    )

    village_code: Mapped[str] = key("Village code, 10 digits")
    families_surveyed: Mapped[int] = col("Accepted families of the survey")
    family_cards: Mapped[int | None] = col("Family cards of the village; null where the load had no registry")
    share: Mapped[float | None] = col("cards_surveyed / family_cards, 0-1; null without cards")
    cards_surveyed: Mapped[int | None] = col(
        "Cards of the village that a surveyed family gives or whose surveyed head is linked"
    )
    median_survey_age_days: Mapped[float | None] = col("Median days from survey to as_of; null without families")


class SectorAction(Base):
    """Needs by sector."""

    __tablename__ = "sector_action"
    __table_args__ = (
        within(
            "mart",
            "Needs (indicators not achieved, basis integrated) by the sector that acts on them, one row a village and "
            "need; as of the latest load",
        ),
    )

    village_code: Mapped[str] = key("Village code, 10 digits")
    sector: Mapped[str] = key("Id of the sector; each need belongs to one")
    need: Mapped[str] = key("Id of the indicator that is not achieved")
    families: Mapped[int] = col("Families that do not achieve it")
    persons: Mapped[int] = col("Members who fail it where it asks each member, else all members of the families")


class LifeCycle(Base):
    """Members along the life cycle."""

    __tablename__ = "life_cycle"
    __table_args__ = (
        within(
            "mart",
            "Surveyed members by life-cycle group (ages on as_of; groups overlap), one row a village and group; as of "
            "the latest load",
        ),
    )

    village_code: Mapped[str] = key("Village code, 10 digits")
    life_cycle: Mapped[str] = key(
        "under_five, child, adolescent, reproductive_woman, reproductive_couple, productive or elderly"
    )
    persons: Mapped[int] = col("Members of the group")
    families: Mapped[int] = col("Families with such a member")
    insured: Mapped[int] = col("Members of the group with health insurance (basis integrated)")
    insurance_known: Mapped[int] = col("Members of the group whose insurance is known")
    insured_share: Mapped[float | None] = col("insured / insurance_known, 0-1; null where none is known")
    rentan_families: Mapped[int] = col("Families with such a member that are rentan (basis integrated)")
    rentan_share: Mapped[float | None] = col("rentan_families / families, 0-1; null without families")


class ProgrammeCoverage(Base):
    """Who of the eligible takes part in the programmes."""

    __tablename__ = "programme_coverage"
    __table_args__ = (
        within(
            "mart",
            "Families that take part in a family-based programme, of those eligible, one row a village and programme; "
            "as of the latest load",
        ),
    )

    village_code: Mapped[str] = key("Village code, 10 digits")
    programme: Mapped[str] = key("BKB, BKR, PIK-R, BKL or UPPKA")
    eligible: Mapped[int] = col("Families eligible by a member's age or an unmet need; see the methodology")
    participating: Mapped[int] = col("Eligible families that take part")
    share: Mapped[float | None] = col("participating / eligible, 0-1; null where none is eligible")
    unanswered: Mapped[int] = col("Eligible families without an answer; they count as not taking part")


class FamilyFunction(Base):
    """The eight family functions."""

    __tablename__ = "family_function"
    __table_args__ = (
        within("mart", "The family functions, one row a village, function and basis; as of the latest load"),
    )

    village_code: Mapped[str] = key("Village code, 10 digits")
    function: Mapped[str] = key("Id of the family function")
    basis: Mapped[str] = key("survey or integrated")
    applicable: Mapped[int] = col("Answers to indicators of the function that apply and are known, over all families")
    achieved: Mapped[int] = col("Answers among them that are achieved")
    share: Mapped[float | None] = col("achieved / applicable, 0-1; null where none applies")


class KampungKbCandidate(Base):
    """Villages that are not yet Kampung KB, by need."""

    __tablename__ = "kampung_kb_candidate"
    __table_args__ = (
        within(
            "mart",
            "Villages that are not Kampung KB, ranked by need (basis integrated; weights in "
            "include/methodology/kampung_kb.yaml), one row a village; as of the latest load",
        ),
    )

    village_code: Mapped[str] = key("Village code, 10 digits")
    rank: Mapped[int | None] = col("1 for the greatest need; null where the village has no figure")
    need_score: Mapped[float | None] = col("100 x weighted mean of the figures present, 0-100; higher is needier")
    village: Mapped[str] = col("Name of the village")
    district: Mapped[str | None] = col("Name of the district")
    families: Mapped[int] = col("Accepted families")
    ibangga: Mapped[float | None] = col("Mean of the families' index, 0-100")
    rentan: Mapped[int] = col("Families below 40")
    index_gap: Mapped[float | None] = col("1 - ibangga / 100")
    rentan_share: Mapped[float | None] = col("rentan / families with an index, 0-1")
    documents_unmet: Mapped[float | None] = col("Unmet share of the indicators of data and documents, 0-1")
    behaviour_unmet: Mapped[float | None] = col("Unmet share of the indicators of behaviour, 0-1")
    services_unmet: Mapped[float | None] = col("Unmet share of the indicators of services, 0-1")
    environment_unmet: Mapped[float | None] = col("Unmet share of the indicators of the living environment, 0-1")
    programme_gap: Mapped[float | None] = col("1 - participating / eligible over all programmes, 0-1")


class KampungKbEffect(Base):
    """Kampung KB beside similar other villages."""

    __tablename__ = "kampung_kb_effect"
    __table_args__ = (
        CheckConstraint("difference_low <= difference_high", name="kampung_kb_effect_difference_check"),
        CheckConstraint("change_low <= change_high", name="kampung_kb_effect_change_check"),
        within(
            "mart",
            "Kampung KB beside similar other villages over the published loads, one row a load, basis and measure. A "
            "comparison, no proof of cause: villages did not become Kampung KB at random",
        ),
    )

    as_of: Mapped[date] = key("Date of the load")
    basis: Mapped[str] = key("survey or integrated")
    measure: Mapped[str] = key("ketentraman, kemandirian, kebahagiaan or ibangga")
    baseline_as_of: Mapped[date] = col("First published load, at which the villages were matched")
    villages: Mapped[int] = col("Kampung KB on as_of that have comparison villages")
    kampung_kb_mean: Mapped[float] = col("Mean over these villages, 0-100")
    comparison_mean: Mapped[float] = col("Mean of the means of each one's nearest other villages, 0-100")
    difference: Mapped[float] = col("kampung_kb_mean - comparison_mean, in points")
    difference_low: Mapped[float | None] = col("Lower end of its confidence interval; null below three villages")
    difference_high: Mapped[float | None] = col("Upper end of its confidence interval")
    change: Mapped[float | None] = col("difference less that of the first load, in points; null at the first load")
    change_low: Mapped[float | None] = col("Lower end of its confidence interval; null below three villages")
    change_high: Mapped[float | None] = col("Upper end of its confidence interval")
    confidence: Mapped[float] = col("Confidence of the intervals, 0-1")
    caution: Mapped[str] = col("What the comparison does not prove, in Indonesian and English")
