"""Action lists by name: what they hold, who gets them, and that every read is recorded with its purpose."""

import csv
import io
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msoffcrypto
import openpyxl
import pytest
from msoffcrypto.exceptions import InvalidKeyError
from pydantic import SecretStr
from sqlalchemy import Engine, text

from kampungkb.connections import WAREHOUSE, Connection
from kampungkb.errors import ConfigurationError, WarehouseError
from kampungkb.reporting.action_lists import FILE, action_lists, read_recipients, write_action_lists
from kampungkb.run import Run
from kampungkb.warehouse import publish
from kampungkb.warehouse.service import export_actions
from tests.integration.warehouse_lake import BATU_BERDAUN, DABO, INDICATORS, night

pytestmark = pytest.mark.integration


def exported(engine: Engine, village: str, sector: str | None = None) -> list[dict[str, str]]:
    out = io.StringIO()
    export_actions(engine, out, village, sector, "housing round 2026")
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def test_the_list_names_each_family_with_what_it_lacks(warehouse_run: Run, warehouse_engine: Engine) -> None:
    made = night(4, 30)
    publish(warehouse_run, *made.write(warehouse_run))
    found = exported(warehouse_engine, DABO)
    expected = {
        (f.code, name)
        for f in made.families
        if f.village == DABO
        for state, (name, _, _) in zip(f.integrated, INDICATORS, strict=True)
        if state == "0"
    }
    assert {(row["family_code"], row["need"]) for row in found} == expected
    by_code: dict[str, Any] = {f.code: f for f in made.families}
    for row in found:
        family = by_code[row["family_code"]]
        head = "" if family.members == 0 else f"Nama {family.code} {min(family.members, 2)}"
        assert (row["head_name"], row["address"], row["rt"]) == (head, f"Jalan {family.code}", "001")
    assert {row["village_code"] for row in exported(warehouse_engine, "210401")} == {DABO, BATU_BERDAUN}
    assert exported(warehouse_engine, DABO, "health") == []
    assert len(exported(warehouse_engine, DABO, "housing")) == len(found)
    with warehouse_engine.connect() as connection:
        recorded = connection.execute(text("select distinct subject, purpose from ops.access_log")).all()
        count = connection.execute(text("select count(*) from ops.access_log")).scalar_one()
    assert ([tuple(row) for row in recorded], count) == ([("service.action_list", "housing round 2026")], 4)


def test_a_reader_of_the_view_is_recorded_too(warehouse_run: Run, warehouse_engine: Engine) -> None:
    publish(warehouse_run, *night(4, 30).write(warehouse_run))
    with warehouse_engine.begin() as connection:
        connection.execute(text("set local role kkb_steward"))
        assert connection.execute(text("select count(*) from service.action_list")).scalar_one() > 0
    with warehouse_engine.connect() as connection:
        recorded = connection.execute(text("select role, subject from ops.access_log")).all()
    assert [tuple(row) for row in recorded] == [("kkb_steward", "service.family_contact")]


# Workbooks.

FORMULA = '=HYPERLINK("http://example.org","x")'


@pytest.fixture
def listed(warehouse_run: Run, warehouse_engine: Engine) -> Engine:
    """A published night in which a family's name begins like a formula."""
    publish(warehouse_run, *night(4, 30).write(warehouse_run))
    with warehouse_engine.begin() as connection:
        hostile = "update service.family_contact set head_name = :name where village_code = :v"
        connection.execute(text(hostile), {"name": FORMULA, "v": BATU_BERDAUN})
    return warehouse_engine


@pytest.fixture
def office(listed: Engine, warehouse_connection: Connection) -> Iterator[Connection]:
    """The connection of a login of Dabo's office."""
    name, password = f"office_{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    with listed.begin() as connection:
        connection.execute(text(f"create role {name} login password '{password}' in role kkb_village"))
        own = {"role": name, "region": DABO}
        connection.execute(text("insert into core.role_region values (:role, :region)"), own)
    yield warehouse_connection.model_copy(update={"login": name, "password": SecretStr(password)})
    with listed.begin() as connection:
        connection.execute(text(f"drop owned by {name}"))
        connection.execute(text(f"drop role {name}"))


def opened(path: Path, password: str | None = None) -> list[list[Any]]:
    """The cells of a list under its heading, decrypted where a password is given."""
    content = io.BytesIO(path.read_bytes())
    if password:
        encrypted, content = msoffcrypto.OfficeFile(content), io.BytesIO()
        encrypted.load_key(password=password)
        encrypted.decrypt(content)
    sheet = openpyxl.load_workbook(content).worksheets[0]
    heading = int(str(sheet.print_title_rows).rpartition("$")[2])
    rows = list(sheet.iter_rows(min_row=heading + 1))
    assert not [cell for row in rows for cell in row if cell.data_type == "f"]
    return [[cell.value for cell in row] for row in rows]


