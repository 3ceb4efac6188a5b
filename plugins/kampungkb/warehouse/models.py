"""Tables of the warehouse, with the meaning of every column. Alembic's migrations and staging are made from them.

Schemas: `core` dimensions and facts, `mart` what analysts read, `open` publishable aggregates, `ops` runs, checks and
quarantine without personal values, `vault` the key map, `service` action lists by name. Views stand in the
migrations. The tables of the dimensions with history, the linkage, the programme, privacy and `open` have modules of
their own.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from kampungkb.warehouse import dimension_models, linkage_models, open_models, privacy_models, programme_models
from kampungkb.warehouse.base import SCHEMAS, Base, col, key, within

__all__ = [
    "SCHEMAS",
    "Base",
    "dimension_models",
    "linkage_models",
    "open_models",
    "privacy_models",
    "programme_models",
]


class _Measures:
    # of a group of families, shared by the three index marts
    stale_sources: Mapped[list[str]] = col("Sources whose last good snapshot stood in, by id; empty where none")
    families: Mapped[int] = col("Accepted families, scored or not")
    ketentraman: Mapped[float | None] = col("Mean over families with a value, 0-100")
    kemandirian: Mapped[float | None] = col("Mean over families with a value, 0-100")
    kebahagiaan: Mapped[float | None] = col("Mean over families with a value, 0-100")
    ibangga: Mapped[float | None] = col("Mean of the families' index, 0-100; null where no family has one")
    category: Mapped[str | None] = col("rentan (< 40), berkembang (40-70), tangguh (> 70) by the index")
    rentan: Mapped[int] = col("Families below 40")
    berkembang: Mapped[int] = col("Families from 40 to 70")
    tangguh: Mapped[int] = col("Families above 70")


class DimRegion(Base):
    """Administrative regions of the reference."""

    __tablename__ = "dim_region"
    __table_args__ = (within("core", "Region reference, one row a region; as of the latest load"),)

    code: Mapped[str] = key("Code without dots: 2 digits province, 4 regency, 6 district, 10 village")
    name: Mapped[str] = col("Name")
    level: Mapped[str] = col("Kind of region, as the reference writes it")
    parent: Mapped[str | None] = col("Code of the region above")
    valid_from: Mapped[date | None] = col("First day of validity; null where open")
    valid_to: Mapped[date | None] = col("Last day of validity; null where open")
    successor_code: Mapped[str | None] = col("Region that took its place")


class KampungKb(Base):
    """The Kampung KB register."""

    __tablename__ = "kampung_kb"
    __table_args__ = (within("core", "Kampung KB register, one row a village and membership; as of the latest load"),)

    village_code: Mapped[str] = key("Village code, 10 digits")
    valid_from: Mapped[date] = key("First day as Kampung KB; 0001-01-01 where the register leaves it open")
    valid_to: Mapped[date | None] = col("Last day as Kampung KB; null where it still is")
    successor_code: Mapped[str | None] = col("Village that took its place")


class DimIndicator(Base):
    """Indicators of the methodology."""

    __tablename__ = "dim_indicator"
    __table_args__ = (within("core", "Indicators of the methodology, one row an indicator; as of the latest load"),)

    indicator: Mapped[str] = key("Id of the indicator")
    methodology: Mapped[str] = col("Version of the methodology")
    position: Mapped[int] = col("Place in family_score.states, from 1")
    dimension: Mapped[str] = col("ketentraman, kemandirian or kebahagiaan")
    in_index: Mapped[bool] = col("Counts in the iBangga index")
    sector: Mapped[str] = col("Sector to which an unmet indicator is a need")
    function: Mapped[str] = col("Family function it belongs to")
    evidence_source: Mapped[str | None] = col("Source whose linked records answer it; null where only the survey does")


class _Scores:
    # of a family on a basis, shared by the latest scores and their history
    village_code: Mapped[str] = col("Village code, 10 digits")
    members: Mapped[int] = col("Accepted members")
    ketentraman: Mapped[float | None] = col("100 x achieved / applicable; null where none applies")
    kemandirian: Mapped[float | None] = col("100 x achieved / applicable; null where none applies")
    kebahagiaan: Mapped[float | None] = col("100 x achieved / applicable; null where none applies")
    ibangga: Mapped[float | None] = col("Mean of the three dimensions; null where one is null")
    category: Mapped[str | None] = col("rentan (< 40), berkembang (40-70), tangguh (> 70)")
    states: Mapped[str] = col("One character an indicator by position: 1 achieved, 0 not, - not applicable or missing")
    provenances: Mapped[str] = col(
        "One character an indicator: s survey, r civil_registry, i health_insurance, x mixed, "
        "n not_applicable, m missing"
    )
    evidence: Mapped[str] = col(
        "What linked records say alone, one character an indicator: 1 achieved, 0 not, n not applicable, m nothing or "
        "not enough, - no source beside the survey; the same on both bases"
    )


class FamilyScore(_Scores, Base):
    """Scores and packed indicators of the families."""

    __tablename__ = "family_score"
    __table_args__ = (
        Index(None, "village_code"),
        within("core", "Scores and packed indicators, one row a family and basis; as of the latest load"),
    )

    family_key: Mapped[str] = key("Pseudonym of the family")
    basis: Mapped[str] = key("survey: the form's answers; integrated: linked evidence decides where it speaks")


class FactFamilyScore(_Scores, Base):
    """History of the families' scores."""

    __tablename__ = "fact_family_score"
    __table_args__ = (
        CheckConstraint("valid_from < valid_to", name="fact_family_score_validity_check"),
        Index(None, "valid_to"),
        Index(None, "valid_from"),
        within(
            "core",
            "History of scores and packed indicators, one row a family, basis and spell; a new row only on change",
        ),
    )

    family_key: Mapped[str] = key("Pseudonym of the family")
    basis: Mapped[str] = key("survey: the form's answers; integrated: linked evidence decides where it speaks")
    valid_from: Mapped[date] = key("as_of of the first load of the spell")
    valid_to: Mapped[date | None] = col(
        "as_of of the first load after it that says otherwise or lacks the family; null where it is the latest"
    )
    methodology: Mapped[str] = col("Version of the methodology, which gives states their order")


