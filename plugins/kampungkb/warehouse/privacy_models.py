"""Tables of privacy: who may see which region, who has read personal data, where to find a family, who was erased."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from kampungkb.warehouse.base import Base, col, key, within


class RoleRegion(Base):
    """The regions that a village, district or regency office may see."""

    __tablename__ = "role_region"
    __table_args__ = (
        CheckConstraint("region_code ~ '^([0-9]{2}){1,3}([0-9]{4})?$'", name="role_region_region_code_check"),
        within(
            "core", "Regions that a member of kkb_village may see, one row a role and region; kept by administrators"
        ),
    )

    role_name: Mapped[str] = key("Name of the login role")
    region_code: Mapped[str] = key("Region without dots; everything within it is visible")


class AccessLog(Base):
    """Reads of personal data."""

    __tablename__ = "access_log"
    __table_args__ = (
        within("ops", "Reads of vault and service, one row a statement and table; for the controller only"),
    )

    access_id: Mapped[int] = mapped_column(
        Identity(always=True), primary_key=True, comment="Number of the read, in the order of time"
    )
    accessed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), comment="When")
    login: Mapped[str] = col("Role that logged in")
    role: Mapped[str] = col("Role in whose name it read (set role), else the login")
    subject: Mapped[str] = col("Table that was read")
    purpose: Mapped[str | None] = col("What the reader stated by: set kampungkb.purpose = '…'; null where nothing")
    application: Mapped[str | None] = col("Name that the program gave itself")
    client: Mapped[str | None] = col("Network address of the reader; null on a local socket")


class FamilyContact(Base):
    """Where to find a family."""

    __tablename__ = "family_contact"
    __table_args__ = (
        Index(None, "village_code"),
        within("service", "Names and addresses of accepted families, one row a family; as of the latest load"),
    )

    family_key: Mapped[str] = key("Pseudonym of the family")
    village_code: Mapped[str] = col("Village code, 10 digits")
    family_code: Mapped[str] = col("KODE_KELUARGA")
    head_name: Mapped[str | None] = col("Name of the head, else of the first member; null where none is accepted")
    rt: Mapped[str | None] = col("RT")
    rw: Mapped[str | None] = col("RW")
    address: Mapped[str | None] = col("Address")


class RetentionRun(Base):
    """What retention has deleted."""

    __tablename__ = "retention_run"
    __table_args__ = (within("ops", "What was deleted because its time was over, one row a retention run and subject"),)

    started_at: Mapped[datetime] = key("Start of the retention run")
    subject: Mapped[str] = key("Kind of folder (landing/<source>, accepted, persons, scores, runs) or table")
    as_of: Mapped[date] = col("Day from which the limits were counted")
    before: Mapped[date] = col("First day that was kept")
    deleted: Mapped[int] = col("Folders, files or rows deleted")


class Erasure(Base):
    """Persons erased on request."""

    __tablename__ = "erasure"
    __table_args__ = (within("ops", "Erasures of a person, one row a request; nothing in it says who the person was"),)

    erasure_id: Mapped[int] = mapped_column(
        Identity(always=True), primary_key=True, comment="Number of the erasure, in the order of time"
    )
    requested_by: Mapped[str] = col("Who ordered it")
    reason: Mapped[str] = col("Why, in their words, without the person")
    requested_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), comment="When it began")
    finished_at: Mapped[datetime | None] = col("When it was done; null while it must be resumed")
    counts: Mapped[dict[str, Any] | None] = col("Rows deleted or cleared by kind of file and table; null until done")


class ErasureSubject(Base):
    """What an unfinished erasure looks for."""

    __tablename__ = "erasure_subject"
    __table_args__ = (within("vault", "Values that name the person of an unfinished erasure; none once it is done"),)

    erasure_id: Mapped[int] = key("Number of the erasure")
    kind: Mapped[str] = key("Kind of the value, as include/reference/person_traces.yaml names it")
    value: Mapped[str] = key("Value")


class KeyRotation(Base):
    """Changes of the pseudonym key."""

    __tablename__ = "key_rotation"
    __table_args__ = (
        within("vault", "Rotations of the pseudonym key, one row a rotation; the latest says which key is in force"),
    )

    rotation_id: Mapped[str] = key("Number of the rotation, random")
    rotated_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), comment="When")
    requested_by: Mapped[str] = col("Who ordered it")
    reason: Mapped[str] = col("Why, in their words")
    key_check: Mapped[str] = col("Check of the key in force since")
    earlier_keys: Mapped[str] = col("The keys before it, encrypted under the key in force since")
    counts: Mapped[dict[str, Any]] = col("Rows whose pseudonyms were renamed, by kind of file and table")


class Blocked(Base):
    """Erased persons that must not come back."""

    __tablename__ = "blocked"
    __table_args__ = (
        within("vault", "Keyed digests of what named erased persons in the sources; such rows are not landed"),
    )

    digest: Mapped[str] = key("Keyed pseudonym of a kind and a value")
    key_check: Mapped[str] = col("Check of the key it was made with")
    blocked_on: Mapped[date] = col("Day of the erasure")
