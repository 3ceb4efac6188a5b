"""Tables of the warehouse, with the meaning of every column. Alembic's migrations and staging are made from them.

Schemas: `core` dimensions and facts, `mart` what analysts read, `open` publishable aggregates, `ops` runs, checks and
quarantine without personal values, `vault` the key map, `service` action lists by name. Views stand in the
migrations. The tables of the linkage, the programme, privacy and `open` have modules of their own.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from kampungkb.warehouse import linkage_models, open_models, privacy_models, programme_models
from kampungkb.warehouse.base import SCHEMAS, Base
from kampungkb.warehouse.base import col as _col
from kampungkb.warehouse.base import key as _key
from kampungkb.warehouse.base import within as _in

__all__ = ["SCHEMAS", "Base", "linkage_models", "open_models", "privacy_models", "programme_models"]


class _Measures:
    # of a group of families, shared by the three index marts
    stale_sources: Mapped[list[str]] = _col("Sources whose last good snapshot stood in, by id; empty where none")
    families: Mapped[int] = _col("Accepted families, scored or not")
    ketentraman: Mapped[float | None] = _col("Mean over families with a value, 0-100")
    kemandirian: Mapped[float | None] = _col("Mean over families with a value, 0-100")
    kebahagiaan: Mapped[float | None] = _col("Mean over families with a value, 0-100")
    ibangga: Mapped[float | None] = _col("Mean of the families' index, 0-100; null where no family has one")
    category: Mapped[str | None] = _col("rentan (< 40), berkembang (40-70), tangguh (> 70) by the index")
    rentan: Mapped[int] = _col("Families below 40")
    berkembang: Mapped[int] = _col("Families from 40 to 70")
    tangguh: Mapped[int] = _col("Families above 70")


class DimRegion(Base):
    """Administrative regions of the reference."""

    __tablename__ = "dim_region"
    __table_args__ = (_in("core", "Region reference, one row a region; as of the latest load"),)

    code: Mapped[str] = _key("Code without dots: 2 digits province, 4 regency, 6 district, 10 village")
    name: Mapped[str] = _col("Name")
    level: Mapped[str] = _col("Kind of region, as the reference writes it")
    parent: Mapped[str | None] = _col("Code of the region above")
    valid_from: Mapped[date | None] = _col("First day of validity; null where open")
    valid_to: Mapped[date | None] = _col("Last day of validity; null where open")
    successor_code: Mapped[str | None] = _col("Region that took its place")


class KampungKb(Base):
    """The Kampung KB register."""

    __tablename__ = "kampung_kb"
    __table_args__ = (_in("core", "Kampung KB register, one row a village and membership; as of the latest load"),)

    village_code: Mapped[str] = _key("Village code, 10 digits")
    valid_from: Mapped[date] = _key("First day as Kampung KB; 0001-01-01 where the register leaves it open")
    valid_to: Mapped[date | None] = _col("Last day as Kampung KB; null where it still is")
    successor_code: Mapped[str | None] = _col("Village that took its place")


class DimIndicator(Base):
    """Indicators of the methodology."""

    __tablename__ = "dim_indicator"
    __table_args__ = (_in("core", "Indicators of the methodology, one row an indicator; as of the latest load"),)

    indicator: Mapped[str] = _key("Id of the indicator")
    methodology: Mapped[str] = _col("Version of the methodology")
    position: Mapped[int] = _col("Place in family_score.states, from 1")
    dimension: Mapped[str] = _col("ketentraman, kemandirian or kebahagiaan")
    in_index: Mapped[bool] = _col("Counts in the iBangga index")
    sector: Mapped[str] = _col("Sector to which an unmet indicator is a need")
    function: Mapped[str] = _col("Family function it belongs to")
    evidence_source: Mapped[str | None] = _col("Source whose linked records answer it; null where only the survey does")


class _Scores:
    # of a family on a basis, shared by the latest scores and their history
    village_code: Mapped[str] = _col("Village code, 10 digits")
    members: Mapped[int] = _col("Accepted members")
    ketentraman: Mapped[float | None] = _col("100 x achieved / applicable; null where none applies")
    kemandirian: Mapped[float | None] = _col("100 x achieved / applicable; null where none applies")
    kebahagiaan: Mapped[float | None] = _col("100 x achieved / applicable; null where none applies")
    ibangga: Mapped[float | None] = _col("Mean of the three dimensions; null where one is null")
    category: Mapped[str | None] = _col("rentan (< 40), berkembang (40-70), tangguh (> 70)")
    states: Mapped[str] = _col("One character an indicator by position: 1 achieved, 0 not, - not applicable or missing")
    provenances: Mapped[str] = _col(
        "One character an indicator: s survey, r civil_registry, i health_insurance, x mixed, "
        "n not_applicable, m missing"
    )
    evidence: Mapped[str] = _col(
        "What linked records say alone, one character an indicator: 1 achieved, 0 not, n not applicable, m nothing or "
        "not enough, - no source beside the survey; the same on both bases"
    )


class FamilyScore(_Scores, Base):
    """Scores and packed indicators of the families."""

    __tablename__ = "family_score"
    __table_args__ = (
        Index(None, "village_code"),
        _in("core", "Scores and packed indicators, one row a family and basis; as of the latest load"),
    )

    family_key: Mapped[str] = _key("Pseudonym of the family")
    basis: Mapped[str] = _key("survey: the form's answers; integrated: linked evidence decides where it speaks")


class FactFamilyScore(_Scores, Base):
    """History of the families' scores."""

    __tablename__ = "fact_family_score"
    __table_args__ = (
        CheckConstraint("valid_from < valid_to", name="fact_family_score_validity_check"),
        Index(None, "valid_to"),
        Index(None, "valid_from"),
        _in(
            "core",
            "History of scores and packed indicators, one row a family, basis and spell; a new row only on change",
        ),
    )

    family_key: Mapped[str] = _key("Pseudonym of the family")
    basis: Mapped[str] = _key("survey: the form's answers; integrated: linked evidence decides where it speaks")
    valid_from: Mapped[date] = _key("as_of of the first load of the spell")
    valid_to: Mapped[date | None] = _col(
        "as_of of the first load after it that says otherwise or lacks the family; null where it is the latest"
    )
    methodology: Mapped[str] = _col("Version of the methodology, which gives states their order")