class VillageIndex(_Measures, Base):
    """The index of the villages."""

    __tablename__ = "village_index"
    __table_args__ = (within("mart", "iBangga index, one row a village, basis and as_of"),)

    as_of: Mapped[date] = key("Date of the load")
    village_code: Mapped[str] = key("Village code, 10 digits")
    village: Mapped[str] = col("Name of the village")
    district: Mapped[str | None] = col("Name of the district")
    kampung_kb: Mapped[bool] = col("Is a Kampung KB on as_of")
    basis: Mapped[str] = key("survey or integrated")


class DistrictIndex(_Measures, Base):
    """The index of the districts."""

    __tablename__ = "district_index"
    __table_args__ = (within("mart", "iBangga index, one row a district, basis and as_of; means over families"),)

    as_of: Mapped[date] = key("Date of the load")
    district_code: Mapped[str] = key("District code, 6 digits")
    district: Mapped[str] = col("Name of the district")
    basis: Mapped[str] = key("survey or integrated")


class RegencyIndex(_Measures, Base):
    """The index of the regencies."""

    __tablename__ = "regency_index"
    __table_args__ = (within("mart", "iBangga index, one row a regency, basis and as_of; means over families"),)

    as_of: Mapped[date] = key("Date of the load")
    regency_code: Mapped[str] = key("Regency code, 4 digits")
    regency: Mapped[str] = col("Name of the regency")
    basis: Mapped[str] = key("survey or integrated")


class IndicatorCoverage(Base):
    """How many families achieve an indicator."""

    __tablename__ = "indicator_coverage"
    __table_args__ = (
        within("mart", "Coverage of an indicator, one row a village, indicator and basis; as of the latest load"),
    )

    village_code: Mapped[str] = key("Village code, 10 digits")
    indicator: Mapped[str] = key("Id of the indicator")
    basis: Mapped[str] = key("survey or integrated")
    applicable: Mapped[int] = col("Families to which it applies and whose answer is known")
    achieved: Mapped[int] = col("Families among them that achieve it")
    share: Mapped[float | None] = col("achieved / applicable, 0-1; null where none applies")


