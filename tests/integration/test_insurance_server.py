"""The sample's insurance API over real HTTP: the protocol, and every fault it can be told to commit."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from kampungkb.errors import ConfigurationError
from kampungkb.sample import serve_insurance
from kampungkb.sample.insurance_server import create_app

pytestmark = pytest.mark.integration

CONS_ID, SECRET, USER_KEY = "1234", "a secret", "a key"
ENTRIES = 12


def entry(number: int) -> dict[str, Any]:
    return {
        "noKartu": f"{number:013d}",
        "nik": f"21040101019000{number:02d}",
        "nama": f"NAMA {number}",
        "sex": "L",
        "tglLahir": "1990-01-01",
        "statusPeserta": {"kode": "0", "keterangan": "AKTIF"},
        "jenisPeserta": {"kode": "21", "keterangan": "PBI (APBN)"},
        "hakKelas": {"kode": "3", "keterangan": "KELAS III"},
        "provUmum": {"kdProvider": "03210401", "nmProvider": "PUSKESMAS"},
        "kodeDesa": None if number == 0 else "2104011001",
        "tglTMT": "2020-01-01",
        "tglTAT": None,
        "updatedAt": f"2026-11-{number + 1:02d}T08:00:00+07:00",
    }


LISTED = [entry(number) for number in range(ENTRIES)]


@dataclass
class Api:
    """A client that signs as the insurer asks."""

    url: str

    def headers(self, timestamp: int | None = None, secret: str = SECRET) -> dict[str, str]:
        stamp = str(int(time.time()) if timestamp is None else timestamp)
        mac = hmac.new(secret.encode(), f"{CONS_ID}&{stamp}".encode(), hashlib.sha256).digest()
        return {
            "X-cons-id": CONS_ID,
            "X-timestamp": stamp,
            "X-signature": base64.b64encode(mac).decode(),
            "user_key": USER_KEY,
        }

    def get(self, headers: dict[str, str] | None = None, timeout: float = 10, **query: Any) -> httpx.Response:
        asked = {"kodeKabupaten": "2104", **query}
        signed = self.headers() if headers is None else headers
        return httpx.get(f"{self.url}/peserta", params=asked, headers=signed, timeout=timeout)

    def page(self, number: int, limit: int = 5) -> dict[str, Any]:
        answer: dict[str, Any] = self.get(page=number, limit=limit).json()["response"]
        return answer

    def plan(self, *faults: dict[str, Any]) -> None:
        answer = httpx.put(f"{self.url}/_control/faults", json=faults, headers={"X-control-secret": SECRET})
        assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("entries") / "peserta.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in LISTED), encoding="utf-8")
    return path


def wait_for(port_file: Path) -> str:
    deadline = time.monotonic() + 30
    while not port_file.exists():
        assert time.monotonic() < deadline, "the server did not announce its port"
        time.sleep(0.02)
    return f"http://127.0.0.1:{port_file.read_text(encoding='ascii').strip()}"


@pytest.fixture(scope="module")
def server(entries: Path) -> Iterator[Api]:
    port_file = entries.with_name("port")
    how = {"cons_id": CONS_ID, "secret": SECRET, "user_key": USER_KEY, "port_file": port_file}
    threading.Thread(target=serve_insurance, args=(entries,), kwargs=how, daemon=True).start()
    yield Api(wait_for(port_file))


@pytest.fixture
def api(server: Api) -> Iterator[Api]:
    server.plan()
    yield server
    server.plan()


def test_pages_hold_the_entries_as_they_are(api: Api) -> None:
    answer = api.get(page=1, limit=1000)
    assert answer.status_code == 200
    assert answer.json() == {
        "metaData": {"code": "200", "message": "OK"},
        "response": {"list": LISTED, "page": 1, "limit": 1000, "total": ENTRIES},
    }


def test_pages_follow_each_other_without_gap(api: Api) -> None:
    pages = [api.page(number) for number in (1, 2, 3)]
    assert [one for page in pages for one in page["list"]] == LISTED
    assert {page["total"] for page in pages} == {ENTRIES}


def test_limit_is_500_unless_told(api: Api) -> None:
    assert api.get().json()["response"]["limit"] == 500


@pytest.mark.parametrize("query", [{"page": 4, "limit": 5}, {"kodeKabupaten": "9999", "page": 2, "limit": 1}])
def test_no_data_is_code_201_without_response(api: Api, query: dict[str, Any]) -> None:
    answer = api.get(**query)
    assert answer.status_code == 200
    assert (answer.json()["metaData"]["code"], answer.json()["response"]) == ("201", None)


def test_only_entries_changed_since_are_listed(api: Api) -> None:
    listed = api.get(updatedSince="2026-11-10T00:00:00+07:00").json()["response"]["list"]
    assert [one["noKartu"] for one in listed] == [one["noKartu"] for one in LISTED[9:]]


@pytest.mark.parametrize(
    "query", [{"limit": 1001}, {"limit": 0}, {"page": 0}, {"page": "x"}, {"updatedSince": "yesterday"}]
)
def test_impossible_queries_are_refused(api: Api, query: dict[str, Any]) -> None:
    assert api.get(**query).status_code == 400


def test_wrong_credentials_are_refused(api: Api) -> None:
    good = api.headers()
    wrong = [
        {**good, "X-cons-id": "other"},
        {**good, "X-signature": "AAAA"},
        {**good, "user_key": "other"},
        {name: value for name, value in good.items() if name != "X-timestamp"},
        api.headers(secret="another secret"),
        api.headers(timestamp=int(time.time()) - 310),
        api.headers(timestamp=int(time.time()) + 330),
    ]
    for headers in wrong:
        answer = api.get(headers)
        assert (answer.status_code, answer.json()["response"]) == (401, None)


def test_a_recorded_request_is_worth_nothing_once_its_five_minutes_are_over_and_cannot_be_renewed(api: Api) -> None:
    recorded = api.headers(timestamp=int(time.time()) - 298)
    assert api.get(recorded).status_code == 200
    deadline = time.monotonic() + 30
    while api.get(recorded).status_code == 200:
        assert time.monotonic() < deadline, "a signature of six minutes ago is still taken"
        time.sleep(0.2)
    for renewed in (int(time.time()), int(recorded["X-timestamp"]) + 1, f"{recorded['X-timestamp']}.5"):
        assert api.get({**recorded, "X-timestamp": str(renewed)}).status_code == 401


def test_a_clock_four_minutes_off_is_tolerated(api: Api) -> None:
    assert api.get(api.headers(timestamp=int(time.time()) - 240)).status_code == 200


def test_unauthorised_and_server_errors_on_request(api: Api) -> None:
    api.plan(
        {"kind": "unauthorised"},
        {"kind": "server_error", "status": 500},
        {"kind": "server_error", "status": 502},
        {"kind": "server_error"},
    )
    assert [api.get().status_code for _ in range(5)] == [401, 500, 502, 503, 200]


def test_too_many_requests_tell_when_to_come_back(api: Api) -> None:
    api.plan({"kind": "too_many_requests", "retry_after": 7})
    answer = api.get()
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


def test_silence_until_the_client_gives_up(api: Api) -> None:
    api.plan({"kind": "time_out", "seconds": 1.5})
    with pytest.raises(httpx.ReadTimeout):
        api.get(timeout=0.3)
    assert api.get().status_code == 200


def test_a_connection_cut_in_the_body(api: Api) -> None:
    api.plan({"kind": "connection_cut", "page": 2})
    assert api.get(page=1, limit=5).status_code == 200
    with pytest.raises(httpx.RemoteProtocolError):
        api.get(page=2, limit=5)
    assert api.get(page=2, limit=5).status_code == 200


def test_invalid_json(api: Api) -> None:
    api.plan({"kind": "invalid_json"})
    answer = api.get()
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_another_code_under_http_200(api: Api) -> None:
    api.plan({"kind": "refused_in_metadata", "code": "412"})
    answer = api.get()
    assert (answer.status_code, answer.json()["metaData"]["code"]) == (200, "412")


def test_a_total_that_changes_between_pages(api: Api) -> None:
    api.plan({"kind": "total_changes", "page": 1, "by": -3})
    assert [api.page(number)["total"] for number in (1, 2, 3)] == [ENTRIES - 3, ENTRIES, ENTRIES]


def test_the_same_entry_on_two_pages(api: Api) -> None:
    api.plan({"kind": "repeated_entry", "page": 2})
    first, second = api.page(1)["list"], api.page(2)["list"]
    assert second[0] == first[-1]
    assert second[1:] == LISTED[5:10]


def test_an_empty_last_page_that_was_announced(api: Api) -> None:
    api.plan({"kind": "empty_last_page"})
    pages = [api.page(number) for number in (1, 2, 3, 4)]
    assert [page["total"] for page in pages] == [16, 16, 16, ENTRIES]
    assert pages[-1]["list"] == []
    assert api.get(page=4, limit=5).json()["metaData"]["code"] == "201"


def test_faults_come_as_often_as_planned_and_where(api: Api) -> None:
    api.plan({"kind": "server_error", "page": 2, "times": 2}, {"kind": "unauthorised", "page": 3, "times": None})
    assert api.get(page=1, limit=5).status_code == 200
    assert [api.get(page=2, limit=5).status_code for _ in range(3)] == [503, 503, 200]
    assert [api.get(page=3, limit=5).status_code for _ in range(3)] == [401, 401, 401]
    left = httpx.get(f"{api.url}/_control/faults", headers={"X-control-secret": SECRET}).json()
    assert [fault["kind"] for fault in left] == ["unauthorised"]


def test_the_control_is_closed_without_the_secret(api: Api) -> None:
    for path in ("faults", "requests"):
        assert httpx.get(f"{api.url}/_control/{path}").status_code == 401
    assert httpx.put(f"{api.url}/_control/faults", json=[], headers={"X-control-secret": "x"}).status_code == 401


def test_a_fault_that_is_none_is_refused(api: Api) -> None:
    answer = httpx.put(
        f"{api.url}/_control/faults", json=[{"kind": "earthquake"}], headers={"X-control-secret": SECRET}
    )
    assert answer.status_code == 422


def test_requests_are_remembered_for_tests(api: Api) -> None:
    api.page(3, limit=4)
    seen = httpx.get(f"{api.url}/_control/requests", headers={"X-control-secret": SECRET}).json()
    assert seen[-1] == {"kodeKabupaten": "2104", "page": "3", "limit": "4", "status": 200}


def test_it_listens_on_this_machine_alone_under_a_base_path_and_ends_when_told(entries: Path, tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    script = (
        "import sys, pathlib; from kampungkb.sample import serve_insurance; "
        "from kampungkb.sample.insurance_faults import Fault; "
        "serve_insurance(pathlib.Path(sys.argv[1]), cons_id='1234', secret='a secret', user_key='a key', "
        "port_file=pathlib.Path(sys.argv[2]), base_path='/vclaim', faults=[Fault(kind='server_error')])"
    )
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", script, str(entries), str(port_file)], env=path)
    try:
        api = Api(wait_for(port_file) + "/vclaim")
        assert [api.get().status_code for _ in range(2)] == [503, 200]
        listening = Path("/proc/net/tcp")
        if listening.exists():
            port = int(api.url.split(":")[2].split("/")[0])
            local = [line.split()[1] for line in listening.read_text(encoding="ascii").splitlines()[1:]]
            assert f"0100007F:{port:04X}" in local and f"00000000:{port:04X}" not in local
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_entries_that_cannot_be_read_are_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "peserta.parquet").write_bytes(b"no parquet")
    for name in ("peserta.parquet", "missing.jsonl"):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            create_app(tmp_path / name, CONS_ID, SECRET, USER_KEY)