class VillageIndex(_Measures, Base):
    """The index of the villages."""

    __tablename__ = "village_index"
    __table_args__ = (_in("mart", "iBangga index, one row a village, basis and as_of"),)

    as_of: Mapped[date] = _key("Date of the load")
    village_code: Mapped[str] = _key("Village code, 10 digits")
    village: Mapped[str] = _col("Name of the village")
    district: Mapped[str | None] = _col("Name of the district")
    kampung_kb: Mapped[bool] = _col("Is a Kampung KB on as_of")
    basis: Mapped[str] = _key("survey or integrated")


class DistrictIndex(_Measures, Base):
    """The index of the districts."""

    __tablename__ = "district_index"
    __table_args__ = (_in("mart", "iBangga index, one row a district, basis and as_of; means over families"),)

    as_of: Mapped[date] = _key("Date of the load")
    district_code: Mapped[str] = _key("District code, 6 digits")
    district: Mapped[str] = _col("Name of the district")
    basis: Mapped[str] = _key("survey or integrated")


class RegencyIndex(_Measures, Base):
    """The index of the regencies."""

    __tablename__ = "regency_index"
    __table_args__ = (_in("mart", "iBangga index, one row a regency, basis and as_of; means over families"),)

    as_of: Mapped[date] = _key("Date of the load")
    regency_code: Mapped[str] = _key("Regency code, 4 digits")
    regency: Mapped[str] = _col("Name of the regency")
    basis: Mapped[str] = _key("survey or integrated")


class IndicatorCoverage(Base):
    """How many families achieve an indicator."""

    __tablename__ = "indicator_coverage"
    __table_args__ = (
        _in("mart", "Coverage of an indicator, one row a village, indicator and basis; as of the latest load"),
    )

    village_code: Mapped[str] = _key("Village code, 10 digits")
    indicator: Mapped[str] = _key("Id of the indicator")
    basis: Mapped[str] = _key("survey or integrated")
    applicable: Mapped[int] = _col("Families to which it applies and whose answer is known")
    achieved: Mapped[int] = _col("Families among them that achieve it")
    share: Mapped[float | None] = _col("achieved / applicable, 0-1; null where none applies")


