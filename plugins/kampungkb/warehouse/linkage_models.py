"""Tables of the linkage: what changed in the crosswalk, pairs for review, the stewards' decisions, duplicates.

They stand in `vault`, for they hold source keys and identity facts; only counts leave it.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from kampungkb.warehouse.base import Base, col, key, within


class PersonLinkHistory(Base):
    """Every change of the crosswalk."""

    __tablename__ = "person_link_history"
    __table_args__ = (
        CheckConstraint(
            "event in ('appeared', 'returned', 'vanished', 'linked', 'merged', 'split', 'moved')",
            name="person_link_history_event_check",
        ),
        Index(None, "old_person_key"),
        Index(None, "as_of"),
        within("vault", "Changes of the crosswalk, one row a person record and load that changed its link"),
    )

    source: Mapped[str] = key("family_survey, civil_registry or health_insurance")
    source_key: Mapped[str] = key("KODE_KELUARGA-NO_URUT, nik or noKartu")
    as_of: Mapped[date] = key("Date of the load")
    run_id: Mapped[str] = col("Run that published the change first")
    event: Mapped[str] = col(
        "appeared: seen for the first time; returned: seen again; vanished: in no source any more; "
        "linked: same key by another rule; merged: its whole person went on under another key; "
        "split: its person was divided and this part has a new key; moved: it went to another known person"
    )
    old_person_key: Mapped[str | None] = col("Key before; null where it appeared")
    person_key: Mapped[str | None] = col("Key since; null where it vanished")
    match_rule: Mapped[str | None] = col("Rule that links it since; null where it vanished")
    match_probability: Mapped[float | None] = col("0-1")
    model_version: Mapped[str | None] = col("Version of the model that decided; null where an exact rule did")


class MatchPair(Base):
    """Pairs that a steward has to look at, or has decided."""

    __tablename__ = "match_pair"
    __table_args__ = (
        Index(None, "left_source", "left_key", "right_source", "right_key"),
        within("vault", "Pairs of person records for review with what is compared; read vault.match_review"),
    )

    review_key: Mapped[str] = key("Keyed pseudonym of the pair; its beginning is enough for `kampungkb review`")
    left_source: Mapped[str] = col("Source of the first record")
    left_key: Mapped[str] = col("Its key in the source")
    left_nik: Mapped[str | None] = col("Its NIK")
    left_name: Mapped[str | None] = col("Its name as written")
    left_birth_date: Mapped[date | None] = col("Its birth date")
    left_sex: Mapped[int | None] = col("1 male, 2 female")
    left_village_code: Mapped[str | None] = col("Its village code, 10 digits")
    left_family_code: Mapped[str | None] = col("KODE_KELUARGA of a survey record")
    left_family_card: Mapped[str | None] = col("Number of its family card")
    left_mother_name: Mapped[str | None] = col("Name of the mother")
    right_source: Mapped[str] = col("Source of the second record")
    right_key: Mapped[str] = col("Its key in the source")
    right_nik: Mapped[str | None] = col("Its NIK")
    right_name: Mapped[str | None] = col("Its name as written")
    right_birth_date: Mapped[date | None] = col("Its birth date")
    right_sex: Mapped[int | None] = col("1 male, 2 female")
    right_village_code: Mapped[str | None] = col("Its village code, 10 digits")
    right_family_code: Mapped[str | None] = col("KODE_KELUARGA of a survey record")
    right_family_card: Mapped[str | None] = col("Number of its family card")
    right_mother_name: Mapped[str | None] = col("Name of the mother")
    probability: Mapped[float | None] = col("Probability that they are one person, 0-1; null where not compared")
    match_weight: Mapped[float | None] = col("log2 of the odds that they are one person")
    model_version: Mapped[str | None] = col("Version of the model that compared them")
    comparison: Mapped[dict[str, Any]] = col(
        "List of what was compared: comparison, title, level, label, weight (log2 of the Bayes factor)"
    )
    linked: Mapped[bool] = col("They are one person in the crosswalk")
    doubt: Mapped[str | None] = col(
        "between_thresholds: the probability is too high to reject and too low to accept; conflict: it is high, "
        "but the link would contradict another one; null where the latest load has no doubt"
    )
    first_seen: Mapped[date] = col("as_of of the first load that listed the pair")
    last_seen: Mapped[date | None] = col(
        "as_of of the last load that listed it; null while it is listed: the latest load"
    )


class MatchDecision(Base):
    """Decisions of stewards; rows are added and never changed."""

    __tablename__ = "match_decision"
    __table_args__ = (
        CheckConstraint("decision in ('same', 'different', 'unsure', 'undone')", name="match_decision_decision_check"),
        Index(None, "left_source", "left_key", "right_source", "right_key"),
        within("vault", "Decisions on pairs of person records, one row a decision; the last of a pair is in force"),
    )

    decision_id: Mapped[int] = mapped_column(
        Identity(always=True), primary_key=True, comment="Number of the decision, in the order of time"
    )
    left_source: Mapped[str] = col("Source of the first record")
    left_key: Mapped[str] = col("Its key in the source")
    right_source: Mapped[str] = col("Source of the second record")
    right_key: Mapped[str] = col("Its key in the source")
    decision: Mapped[str] = col("same, different, unsure, or undone: the one before is taken back")
    decided_by: Mapped[str] = col("Who decided")
    decided_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When")
    reason: Mapped[str] = col("Why, in the steward's words")


class DuplicateRecord(Base):
    """Records of persons whom one source holds more than once."""

    __tablename__ = "duplicate_record"
    __table_args__ = (
        Index(None, "person_key"),
        within("vault", "Persons that one source holds twice, one row a record to clean; as of the latest load"),
    )

    source: Mapped[str] = key("family_survey, civil_registry or health_insurance")
    source_key: Mapped[str] = key("KODE_KELUARGA-NO_URUT, nik or noKartu")
    kind: Mapped[str] = col(
        "surveyed_in_two_families, listed_twice_in_family, several_registry_records or several_active_cards"
    )
    person_key: Mapped[str] = col("Key of the person")
    records: Mapped[int] = col("Records of this kind that the person has in the source")
    nik: Mapped[str | None] = col("NIK")
    name: Mapped[str | None] = col("Name as written")
    birth_date: Mapped[date | None] = col("Birth date")
    sex: Mapped[int | None] = col("1 male, 2 female")
    village_code: Mapped[str | None] = col("Village code, 10 digits")
    family_code: Mapped[str | None] = col("KODE_KELUARGA of a survey record")
    family_card: Mapped[str | None] = col("Number of its family card")


class DuplicateCount(Base):
    """How many persons a source holds twice."""

    __tablename__ = "duplicate_count"
    __table_args__ = (
        within("mart", "Records to clean, one row a village, source and kind with any; as of the latest load"),
    )

    village_code: Mapped[str] = key("Village code of the record, or `unknown`")
    source: Mapped[str] = key("family_survey, civil_registry or health_insurance")
    kind: Mapped[str] = key(
        "surveyed_in_two_families, listed_twice_in_family, several_registry_records or several_active_cards"
    )
    persons: Mapped[int] = col("Persons with such a record in the village")
    records: Mapped[int] = col("Their records in the village")
