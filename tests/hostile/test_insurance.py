"""The insurance service with every fault it may commit, over real HTTP: all entries in the end, or a clear reason."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import httpx
import pyarrow.parquet as pq
import pytest

from kampungkb.connections import HEALTH_INSURANCE, Connection
from kampungkb.errors import SourceRefused, SourceUnavailable
from kampungkb.landing import extract
from kampungkb.refs import Snapshot
from kampungkb.run import Run
from kampungkb.sample import serve_insurance
from kampungkb.sample.insurance_faults import FaultKind
from tests.integration.validation_landing import run_validation

pytestmark = pytest.mark.integration

CONS_ID, SECRET, USER_KEY = "1234", "a secret", "a key"
ENTRIES = 25
SECONDS = 30
EVERY_KIND = get_args(FaultKind)
PASSING = [kind for kind in EVERY_KIND if kind != "unauthorised"]

# What is said where a fault stays. An entry told on two pages, or a page announced too many, is none that stops.
LASTING = {
    "too_many_requests": "does not give page 2: HTTP 429 (tried 3 times). Check the network and ask the insurer's",
    "server_error": "does not give page 2: HTTP 503 (tried 3 times). Check the network",
    "time_out": "does not give page 2: no answer in time (tried 3 times). Check the network",
    "connection_cut": "does not give page 2: the answer broke off (tried 3 times). Check the network",
    "invalid_json": "does not give page 2: the answer is cut short or not of the documented form (tried 3 times)",
    "refused_in_metadata": "does not give page 2: the service reports code 500 (tried 3 times). Check the network",
    "total_changes": "counts otherwise than it delivers, twice: 25 distinct entries, total 26. Its data probably",
}


def entry(number: int) -> dict[str, Any]:
    return {
        "noKartu": f"{number:013d}",
        "nik": f"21040101019000{number:02d}",
        "nama": f"NAMA {number}",
        "sex": "L",
        "tglLahir": "1990-01-01",
        "statusPeserta": {"kode": "0", "keterangan": "AKTIF"},
        "kodeDesa": "2104011001",
        "tglTMT": "2020-01-01",
        "tglTAT": None,
        "updatedAt": "2026-11-01T08:00:00+07:00",
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> int:
    folder = tmp_path_factory.mktemp("insurance")
    listed, port = folder / "peserta.jsonl", folder / "port"
    listed.write_text("".join(json.dumps(entry(number)) + "\n" for number in range(ENTRIES)), encoding="utf-8")
    how = {"cons_id": CONS_ID, "secret": SECRET, "user_key": USER_KEY, "port_file": port}
    threading.Thread(target=serve_insurance, args=(listed,), kwargs=how, daemon=True).start()
    deadline = time.monotonic() + SECONDS
    while not port.exists():
        assert time.monotonic() < deadline, "the server did not announce its port"
        time.sleep(0.02)
    return int(port.read_text(encoding="ascii"))


class Service:
    """The sample server, the faults it is told to commit, and nights that read it."""

    def __init__(self, run: Run, port: int) -> None:
        extra = {"user_key": USER_KEY, "limit": 10, "retries": 2, "retry_wait": 0.01, "timeout": 0.5}
        fields = {"conn_type": "http", "host": "127.0.0.1", "port": port, "login": CONS_ID, "password": SECRET}
        self.run = replace(run, connections={HEALTH_INSURANCE: Connection.model_validate({**fields, "extra": extra})})
        self._control = f"http://127.0.0.1:{port}/_control/faults"

    def plan(self, *faults: dict[str, Any]) -> None:
        told = [{"seconds": 1, "retry_after": 0, **fault} for fault in faults]
        httpx.put(self._control, json=told, headers={"X-control-secret": SECRET}).raise_for_status()

    def left(self) -> list[Any]:
        planned: list[Any] = httpx.get(self._control, headers={"X-control-secret": SECRET}).json()
        return planned

    def land(self, night: int = 0) -> Snapshot:
        started = time.monotonic()
        try:
            return extract(replace(self.run, as_of=self.run.as_of + timedelta(days=night)), HEALTH_INSURANCE)
        finally:
            assert time.monotonic() - started < SECONDS


@pytest.fixture
def service(run: Run, server: int) -> Iterator[Service]:
    told = Service(run, server)
    told.plan()
    yield told
    told.plan()


def cards(snapshot: Snapshot) -> list[str]:
    found: list[str] = sorted(pq.read_table(snapshot.path / "peserta.parquet")["noKartu"].to_pylist())
    return found


ALL = [f"{number:013d}" for number in range(ENTRIES)]


@pytest.mark.parametrize("kind", PASSING)
def test_a_fault_that_passes_loses_and_doubles_no_entry(service: Service, kind: str) -> None:
    service.plan({"kind": kind, "page": None if kind == "empty_last_page" else 2})
    assert cards(service.land()) == ALL
    assert service.left() == []


def test_all_faults_in_one_night_lose_and_double_no_entry(service: Service) -> None:
    service.plan(
        *({"kind": "server_error", "page": 1, "status": status} for status in (500, 502)),
        {"kind": "too_many_requests", "page": 2},
        {"kind": "invalid_json", "page": 2},
        {"kind": "repeated_entry", "page": 2},
        {"kind": "time_out", "page": 3},
        {"kind": "connection_cut", "page": 3},
        {"kind": "total_changes", "page": 1},
        {"kind": "empty_last_page"},
    )
    assert cards(service.land()) == ALL


@pytest.mark.parametrize("kind", LASTING)
def test_a_fault_that_stays_is_named_and_says_what_to_do(service: Service, kind: str) -> None:
    service.plan({"kind": kind, "page": 3 if kind == "total_changes" else 2, "times": None})
    with pytest.raises(SourceUnavailable) as caught:
        service.land()
    assert LASTING[kind] in str(caught.value)
    assert "NAMA" not in str(caught.value)


@pytest.mark.parametrize("kind", LASTING)
def test_the_last_good_snapshot_stands_in_for_a_fault_that_stays(service: Service, kind: str) -> None:
    good = service.land()
    service.plan({"kind": kind, "page": 3 if kind == "total_changes" else 2, "times": None})
    stale = service.land(1)
    assert (stale.stale, stale.snapshot_id, cards(stale)) == (True, good.snapshot_id, ALL)
    service.plan()
    healed = service.land(2)
    assert (healed.stale, cards(healed)) == (False, ALL)


def test_a_refused_signature_stops_at_once_and_nothing_stands_in(service: Service) -> None:
    service.land()
    service.plan({"kind": "unauthorised"})
    with pytest.raises(SourceRefused, match=r"refuses the signature \(HTTP 401\)\. Check login") as caught:
        service.land(1)
    assert SECRET not in str(caught.value)


def test_every_kind_of_fault_is_told_in_these_tests() -> None:
    assert {*PASSING, "unauthorised"} == set(EVERY_KIND)
    assert {*LASTING, "unauthorised", "repeated_entry", "empty_last_page"} == set(EVERY_KIND)


def test_what_faults_left_is_valid(service: Service, run: Run) -> None:
    service.plan({"kind": "repeated_entry", "page": 2}, {"kind": "repeated_entry", "page": 3})
    validated = run_validation(run, service.land())
    assert validated.rows("select count(*) from peserta") == [(ENTRIES,)]
    assert validated.rows("select count(*) from quarantine where action = 'row'") == [(0,)]
