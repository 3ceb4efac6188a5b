"""Hostile and broken workbooks: each ends in rows or in a reason, within bounds, and hurts no other."""

import os
import resource
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq
import pytest

from kampungkb.connections import Connection
from kampungkb.contracts import contract
from kampungkb.landing import extract
from kampungkb.refs import Snapshot
from kampungkb.run import FAMILY_SURVEY, Run
from kampungkb.sources import workbooks
from kampungkb.sources.bounded import Exceeded, run_each
from kampungkb.sources.workbook import Parsed
from tests.hostile import files
from tests.hostile.files import FAMILIES, STRINGS, Write, with_families, with_member, with_parts
from tests.integration.validation_landing import family_code, run_validation

pytestmark = pytest.mark.integration

TERMS = contract(FAMILY_SURVEY)
SECONDS = 60.0
GIGABYTES = 1.5

READ: dict[str, Write] = {
    "header on row 16": with_families(files.titled(15)),
    "merged header cells": files.merged_headers,
    "a second row that explains the header": with_families(files.described_header),
    "the header once more below": with_families(lambda rows: [*rows, rows[0]]),
    "two million empty rows below": with_parts({FAMILIES: files.two_million_empty_rows(before=False, styled=False)}),
    "two million empty cells below": with_parts({FAMILIES: files.two_million_empty_rows(before=False, styled=True)}),
    "formulas with cached values": files.formulas,
    "sheets under a password, open to read": files.protected_sheet,
    "external links": files.external_links("http://127.0.0.1:9/other.xlsx"),
    "control characters": files.named("A_x0000_N_x0001__x001F_I_x0007_"),
    "right-to-left marks": with_member(**{"K.02": "\u202eINA\u202c \u200f\u200b\ufeff"}),
    "a cell of 40 kB": files.named("N" * 40_000),
    "half of a character": files.named("A_xD800_"),
}