def recipients(run: Run, lines: str, mode: int = 0o600) -> None:
    path = run.settings.root / FILE
    path.write_text(f"recipients:\n{lines}", encoding="utf-8")
    path.chmod(mode)


def test_each_village_and_sector_has_a_workbook_with_the_rows_of_the_list(warehouse_run: Run, listed: Engine) -> None:
    written = write_action_lists(warehouse_run, "housing round", "", "")
    with listed.connect() as connection:
        rows = connection.execute(text("select * from service.action_list")).mappings().all()
    files = {path.name: path for path in written.path.iterdir()}
    assert set(files) == {f"action_list_{row['village_code']}_{row['sector']}.xlsx" for row in rows}
    assert (written.files, written.needs) == (len(files), len(rows))
    assert {path.stat().st_mode & 0o077 for path in (written.path, *files.values())} == {0}
    for village in (DABO, BATU_BERDAUN):
        shown = [tuple(row[:6]) for row in opened(files[f"action_list_{village}_housing.xlsx"])]
        expected = [
            (row["rw"], row["rt"], row["head_name"] or "–", row["address"], row["family_code"], row["members"])
            for row in rows
            if row["village_code"] == village
        ]
        assert sorted(shown) == sorted(expected)


def test_a_read_for_workbooks_is_recorded_once_with_its_purpose(warehouse_run: Run, listed: Engine) -> None:
    write_action_lists(warehouse_run, "housing round", DABO, "housing")
    with listed.connect() as connection:
        recorded = connection.execute(text("select subject, purpose from ops.access_log")).all()
    assert [tuple(row) for row in recorded] == [("service.action_list", "housing round")]


def test_the_password_of_the_first_recipient_that_fits_opens_a_list_and_nothing_else_does(
    warehouse_run: Run, listed: Engine
) -> None:
    recipients(
        warehouse_run,
        f'  - {{name: Kantor Dabo, region: "{DABO}", password: "rahasia Dabo"}}\n'
        '  - {name: Dinas Kesehatan, sector: health, password: "rahasia kesehatan"}\n',
    )
    folder = write_action_lists(warehouse_run, "housing round", "", "").path
    locked, free = (folder / f"action_list_{village}_housing.xlsx" for village in (DABO, BATU_BERDAUN))
    assert opened(locked, "rahasia Dabo")
    assert [row[2] for row in opened(free)][:1] == [FORMULA]
    assert b"Jalan" not in locked.read_bytes()
    with pytest.raises(InvalidKeyError):
        opened(locked, "rahasia kesehatan")


@pytest.mark.parametrize(
    ("lines", "mode", "named"),
    [
        ('  - {name: a, password: "long enough"}\n', 0o644, "others may read it"),
        ('  - {name: a, password: "short"}\n', 0o600, "recipients.0.password"),
        ('  - {name: a, region: "21040", password: "long enough"}\n', 0o600, "recipients.0.region"),
        ("  - [\n", 0o600, "not YAML"),
    ],
)
def test_wrong_recipients_are_refused_before_anything_is_read_and_no_password_is_told(
    warehouse_run: Run, lines: str, mode: int, named: str
) -> None:
    recipients(warehouse_run, lines, mode)
    with pytest.raises(ConfigurationError, match=named) as refused:
        read_recipients(warehouse_run.settings)
    assert "enough" not in str(refused.value)


def test_nothing_to_list_is_said(warehouse_run: Run, listed: Engine) -> None:
    with pytest.raises(WarehouseError, match="needs anything"):
        write_action_lists(warehouse_run, "housing round", "99", "")


def test_a_login_of_an_office_writes_the_lists_of_its_village_only(
    warehouse_run: Run, listed: Engine, office: Connection
) -> None:
    own = Run("office", warehouse_run.as_of, warehouse_run.settings, {WAREHOUSE: office})
    written = write_action_lists(own, "housing round", "", "")
    assert {path.name[12:22] for path in written.path.iterdir()} == {DABO}
    with listed.connect() as connection:
        subjects = set(connection.execute(text("select subject from ops.access_log")).scalars())
    assert subjects == {"service.action_list", "service.family_contact"}


def test_an_analyst_gets_no_list(warehouse_run: Run, listed: Engine) -> None:
    with listed.begin() as connection:
        connection.execute(text("set local role kkb_analyst"))
        with pytest.raises(WarehouseError, match="permission denied"):
            list(action_lists(connection, read_recipients(warehouse_run.settings), "curiosity"))
