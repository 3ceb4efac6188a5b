"""Faults that a whole night goes through: readers see whole loads meanwhile, and the next run gives the truth."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pyarrow.parquet as pq
import pytest

from kampungkb.contracts import contract
from kampungkb.orchestration.journal import journal_path, read_journal
from kampungkb.run import FAMILY_SURVEY, JAKARTA, SOURCES
from kampungkb.settings import Settings
from kampungkb.sources.workbook import parse_workbook
from tests.certificates import Authority
from tests.faults.conftest import SECOND, Nights, standing
from tests.faults.jumping import LIBRARIES, load_jumping
from tests.faults.publishing import watched
from tests.faults.steps import STEPS, Handed, Order, Step, StepFailed, after
from tests.faults.world import Sheet
from tests.generator import InsuranceApi

pytestmark = pytest.mark.faults

PREPARE, SURVEY, INSURANCE, DOCUMENT = (
    *(Step("prepare"), Step("extract", FAMILY_SURVEY)),
    *(Step("extract", SOURCES[-1]), Step("document")),
)


@contextmanager
def readers_see(nights: Nights, publications: int) -> Iterator[None]:
    """Read the whole warehouse meanwhile: it changes at most once a publication."""
    with watched(nights.world.engine) as seen:
        yield
    assert 1 <= len(seen) <= 1 + publications


# ── workbooks ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def workbook(nights: Nights) -> Iterator[Path]:
    """A workbook of the survey; it is at the end what it was."""
    nights.put_back(PREPARE)
    path = sorted(nights.world.folder.glob("*.xlsx"))[0]
    whole = path.read_bytes()
    yield path
    path.write_bytes(whole)


Sheets = list[list[dict[str, object]]]


def read_alone(content: bytes, name: str, folder: Path) -> Sheets:
    """The rows of a workbook that nobody touches."""
    path = folder / name
    path.write_bytes(content)
    terms = contract(FAMILY_SURVEY)
    parts = {table.name: folder / f"{table.name}.parquet" for table in terms.tables}
    assert parse_workbook(path, name, terms, parts).status == "read"
    return [pq.read_table(part).to_pylist() for part in parts.values()]


def landed(handed: Handed, name: str) -> Sheets:
    """The rows of a workbook in the snapshot that a step has told of."""
    snapshot = handed[str(SURVEY)]
    tables = [
        pq.read_table(Path(snapshot["path"]) / f"{table}.parquet").to_pylist() for table in ("keluarga", "anggota")
    ]
    return [[row for row in rows if row["file"] == name] for rows in tables]


def is_read(handed: Handed, name: str) -> bool:
    """Whether the workbook itself was read, or the rows of the night before stand in for it."""
    told = pq.read_table(Path(handed[str(SURVEY)]["path"]) / "workbooks.parquet").to_pylist()
    return [row["status"] for row in told if row["file"] == name] == ["read"]


def answered_otherwise(path: Path, folder: Path) -> bytes:
    """The workbook with another answer of every family."""
    book = openpyxl.load_workbook(path)
    sheet = Sheet(book["KELUARGA"])
    for row in sheet.rows:
        if not sheet.is_beside_the_data(row):
            sheet.set(row, "P.09", 3 - (sheet.value(row, "P.09") == 1))
    book.save(folder / path.name)
    return (folder / path.name).read_bytes()


@contextmanager
def being_rewritten(path: Path, versions: tuple[bytes, bytes]) -> Iterator[None]:
    """Somebody writes one version over the other, piece by piece in the same file, until the block ends."""
    ended = threading.Event()

    def rewrite() -> None:
        while not ended.is_set():
            for version in versions:
                with path.open("r+b", buffering=0) as file:
                    for start in range(0, len(version), 4096):
                        file.write(version[start : start + 4096])
                    file.truncate()

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()


def test_a_workbook_that_is_rewritten_while_it_is_read_is_read_as_it_was_or_stood_in_for(
    nights: Nights, workbook: Path, tmp_path: Path
) -> None:
    world, name = nights.world, workbook.name
    whole, other = workbook.read_bytes(), answered_otherwise(workbook, tmp_path)
    versions = [read_alone(content, name, tmp_path) for content in (whole, other)]
    assert versions[0] != versions[1]
    workbook.write_bytes(b"broken")
    handed = nights.put_back(SURVEY)
    world.load(nights.tonight, handed, [SURVEY])
    versions.append(landed(handed, name))  # of the night before
    halves = [
        content[: len(content) // 2] + rest[len(content) // 2 :] for content, rest in ((whole, other), (other, whole))
    ]
    for half in halves:
        handed = nights.put_back(SURVEY)
        workbook.write_bytes(half)
        world.load(nights.tonight, handed, [SURVEY])
        assert not is_read(handed, name)
        assert landed(handed, name) == versions[-1]
    for _ in range(5):
        handed = nights.put_back(SURVEY)
        with being_rewritten(workbook, (other, whole)):
            world.load(nights.tonight, handed, [SURVEY])
        assert landed(handed, name) in versions
    if landed(handed, name) == versions[1]:  # `open` would tell of it until five families have changed
        handed = nights.put_back(SURVEY)
        workbook.write_bytes(halves[0])
        world.load(nights.tonight, handed, [SURVEY])
        workbook.write_bytes(whole)
    anew = world.order(SECOND, "next", force=is_read(handed, name))  # what was read whole is an answer for its date
    with readers_see(nights, 2):
        world.load(nights.tonight, handed, after(Step("extract", SOURCES[1])))
        assert workbook.read_bytes() == whole
        begun = time.monotonic()
        world.load(anew)
    nights.reconcile("workbook rewritten while it is read, then the next run", begun, anew, nights.tonight)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_night_with_a_half_copied_workbook_ends_and_the_next_run_reads_it_whole(
    nights: Nights, workbook: Path, share: float
) -> None:
    world, whole, handed = nights.world, workbook.read_bytes(), Handed()
    workbook.write_bytes(whole[: int(share * len(whole))])
    with readers_see(nights, 2):
        world.load(nights.tonight, handed)
        assert not is_read(handed, workbook.name)
        assert world.quarantined("F00", workbook.name)
        workbook.write_bytes(whole)
        anew = world.order(SECOND, "next")
        begun = time.monotonic()
        world.load(anew, again := Handed())
    assert is_read(again, workbook.name)
    assert not world.quarantined("F00", workbook.name)
    nights.reconcile("workbook half copied, then the next run", begun, anew, nights.tonight)


# ── two loads ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_loads_of_a_date_at_once_give_what_one_gives(nights: Nights, tmp_path: Path) -> None:
    world = nights.world
    nights.put_back(PREPARE)
    orders = [world.order(SECOND, name) for name in ("one", "other")]

    def loaded(order: Order) -> StepFailed | None:
        folder = tmp_path / order.run_id
        folder.mkdir()
        try:
            world.load(order, folder=folder)
        except StepFailed as fault:
            return fault
        return None

    begun = time.monotonic()
    with readers_see(nights, 2), ThreadPoolExecutor(2) as both:
        faults = [fault for fault in both.map(loaded, orders) if fault is not None]
    assert faults == []
    nights.reconcile("two loads of a date at once", begun, *orders)


# ── clock ────────────────────────────────────────────────────────────────────────────────────────────────────────

DUE = datetime.combine(SECOND, datetime.min.time(), JAKARTA).replace(hour=1)
AS_DUE, BEFORE_MIDNIGHT, NEXT_DAY_IN_UTC, NEXT_DAY = 0.0, -2.0, 6.1, 23.5
JUMPS = [
    *((AS_DUE, BEFORE_MIDNIGHT), (BEFORE_MIDNIGHT, NEXT_DAY_IN_UTC), (NEXT_DAY_IN_UTC, NEXT_DAY)),
    *((NEXT_DAY, BEFORE_MIDNIGHT), (AS_DUE, NEXT_DAY), (NEXT_DAY, AS_DUE)),
]
"""Hours after the run was due, at the start of a step and in its midst."""


@pytest.fixture
def due(nights: Nights) -> Iterator[Order]:
    """Tonight's run as the schedule makes it: it has no date but that of its moment, which is what all clocks say."""
    if not LIBRARIES:
        pytest.skip("libfaketime is not installed")
    nights.put_back(PREPARE)
    begun = time.time()
    nights.world.api.clock = lambda: DUE.timestamp() + time.time() - begun
    yield Order("due", SECOND, nights.world.environ, started_at=DUE.isoformat(), due=DUE.astimezone(UTC))
    nights.world.api.clock = time.time