REJECTED: dict[str, tuple[Write, str]] = {
    "header on row 17": (with_families(files.titled(16)), "None of the first 16 rows holds the column name"),
    "a header split over two rows": (
        with_families(files.split_header),
        "Required columns missing: P.03A, P.03B, P.03C, P.03D. Add to the header row (row 1): all names stand in that",
    ),
    "5,000 columns": (with_families(files.wide), "more than 256 columns. Delete"),
    "two million empty rows": (
        with_parts({FAMILIES: files.two_million_empty_rows(before=True, styled=False)}),
        "None of the first 16 rows",
    ),
    "two million empty cells": (
        with_parts({FAMILIES: files.two_million_empty_rows(before=True, styled=True)}),
        "None of the first 16 rows",
    ),
    "zip bomb": (files.bomb(FAMILIES, 3), "unpacks to more than 1024 MB. Delete"),
    "zip bomb that lies about a sheet": (files.bomb(FAMILIES, 8, declared=1000), "Open it in a spreadsheet program"),
    "zip bomb that lies about its texts": (files.bomb(STRINGS, 8, declared=1000), "Open it in a spreadsheet program"),
    "password": (files.compound_file("EncryptionInfo", "EncryptedPackage"), "password-protected. Remove the password"),
    ".xls": (files.compound_file("Workbook"), "an old .xls workbook under the name .xlsx. Save"),
    ".csv": (lambda path: path.write_text("KODE_KELUARGA;NO_KK\n1;2\n"), "not an .xlsx workbook"),
    ".ods": (files.other_archive, "another archive under the name .xlsx. Save"),
    "nothing": (lambda path: path.write_bytes(b""), "empty. Copy it again"),
    "210 MB": (files.sparse(210 * 1024**2), "larger than 200 MB. Split it"),
    "a named pipe": (os.mkfifo, "cannot be read"),
    "a link to nothing": (lambda path: path.symlink_to("gone.xlsx"), "cannot be read"),
    "a device without end": (lambda path: path.symlink_to("/dev/zero"), "cannot be read"),
    "billion laughs in a sheet": (
        with_parts({FAMILIES: files.document_type(files.LAUGHS, "&a9;")}), "declares a document type"
    ),
    "billion laughs in the texts": (
        with_parts({STRINGS: files.document_type(files.LAUGHS, "&a9;")}), "declares a document type"
    ),
    "billion laughs in the workbook": (
        with_parts({"xl/workbook.xml": files.document_type(files.LAUGHS, "&a9;")}), "declares a document type"
    ),
    "an external entity": (
        with_parts({STRINGS: files.document_type('<!ENTITY x SYSTEM "file:///etc/passwd">', "&x;")}),
        "declares a document type",
    ),
    "an external entity in UTF-16": (
        with_parts(
            {
                FAMILIES: lambda xml: files.document_type('<!ENTITY x SYSTEM "file:///etc/passwd">', "&x;")(xml)
                .decode()
                .encode("utf-16")
            }
        ),
        "not UTF-8",
    ),
    "XML cut short": (with_parts({FAMILIES: lambda xml: xml[: len(xml) // 2]}), "Save"),
    "a search without end": (files.endless_search, "takes more than"),
}  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """How a workbook ended, and what that took."""

    parsed: Parsed | Exceeded
    seconds: float
    gigabytes: float


def measured(task: Any) -> Measured:
    """Parse one workbook; runs in a process of its own."""
    started = time.monotonic()
    parsed = workbooks._parse(task)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return Measured(parsed, time.monotonic() - started, peak)


def task(path: Path) -> Any:
    return path, path.name, TERMS, {table.name: path.with_suffix(f".{table.name}") for table in TERMS.tables}


def measure(path: Path, seconds: float = SECONDS) -> Measured | Exceeded:
    (outcome,) = run_each(measured, [task(path)], processes=1, memory=workbooks.WORKER_MEMORY, seconds=seconds)
    return outcome


@pytest.mark.parametrize("name", READ)
def test_an_odd_workbook_is_read_within_bounds(tmp_path: Path, name: str) -> None:
    READ[name](tmp_path / "odd.xlsx")
    outcome = measure(tmp_path / "odd.xlsx")
    assert isinstance(outcome, Measured), f"{name} broke the bound of {outcome}"
    assert isinstance(outcome.parsed, Parsed)
    assert (outcome.parsed.status, outcome.parsed.reason) == ("read", None)
    assert outcome.gigabytes < GIGABYTES
    for landed in (pq.read_table(tmp_path / f"odd.{name}") for name in files.NAMES):
        assert family_code(1) in landed["KODE_KELUARGA"].to_pylist()


@pytest.mark.parametrize("name", [name for name in REJECTED if name != "a search without end"])
def test_a_hostile_workbook_is_rejected_within_bounds(tmp_path: Path, name: str) -> None:
    write, says = REJECTED[name]
    write(tmp_path / "bad.xlsx")
    outcome = measure(tmp_path / "bad.xlsx")
    assert isinstance(outcome, Measured), f"{name} broke the bound of {outcome}"
    assert isinstance(outcome.parsed, Parsed)
    assert outcome.parsed.status == "rejected"
    assert says in str(outcome.parsed.reason)
    assert outcome.gigabytes < GIGABYTES


@pytest.mark.parametrize("part", [FAMILIES, STRINGS])
def test_a_bomb_that_lies_within_reason_ends_at_the_bound_of_memory_at_the_latest(tmp_path: Path, part: str) -> None:
    files.bomb(part, 3, declared=200 * 1024**2)(tmp_path / "bomb.xlsx")
    (outcome,) = run_each(
        workbooks._parse, [task(tmp_path / "bomb.xlsx")], processes=1, memory=2 * 1024**3, seconds=SECONDS
    )
    assert outcome is Exceeded.MEMORY or (isinstance(outcome, Parsed) and outcome.status == "rejected")


def test_a_workbook_that_takes_too_long_is_ended_and_asked_again_the_next_night(
    land: Callable[..., Snapshot], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbooks, "WORKER_SECONDS", 5.0)
    files.endless_search(folder / "endless.xlsx")
    files.good_workbook(folder / "good.xlsx", 2)
    started = time.monotonic()
    snapshot = land()
    assert time.monotonic() - started < SECONDS
    assert outcome_of(snapshot)["endless.xlsx"][1].startswith("Reading it takes more than 5 seconds. Delete empty")
    assert files.codes(table(snapshot, "keluarga")) == [family_code(2)]
    assert land(1).parsed == 1
    files.good_workbook(folder / "endless.xlsx", 1)
    assert outcome_of(land(2))["endless.xlsx"][0] == "read"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "workbooks"
    path.mkdir()
    return path


@pytest.fixture
def land(run: Run, folder: Path) -> Callable[..., Snapshot]:
    base = replace(run, connections={"family_workbooks": Connection(conn_type="fs", extra={"path": str(folder)})})
    return lambda night=0: extract(replace(base, as_of=base.as_of + timedelta(days=night)), FAMILY_SURVEY)


def table(snapshot: Snapshot, name: str) -> list[dict[str, Any]]:
    return pq.read_table(snapshot.path / f"{name}.parquet").to_pylist()


def outcome_of(snapshot: Snapshot) -> dict[str, tuple[str, str]]:
    return {row["file"]: (row["status"], row["reason"]) for row in table(snapshot, "workbooks")}


@pytest.mark.slow
def test_a_delivery_full_of_hostile_workbooks_loads_the_others_and_says_what_to_do(
    run: Run, land: Callable[..., Snapshot], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbooks, "WORKER_SECONDS", 20.0)
    for number, (write, _) in enumerate(REJECTED.values()):
        write(folder / f"bad {number:02}.xlsx")
    for number in range(1, 4):
        files.good_workbook(folder / f"good {number}.xlsx", number)
    files.named("A_x0000_N_x0001__x001F_I \u202eINA\u200f" + "N" * 40_000, 4)(folder / "odd \u202e\n.xlsx")
    started = time.monotonic()
    snapshot = land()
    assert time.monotonic() - started < 3 * SECONDS
    outcomes = outcome_of(snapshot)
    for number, (name, (_, says)) in enumerate(REJECTED.items()):
        status, reason = outcomes[f"bad {number:02}.xlsx"]
        assert (status, says in reason) == ("rejected", True), f"{name}: {reason}"
    assert files.codes(table(snapshot, "keluarga")) == [family_code(number) for number in range(1, 5)]
    validated = run_validation(run, snapshot)
    assert validated.rows("select count(*) from keluarga") == [(4,)]
    assert validated.rows("select count(*) from anggota") == [(4,)]
    rejected = validated.rows("select count(distinct file) from quarantine where rule = 'F00' and action = 'file'")
    assert rejected == [(len(REJECTED),)]


def test_no_text_lands_that_a_database_cannot_hold(land: Callable[..., Snapshot], folder: Path) -> None:
    files.named("A_x0000_NI")(folder / "a.xlsx")
    (member,) = table(land(), "anggota")
    assert member["K.02"] == "A\ufffdNI"


def test_a_second_header_row_is_a_row_that_breaks_the_rules_of_its_sheet(
    run: Run, land: Callable[..., Snapshot], folder: Path
) -> None:
    with_families(files.described_header)(folder / "a.xlsx")
    validated = run_validation(run, land())
    assert validated.rows("select count(*) from keluarga") == [(1,)]
    assert (2, "F01", "row", "KODE_KELUARGA") in validated.quarantine("keluarga")


def test_links_of_a_workbook_are_not_followed(land: Callable[..., Snapshot], folder: Path) -> None:
    asked: list[str] = []

    class Outside(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with ThreadingHTTPServer(("127.0.0.1", 0), Outside) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        files.external_links(f"http://127.0.0.1:{server.server_port}/other.xlsx")(folder / "a.xlsx")
        snapshot = land()
        server.shutdown()
    assert files.codes(table(snapshot, "keluarga")) == [family_code(1)]
    assert asked == []


def test_bytes_changed_at_random_never_stop_the_others(land: Callable[..., Snapshot], folder: Path) -> None:
    rng = Random(4)
    good = files.good_workbook(folder / "good.xlsx", 1).read_bytes()
    for number in range(40):
        content = bytearray(good)
        for _ in range(rng.choice((1, 4, 40))):
            content[rng.randrange(len(content))] = rng.randrange(256)
        (folder / f"changed {number}.xlsx").write_bytes(
            bytes(content[: rng.choice((len(content), rng.randrange(9000)))])
        )
    outcomes = outcome_of(land())
    assert outcomes.pop("good.xlsx") == ("read", None)
    assert {status for status, _ in outcomes.values()} == {"read", "rejected"}
    assert all(reason for status, reason in outcomes.values() if status == "rejected")


def test_parts_changed_at_random_never_stop_the_others(land: Callable[..., Snapshot], folder: Path) -> None:
    rng = Random(5)

    def scrambled(xml: bytes) -> bytes:
        pieces = xml.split(b"<")
        for _ in range(rng.choice((1, 3, 20))):
            first, second = rng.randrange(len(pieces)), rng.randrange(len(pieces))
            pieces[first], pieces[second] = pieces[second], pieces[first]
        return b"<".join(pieces)

    files.good_workbook(folder / "good.xlsx", 1)
    for number in range(40):
        part = rng.choice((FAMILIES, STRINGS, "xl/workbook.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels"))
        with_parts({part: scrambled}, 2)(folder / f"scrambled {number}.xlsx")
    outcomes = outcome_of(land())
    assert outcomes.pop("good.xlsx") == ("read", None)
    assert all(reason for status, reason in outcomes.values() if status == "rejected")