class DataQuality(Base):
    """Data-quality scores."""

    __tablename__ = "data_quality"
    __table_args__ = (_in("mart", "Data-quality score, one row an as_of, source, village and dimension"),)

    as_of: Mapped[date] = _key("Date of the load")
    source: Mapped[str] = _key("family_survey, civil_registry or health_insurance")
    village_code: Mapped[str] = _key("Village code, or `unknown`")
    dimension: Mapped[str] = _key("ISO/IEC 25012 dimension, or `overall`: the mean of the dimensions present")
    score: Mapped[float] = _col("100 x weighted passed / weighted checked; weights critical 4, warning 2, info 1")
    checked: Mapped[int] = _col("Row-checks, unweighted")
    failed: Mapped[int] = _col("Failed row-checks, unweighted")


class LoadRun(Base):
    """Published runs."""

    __tablename__ = "load_run"
    __table_args__ = (_in("ops", "Published loads, one row a run; a failed run publishes nothing"),)

    run_id: Mapped[str] = _key("Id of the run")
    as_of: Mapped[date] = _col("Date for which it loaded")
    status: Mapped[str] = _col("success: published as a whole")
    stale_sources: Mapped[list[str]] = _col("Sources whose last good snapshot stood in")
    started_at: Mapped[datetime] = _col("Start of the run")
    finished_at: Mapped[datetime] = _col("Time of publication")
    counts: Mapped[dict[str, Any]] = _col(
        "By source: tables and total (read, accepted, rejected, nulled), files_rejected, parsed, records, linked, "
        "snapshot, last_change, stale, reason"
    )


class CheckResult(Base):
    """Results of the rules."""

    __tablename__ = "check_result"
    __table_args__ = (_in("ops", "Results of the rules, one row a run, source, rule and village"),)

    run_id: Mapped[str] = _key("Id of the run")
    source: Mapped[str] = _key("family_survey, civil_registry or health_insurance")
    rule: Mapped[str] = _key("Id of the rule, such as F01")
    village_code: Mapped[str] = _key("Village code, or `unknown`")
    dimension: Mapped[str] = _col("ISO/IEC 25012 dimension")
    severity: Mapped[str] = _col("critical, warning or info")
    checked: Mapped[int] = _col("Row-checks")
    failed: Mapped[int] = _col("Failed row-checks")


class GateResult(Base):
    """Gates on the deliveries."""

    __tablename__ = "gate_result"
    __table_args__ = (
        _in("ops", "What the gates found in a delivery and what was decided, one row a run, source, gate and subject"),
    )

    run_id: Mapped[str] = _key("Id of the run")
    source: Mapped[str] = _key("family_survey, civil_registry or health_insurance")
    gate: Mapped[str] = _key("drift, volume, rejected, distribution or villages")
    subject: Mapped[str] = _key("Table or column that was measured; share or rise for rejected rows")
    as_of: Mapped[date] = _col("Date of the load")
    snapshot: Mapped[str] = _col("Id of the delivery, whether it was used or held back")
    level: Mapped[str] = _col("open, suspicious or closed")
    report_only: Mapped[bool] = _col("The level had no effect, for want of history")
    measured: Mapped[float | None] = _col(
        "Rows (volume), share 0-1 (rejected, villages, drift: of the workbooks), PSI (distribution)"
    )
    usual: Mapped[float | None] = _col("What it was compared with; null where the limits are absolute")
    suspicious_limit: Mapped[str | None] = _col("Where it becomes suspicious; null where never")
    closed_limit: Mapped[str | None] = _col("Where it closes; null where never")
    loads: Mapped[int] = _col("Earlier published loads it was compared with; 0 where it needs none")
    reason: Mapped[str] = _col("The figures in words")
    decision: Mapped[str | None] = _col("accepted or held_back; null where the gate is open or only reports")
    decided_by: Mapped[str | None] = _col("User, `gate` (a closed gate), or `default` (nobody answered or was asked)")
    by_default: Mapped[bool | None] = _col("Nobody answered in time, or nobody could be asked")
    decided_at: Mapped[datetime | None] = _col("When it was decided; a run again keeps the decision")