def days_told(nights: Nights, order: Order, zone: ZoneInfo) -> set[int]:
    """The days of the month that the clock of the steps showed, as the journal has them."""
    entries = read_journal(journal_path(Settings(home=nights.world.home), order.run_id))
    return {entry.at.astimezone(zone).day for entry in entries}


def test_a_clock_that_jumps_over_midnight_here_and_in_utc_changes_no_row(
    nights: Nights, due: Order, tmp_path: Path
) -> None:
    hours = {step: JUMPS[number % len(JUMPS)] for number, step in enumerate(STEPS)} | {INSURANCE: (AS_DUE, AS_DUE)}
    halves = {step: seconds / 2 for step, seconds in nights.seconds.items()}
    begun = time.monotonic()
    with readers_see(nights, 1):
        told = load_jumping(due, Handed(), hours, halves, tmp_path)
    assert told.fault is None
    assert days_told(nights, due, JAKARTA) == {SECOND.day - 1, SECOND.day, SECOND.day + 1}
    assert days_told(nights, due, ZoneInfo("UTC")) >= {SECOND.day - 1, SECOND.day}
    nights.reconcile("the clock jumps over midnight, in Jakarta and in UTC", begun, due)


def test_a_clock_that_is_wrong_where_the_signature_needs_it_is_named_and_the_retry_reads(
    nights: Nights, due: Order, tmp_path: Path
) -> None:
    handed = nights.put_back(INSURANCE)
    seconds = {INSURANCE: 0.0}
    refused = load_jumping(due, handed, {INSURANCE: (NEXT_DAY, NEXT_DAY)}, seconds, tmp_path)
    assert refused.fault is not None
    assert "set this machine's clock: it differs from the service's by 84" in refused.fault
    left = standing(nights.world, nights.tonight)
    assert nights.lakes[INSURANCE] - left == Counter()
    assert [name for name, _ in left - nights.lakes[INSURANCE]] == ["fetching/health_insurance/fetch.json"]  # no page
    begun = time.monotonic()
    told = load_jumping(due, handed, {INSURANCE: (AS_DUE, AS_DUE)}, seconds, tmp_path)
    assert told.fault is None
    nights.world.load(nights.tonight, told.handed, after(INSURANCE)[1:])
    nights.reconcile("the clock is wrong where a signature needs it", begun)