class DataQuality(Base):
    """Data-quality scores."""

    __tablename__ = "data_quality"
    __table_args__ = (within("mart", "Data-quality score, one row an as_of, source, village and dimension"),)

    as_of: Mapped[date] = key("Date of the load")
    source: Mapped[str] = key("family_survey, civil_registry or health_insurance")
    village_code: Mapped[str] = key("Village code, or `unknown`")
    dimension: Mapped[str] = key("ISO/IEC 25012 dimension, or `overall`: the mean of the dimensions present")
    score: Mapped[float] = col("100 x weighted passed / weighted checked; weights critical 4, warning 2, info 1")
    checked: Mapped[int] = col("Row-checks, unweighted")
    failed: Mapped[int] = col("Failed row-checks, unweighted")


class LoadRun(Base):
    """Published runs."""

    __tablename__ = "load_run"
    __table_args__ = (within("ops", "Published loads, one row a run; a failed run publishes nothing"),)

    run_id: Mapped[str] = key("Id of the run")
    as_of: Mapped[date] = col("Date for which it loaded")
    status: Mapped[str] = col("success: published as a whole")
    stale_sources: Mapped[list[str]] = col("Sources whose last good snapshot stood in")
    started_at: Mapped[datetime] = col("Start of the run")
    finished_at: Mapped[datetime] = col("Time of publication")
    counts: Mapped[dict[str, Any]] = col(
        "By source: tables and total (read, accepted, rejected, nulled), files_rejected, parsed, records, linked, "
        "snapshot, last_change, stale, reason"
    )


class PublishedContent(Base):
    """What the latest load was published from."""

    __tablename__ = "published_content"
    __table_args__ = (
        within("ops", "What the latest load was published from, one row a staged table; the next load skips its like"),
    )

    content: Mapped[str] = key("Staged table, or `program`: what published it")
    digest: Mapped[str] = col("Digest of its rows, whatever their order")


class CheckResult(Base):
    """Results of the rules."""

    __tablename__ = "check_result"
    __table_args__ = (within("ops", "Results of the rules, one row a run, source, rule and village"),)

    run_id: Mapped[str] = key("Id of the run")
    source: Mapped[str] = key("family_survey, civil_registry or health_insurance")
    rule: Mapped[str] = key("Id of the rule, such as F01")
    village_code: Mapped[str] = key("Village code, or `unknown`")
    dimension: Mapped[str] = col("ISO/IEC 25012 dimension")
    severity: Mapped[str] = col("critical, warning or info")
    checked: Mapped[int] = col("Row-checks")
    failed: Mapped[int] = col("Failed row-checks")


class GateResult(Base):
    """Gates on the deliveries."""

    __tablename__ = "gate_result"
    __table_args__ = (
        within(
            "ops", "What the gates found in a delivery and what was decided, one row a run, source, gate and subject"
        ),
    )

    run_id: Mapped[str] = key("Id of the run")
    source: Mapped[str] = key("family_survey, civil_registry or health_insurance")
    gate: Mapped[str] = key("drift, volume, rejected, distribution or villages")
    subject: Mapped[str] = key("Table or column that was measured; share or rise for rejected rows")
    as_of: Mapped[date] = col("Date of the load")
    snapshot: Mapped[str] = col("Id of the delivery, whether it was used or held back")
    level: Mapped[str] = col("open, suspicious or closed")
    report_only: Mapped[bool] = col("The level had no effect, for want of history")
    measured: Mapped[float | None] = col(
        "Rows (volume), share 0-1 (rejected, villages, drift: of the workbooks), PSI (distribution)"
    )
    usual: Mapped[float | None] = col("What it was compared with; null where the limits are absolute")
    suspicious_limit: Mapped[str | None] = col("Where it becomes suspicious; null where never")
    closed_limit: Mapped[str | None] = col("Where it closes; null where never")
    loads: Mapped[int] = col("Earlier published loads it was compared with; 0 where it needs none")
    reason: Mapped[str] = col("The figures in words")
    decision: Mapped[str | None] = col("accepted or held_back; null where the gate is open or only reports")
    decided_by: Mapped[str | None] = col("User, `gate` (a closed gate), or `default` (nobody answered or was asked)")
    by_default: Mapped[bool | None] = col("Nobody answered in time, or nobody could be asked")
    decided_at: Mapped[datetime | None] = col("When it was decided; a run again keeps the decision")