class Quarantine(Base):
    """Rejected rows and nulled values."""

    __tablename__ = "quarantine"
    __table_args__ = (
        Index(None, "source", "source_table", "row_key"),
        _in("ops", "Rejected rows and nulled values, one row a row (or value) and rule; as of the latest load"),
    )
    __mapper_args__ = {"primary_key": ["run_id", "source", "source_table", "row_key", "rule", "column_name"]}  # noqa: RUF012

    run_id: Mapped[str] = _col("Id of the latest load")
    source: Mapped[str] = _col("family_survey, civil_registry or health_insurance")
    source_table: Mapped[str] = _col("Table of the contract")
    row_key: Mapped[str] = _col("Keyed pseudonym of the source row")
    village_code: Mapped[str | None] = _col("Village code, or `unknown`")
    rule: Mapped[str] = _col("Id of the rule, such as F01")
    action: Mapped[str] = _col("row: rejected; value: nulled; file: a whole workbook")
    column_name: Mapped[str | None] = _col("Column that breaks the rule; null where it is the row")
    reason: Mapped[str | None] = _col("What is wrong, without the value")
    file: Mapped[str | None] = _col("Workbook, relative to the folder")
    sheet: Mapped[str | None] = _col("Sheet")
    row_number: Mapped[int | None] = _col("Row as the spreadsheet shows it")


class QuarantineHistory(Base):
    """When each problem was seen and resolved."""

    __tablename__ = "quarantine_history"
    __table_args__ = (
        CheckConstraint("first_seen <= last_seen", name="quarantine_history_seen_check"),
        CheckConstraint("last_seen < resolved_on", name="quarantine_history_resolved_check"),
        Index(None, "resolved_on"),
        _in(
            "core",
            "What stood in quarantine and when, one row a problem and spell; a problem that returns begins a new one",
        ),
    )

    source: Mapped[str] = _key("family_survey, civil_registry or health_insurance")
    source_table: Mapped[str] = _key("Table of the contract")
    row_key: Mapped[str] = _key("Keyed pseudonym of the source row")
    rule: Mapped[str] = _key("Id of the rule, such as F01")
    column_name: Mapped[str] = _key("Column that breaks the rule; empty where it is the row")
    first_seen: Mapped[date] = _key("as_of of the first load that saw the problem")
    last_seen: Mapped[date] = _col("as_of of the last load that saw it, without a gap")
    resolved_on: Mapped[date | None] = _col(
        "as_of of the first load after that in which it was gone; null while it is open"
    )
    village_code: Mapped[str | None] = _col("Village code when last seen, or `unknown`")
    action: Mapped[str] = _col("row: rejected; value: nulled; file: a whole workbook")


class PersonLink(Base):
    """Person keys of source records."""

    __tablename__ = "person_link"
    __table_args__ = (
        Index(None, "person_key"),
        _in("vault", "Crosswalk, one row an accepted person record of a source; as of the latest load"),
    )

    source: Mapped[str] = _key("family_survey, civil_registry or health_insurance")
    source_key: Mapped[str] = _key("KODE_KELUARGA-NO_URUT, nik or noKartu")
    person_key: Mapped[str] = _col("Key of the person, the same from night to night")
    match_rule: Mapped[str] = _col("Rule that linked it; single where it is alone")
    match_probability: Mapped[float | None] = _col("0-1")
    linked_since: Mapped[date | None] = _col("as_of of the first load with this link")
    model_version: Mapped[str | None] = _col("Version of the model that decided; null where an exact rule did")


class FamilyLink(Base):
    """Keys of families."""

    __tablename__ = "family_link"
    __table_args__ = (_in("vault", "Crosswalk, one row an accepted family; as of the latest load"),)

    source_key: Mapped[str] = _key("KODE_KELUARGA")
    family_key: Mapped[str] = mapped_column(unique=True, comment="Pseudonym of the family")