# ── TLS ──────────────────────────────────────────────────────────────────────────────────────────────────────────


NOT_JUDGED = {"source": INSURANCE.source, "gate": "villages"}
"""A gate that compares a delivery with earlier ones from the same address: there are none under https."""


def test_the_insurance_is_read_under_tls_once_its_authority_is_trusted(nights: Nights, tmp_path: Path) -> None:
    world = nights.world
    nights.put_back(PREPARE)
    authorities = {name: Authority(tmp_path, name) for name in ("ours", "strangers")}
    certificate = authorities["ours"].certificate("127.0.0.1")
    with InsuranceApi(world.api.entries, overlap=False, certificate=certificate) as secure:

        def trusting(name: str) -> str:
            fields = secure.connection()
            fields["extra"] |= {"verify": str(authorities[name].file)}
            return json.dumps(fields)

        order = world.order(SECOND, AIRFLOW_CONN_HEALTH_INSURANCE=trusting("strangers"))
        anew = world.order(SECOND, "next", AIRFLOW_CONN_HEALTH_INSURANCE=trusting("ours"))
        with readers_see(nights, 2):
            world.load(order, handed := Handed())
            assert handed[str(INSURANCE)]["stale"]
            assert "its certificate is not trusted" in handed[str(INSURANCE)]["reason"]
            assert secure.requests == []
            begun = time.monotonic()
            world.load(anew, again := Handed())
    assert not again[str(INSURANCE)]["stale"]
    assert set(secure.requests) == {"200"}
    expected = Counter(
        {
            (table, row): times
            for (table, row), times in nights.truth.items()
            if table != "ops.gate_result" or not NOT_JUDGED.items() <= json.loads(row).items()
        }
    )
    fault = "certificate of the insurance service not trusted, then the next run"
    nights.reconcile(fault, begun, anew, order, truth=expected)
