"""Action lists by name as workbooks, one a village and sector, for those allowed.

What comes in: a connection whose role bounds what it may see, and a purpose, which is recorded before anything is read.
What goes out: a workbook made like every report, encrypted where its recipient has a password
(`KAMPUNGKB_HOME/recipients.yaml`, docs/how-to/reports.md).
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

from msoffcrypto.format.ooxml import OOXMLFile
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from kampungkb import lake
from kampungkb.declared import read_declared
from kampungkb.errors import ConfigurationError, WarehouseError
from kampungkb.refs import ActionLists
from kampungkb.reporting.excel import build
from kampungkb.reporting.report import report
from kampungkb.reporting.words import labelled, words_of
from kampungkb.run import Run
from kampungkb.settings import INCLUDE, Settings
from kampungkb.warehouse.connect import reason, warehouse
from kampungkb.warehouse.service import record_read

FILE = "recipients.yaml"
QUERY = INCLUDE / "sql" / "service" / "action_list.sql"
REPORT = "by_name/action_list"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Recipient(_Frozen):
    """Whoever gets the lists of a region (the beginning of a village code) and a sector; empty: of all."""

    name: str = Field(min_length=1)
    region: str = Field(default="", pattern=r"^(\d{2}|\d{4}|\d{6}|\d{10})?$")
    sector: str = Field(default="", pattern=r"^[a-z_]*$")
    password: SecretStr = Field(min_length=8, max_length=255)


class Recipients(_Frozen):
    """The file: the first recipient that fits a list counts."""

    recipients: tuple[Recipient, ...] = ()

    def password(self, village: str, sector: str) -> str | None:
        """The password of the list of a village and sector, None where no recipient fits."""
        fitting = (
            each.password.get_secret_value()
            for each in self.recipients
            if village.startswith(each.region) and each.sector in ("", sector)
        )
        return next(fitting, None)


@dataclass(frozen=True)
class ActionList:
    """The workbook of a village and sector, and how many families and needs it names."""

    village_code: str
    sector: str
    as_of: date
    needs: int
    content: bytes

    @property
    def file(self) -> str:
        """The name of the file: codes alone, so that no name becomes part of a path."""
        return f"action_list_{self.village_code}_{self.sector}.xlsx"


def read_recipients(settings: Settings) -> Recipients:
    """The recipients' passwords; nobody has one where there is no file.

    Raises :class:`ConfigurationError` where the file is wrong or others than its owner may read it.
    """
    path = settings.root / FILE
    found = read_declared(path, Recipients, "docs/how-to/reports.md")
    if found and path.stat().st_mode & 0o077:
        raise ConfigurationError(f"{path} holds passwords and others may read it: chmod 600 it.")
    return found or Recipients()


def action_lists(
    connection: Connection,
    recipients: Recipients,
    purpose: str,
    *,
    region: str = "",
    village: str = "",
    sector: str = "",
    password: str = "",
) -> Iterator[ActionList]:
    """The lists of the villages whose code begins with `region` and `village`, of one sector or all.

    The read is recorded first, in the same transaction. `password` encrypts in place of the recipients'. Raises
    :class:`WarehouseError` where the read cannot be recorded or the warehouse not be read.
    """
    record_read(connection, purpose)
    try:
        word = words_of(connection)
        bound = {"region": region, "village": village, "sector": sector}
        found = connection.execute(text(QUERY.read_text(encoding="utf-8")), bound).mappings()
        rows = [dict(row) for row in found]
    except SQLAlchemyError as fault:
        raise WarehouseError(f"The action lists cannot be read: {reason(fault)}.") from None
    for (code, about), group in groupby(rows, lambda row: (row["village_code"], row["sector"])):
        own = list(group)
        subject = f"{own[0]['village']} · {word('sector', about).id}"
        opened = _workbook(labelled(report(REPORT).sheets[0], own, word), own[0]["as_of"], subject)
        secret = password or recipients.password(code, about)
        yield ActionList(code, about, own[0]["as_of"], len(own), encrypted(opened, secret) if secret else opened)


def _workbook(rows: Sequence[dict[str, Any]], as_of: date, subject: str) -> bytes:
    declared, out = report(REPORT), io.BytesIO()
    build(declared, {declared.sheets[0].id: rows}, as_of, subject).save(out)
    return out.getvalue()


def encrypted(workbook: bytes, password: str) -> bytes:
    """The workbook as Excel and LibreOffice encrypt one: AES-256 under a key made from the password (ECMA-376)."""
    out = io.BytesIO()
    OOXMLFile(io.BytesIO(workbook)).encrypt(password, out)
    return out.getvalue()


def write_action_lists(run: Run, purpose: str, village: str, sector: str, folder: Path | None = None) -> ActionLists:
    """Write the lists for the warehouse's own login under `folder`, for the owner's eyes alone.

    Without a folder: `KAMPUNGKB_HOME/action_lists/<as_of>`, which retention deletes. Raises as
    :func:`read_recipients` and :func:`action_lists`; :class:`WarehouseError` also where there is nothing to list.
    """
    recipients, written, needs, target = read_recipients(run.settings), 0, 0, folder
    with warehouse(run.settings, run.connections) as engine, engine.begin() as connection:
        for each in action_lists(connection, recipients, purpose, village=village, sector=sector):
            target = lake.private_folder(folder or default_folder(run.settings) / each.as_of.isoformat())
            path = target / each.file
            path.touch(mode=0o600)
            path.chmod(0o600)
            path.write_bytes(each.content)
            written, needs = written + 1, needs + each.needs
    if target is None or not written:
        raise WarehouseError("No family of that village and sector needs anything, or you may not see it.")
    return ActionLists(path=target, files=written, needs=needs)


def default_folder(settings: Settings) -> Path:
    """Where lists are written unless a folder is named: one folder a load."""
    return settings.root / "action_lists"