class QuarantineRow(Base):
    """Rejected rows and nulled values; `ops.quarantine` tells them with the id of the latest load."""

    __tablename__ = "quarantine_row"
    __table_args__ = (
        Index(None, "source", "source_table", "row_key"),
        within("ops", "What ops.quarantine is made of: all but the id of the load"),
    )
    __mapper_args__ = {"primary_key": ["source", "source_table", "row_key", "rule", "column_name"]}  # noqa: RUF012

    source: Mapped[str] = col("family_survey, civil_registry or health_insurance")
    source_table: Mapped[str] = col("Table of the contract")
    row_key: Mapped[str] = col("Keyed pseudonym of the source row")
    village_code: Mapped[str | None] = col("Village code, or `unknown`")
    rule: Mapped[str] = col("Id of the rule, such as F01")
    action: Mapped[str] = col("row: rejected; value: nulled; file: a whole workbook")
    column_name: Mapped[str | None] = col("Column that breaks the rule; null where it is the row")
    reason: Mapped[str | None] = col("What is wrong, without the value")
    file: Mapped[str | None] = col("Workbook, relative to the folder")
    sheet: Mapped[str | None] = col("Sheet")
    row_number: Mapped[int | None] = col("Row as the spreadsheet shows it")


class QuarantineSpell(Base):
    """When each problem was seen and resolved; `core.quarantine_history` tells it with the last day of all."""

    __tablename__ = "quarantine_spell"
    __table_args__ = (
        CheckConstraint("first_seen <= last_seen", name="quarantine_spell_seen_check"),
        CheckConstraint("last_seen < resolved_on", name="quarantine_spell_resolved_check"),
        CheckConstraint("(last_seen is null) = (resolved_on is null)", name="quarantine_spell_open_check"),
        Index(None, "resolved_on"),
        within(
            "core",
            "What core.quarantine_history is made of: the last day stands here only once a problem is resolved",
        ),
    )

    source: Mapped[str] = key("family_survey, civil_registry or health_insurance")
    source_table: Mapped[str] = key("Table of the contract")
    row_key: Mapped[str] = key("Keyed pseudonym of the source row")
    rule: Mapped[str] = key("Id of the rule, such as F01")
    column_name: Mapped[str] = key("Column that breaks the rule; empty where it is the row")
    first_seen: Mapped[date] = key("as_of of the first load that saw the problem")
    last_seen: Mapped[date | None] = col(
        "as_of of the last load that saw it, without a gap; null while it is open: the latest load of its source"
    )
    resolved_on: Mapped[date | None] = col(
        "as_of of the first load after that in which it was gone; null while it is open"
    )
    village_code: Mapped[str | None] = col("Village code when last seen, or `unknown`")
    action: Mapped[str] = col("row: rejected; value: nulled; file: a whole workbook")


class SourceLoad(Base):
    """When each source was loaded last."""

    __tablename__ = "source_load"
    __table_args__ = (within("core", "The latest load that had a source, one row a source"),)

    source: Mapped[str] = key("family_survey, civil_registry or health_insurance")
    as_of: Mapped[date] = col("as_of of the latest load that had it")


class PersonLink(Base):
    """Person keys of source records."""

    __tablename__ = "person_link"
    __table_args__ = (
        Index(None, "person_key"),
        within("vault", "Crosswalk, one row an accepted person record of a source; as of the latest load"),
    )

    source: Mapped[str] = key("family_survey, civil_registry or health_insurance")
    source_key: Mapped[str] = key("KODE_KELUARGA-NO_URUT, nik or noKartu")
    person_key: Mapped[str] = col("Key of the person, the same from night to night")
    match_rule: Mapped[str] = col("Rule that linked it; single where it is alone")
    match_probability: Mapped[float | None] = col("0-1")
    linked_since: Mapped[date | None] = col("as_of of the first load with this link")
    model_version: Mapped[str | None] = col("Version of the model that decided; null where an exact rule did")


class FamilyLink(Base):
    """Keys of families."""

    __tablename__ = "family_link"
    __table_args__ = (within("vault", "Crosswalk, one row an accepted family; as of the latest load"),)

    source_key: Mapped[str] = key("KODE_KELUARGA")
    family_key: Mapped[str] = mapped_column(unique=True, comment="Pseudonym of the family")
