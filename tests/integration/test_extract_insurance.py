"""The health insurance: a real HTTP service that misbehaves, fetched to the last entry or not at all."""

import base64
import datetime as dt
import gzip
import hashlib
import hmac
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow.parquet as pq
import pytest

from kampungkb.connections import HEALTH_INSURANCE, Connection
from kampungkb.errors import ConfigurationError, ContractError, KampungkbError, SourceRefused, SourceUnavailable
from kampungkb.landing import extract, read_manifest
from kampungkb.refs import Snapshot
from kampungkb.run import Run
from kampungkb.sources import insurance, insurance_api

pytestmark = pytest.mark.integration

SECRET = "a secret of the test"


def entry(number: int, **other: Any) -> dict[str, Any]:
    return {
        "noKartu": f"{number:013}",
        "nik": f"{number:016}",
        "nama": f"NAMA {number}",
        "sex": "L",
        "tglLahir": "1990-02-03",
        "statusPeserta": {"kode": "0", "keterangan": "AKTIF"},
        "jenisPeserta": {"kode": "21", "keterangan": "PBI (APBN)"},
        "hakKelas": {"kode": "3", "keterangan": "KELAS III"},
        "provUmum": {"kdProvider": "0001", "nmProvider": "PUSKESMAS"},
        "kodeDesa": "2104011001",
        "tglTMT": "2014-01-01",
        "tglTAT": None,
        "updatedAt": "2026-11-01T08:00:00+07:00",
        **other,
    }


Answer = tuple[int, dict[str, str], bytes | None]


@dataclass
class Insurer:
    """A service with entries, and faults to play: each is asked once a request and may answer in its place."""

    entries: list[dict[str, Any]]
    faults: list[Callable[[int], Answer | None]] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    refused: int = 0
    total: Callable[[int], int] | None = None
    pages: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    code: Any = "200"
    pause: float = 0.0
    port: int = 0

    def connection(self, **changes: Any) -> Connection:
        extra = {"user_key": "key", "limit": 10, "retry_wait": 0, "timeout": 5, **changes.pop("extra", {})}
        fields = {"conn_type": "http", "host": "127.0.0.1", "port": self.port, "login": "1234", "password": SECRET}
        return Connection.model_validate({**fields, "extra": extra, **changes})

    def answer(self, path: str, headers: Any) -> Answer:
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        page, limit = int(query["page"]), int(query["limit"])
        self.asked.append(page)
        expected = hmac.new(SECRET.encode(), f"1234&{headers['X-timestamp']}".encode(), hashlib.sha256).digest()
        fresh = abs(time.time() - int(headers["X-timestamp"])) < 300
        signed = headers["X-signature"] == base64.b64encode(expected).decode() and headers["X-cons-id"] == "1234"
        if not (fresh and signed and headers["user_key"] == "key"):
            self.refused += 1
            return 401, {}, b"{}"
        if parts.path != "/peserta" or query["kodeKabupaten"] != "2104" or limit > 1000:
            return 404, {}, b""
        for fault in self.faults:
            played = fault(page)
            if played is not None:
                return played
        time.sleep(self.pause)
        listed = self.pages.get(page, self.entries[(page - 1) * limit : page * limit])
        total = self.total(page) if self.total else len(self.entries)
        return 200, {}, document(listed, page, limit, total, self.code)


def document(entries: list[dict[str, Any]], page: int, limit: int, total: int, code: Any = "200") -> bytes:
    response = {"list": entries, "page": page, "limit": limit, "total": total}
    return json.dumps({"metaData": {"code": code, "message": "OK"}, "response": response}).encode()


def no_data() -> bytes:
    return json.dumps({"metaData": {"code": "201", "message": "Tidak ada data"}, "response": None}).encode()


def once(page: int, *answers: Answer) -> Callable[[int], Answer | None]:
    """A fault that answers a page with each of the given answers, once."""
    left = list(answers)
    return lambda asked: left.pop(0) if asked == page and left else None


CUT = (200, {}, None)


@pytest.fixture
def insurer() -> Iterator[Insurer]:
    service = Insurer([entry(n) for n in range(25)])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = service.answer(self.path, self.headers)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            whole = body if body is not None else b'{"metaData": {"code": "200"'
            self.send_header("Content-Length", str(len(whole) + (1000 if body is None else 0)))
            self.end_headers()
            self.wfile.write(whole)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.port = server.server_port
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield service
    server.shutdown()
    server.server_close()


Land = Callable[..., Snapshot]


@pytest.fixture
def land(run: Run, insurer: Insurer) -> Land:
    def _land(night: int = 0, connection: Connection | None = None, **changes: Any) -> Snapshot:
        connections = {HEALTH_INSURANCE: connection or insurer.connection()}
        as_of = run.as_of + dt.timedelta(days=night)
        return extract(replace(run, as_of=as_of, connections=connections, **changes), HEALTH_INSURANCE)

    return _land


def entries(snapshot: Snapshot) -> list[dict[str, Any]]:
    return pq.read_table(snapshot.path / "peserta.parquet").to_pylist()


def kept(run: Run) -> Path:
    return run.settings.lake / "fetching" / HEALTH_INSURANCE


def test_all_pages_land_flat_and_as_text(land: Land, insurer: Insurer, run: Run) -> None:
    insurer.entries[3] = entry(3, kodeDesa=None, hakKelas={"kode": 3, "keterangan": None}, provUmum=None)
    landed = entries(land())
    assert [row["noKartu"] for row in landed] == [f"{n:013}" for n in range(25)]
    assert insurer.asked == [1, 2, 3]
    assert (landed[0]["statusPeserta.kode"], landed[0]["updatedAt"]) == ("0", "2026-11-01T08:00:00+07:00")
    odd = landed[3]
    assert [odd[n] for n in ("kodeDesa", "hakKelas.kode", "provUmum.kdProvider")] == [None, "3", None]
    assert not kept(run).exists()


def test_a_thousand_entries_are_asked_for_at_once_by_default(land: Land, insurer: Insurer) -> None:
    connection = insurer.connection(extra={"limit": None})
    assert (land(connection=connection).read, insurer.asked) == ({"peserta": 25}, [1])


def test_the_next_page_is_asked_for_while_one_is_worked_on(land: Land, insurer: Insurer) -> None:
    second = threading.Event()
    insurer.faults.append(lambda page: second.set() if page == 2 else None)
    worked_on: list[bool] = []
    land(tell=lambda _: worked_on.append(second.wait(10)))
    assert worked_on[0]


@pytest.mark.parametrize(
    "faults",
    [
        [(429, {"Retry-After": "0"}, b"")],
        [(429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, b"")],
        [(500, {}, b""), (502, {}, b"<html>"), (503, {"Retry-After": "0"}, b"")],
        [CUT],
        [(200, {}, b'{"metaData": {"code": "200"}, "response": {"li')],
        [(200, {}, b"<html>maintenance</html>"), (200, {}, b""), (200, {}, b"[]"), (200, {}, b"null")],
        [(200, {}, b'{"metaData": {"code": "200"}, "response": {"list": [NaN], "total": 1}}')],
        [(200, {}, b'{"metaData": {"code": "200"}, "response": null}')],
        [(200, {}, b'{"metaData": {"code": "200"}, "response": {"list": [], "total": 1e999999999}}')],
        [(200, {}, b'{"metaData": {"code": "200"}, "response": {"list": [], "total": ' + b"9" * 9999 + b"}}")],
        [(200, {}, b"[" * 100_000)],
        [(200, {"Content-Encoding": "gzip"}, gzip.compress(b" " * 128 * 1024**2))],
        [(200, {"Content-Encoding": "gzip"}, b"no gzip")],
        [(200, {}, document([], 2, 10, 25, code="503")), (200, {}, document([], 2, 10, 25, code=500))],
    ],
    ids=[
        *("429", "429 date", "5xx", "cut", "half a document", "no document", "NaN", "no response", "endless total"),
        *("many digits", "deep", "gzip bomb", "no gzip", "code"),
    ],
)
def test_a_fault_that_passes_is_tried_again(land: Land, insurer: Insurer, faults: list[Answer]) -> None:
    insurer.faults = [once(2, *faults)]
    assert land().read == {"peserta": 25}
    assert insurer.asked == [1, *[2] * (len(faults) + 1), 3]


def test_a_time_out_is_tried_again(land: Land, insurer: Insurer) -> None:
    def hang(page: int) -> None:
        if page == 2 and insurer.asked.count(2) == 1:
            time.sleep(0.6)

    insurer.faults = [hang]
    assert land(connection=insurer.connection(extra={"timeout": 0.3})).read == {"peserta": 25}


def test_retry_after_is_honoured_within_bounds(
    land: Land, insurer: Insurer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(insurance_api, "LONGEST_RETRY_AFTER", 0.2)
    insurer.faults = [once(1, (503, {"Retry-After": "86400"}, b""))]
    started = time.monotonic()
    land()
    assert 0.2 <= time.monotonic() - started < 10
    assert "page 1: HTTP 503; try 2 follows in 0.2 s" in caplog.text


def test_a_fault_that_stays_is_unavailable_and_the_next_try_goes_on(land: Land, insurer: Insurer, run: Run) -> None:
    insurer.faults = [lambda page: (503, {}, b"") if page == 3 else None]
    with pytest.raises(SourceUnavailable, match=r"does not give page 3: HTTP 503 \(tried 6 times\)"):
        land()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in kept(run).iterdir()}
    assert (modes, stat.S_IMODE(kept(run).stat().st_mode)) == ({0o600}, 0o700)
    insurer.faults, insurer.asked = [], []
    assert land().read == {"peserta": 25}
    assert insurer.asked == [3]


def test_pages_of_another_night_are_not_used(land: Land, insurer: Insurer) -> None:
    insurer.faults = [lambda page: (503, {}, b"") if page == 3 else None]
    with pytest.raises(SourceUnavailable):
        land(0)
    insurer.faults, insurer.asked = [], []
    land(1)
    assert insurer.asked == [1, 2, 3]


def test_pages_that_are_those_of_the_snapshot_before_are_fetched_and_not_read(
    land: Land, insurer: Insurer, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    first = land(0)
    insurer.asked = []
    second = land(1)
    assert insurer.asked == [1, 2, 3]
    assert f"all 3 pages are those of snapshot {first.snapshot_id}" in caplog.text
    told = [read_manifest(each.path).model_dump(include=_TOLD) for each in (first, second, land(1, force=True))]
    assert told[0] == told[1] == told[2]
    assert not kept(run).exists()


_TOLD = {"tables", "watermark", "drift", "types"}


def _another_entry(insurer: Insurer) -> None:
    insurer.entries[-1] |= {"sex": "P"}


def _one_more(insurer: Insurer) -> None:
    insurer.entries.append(entry(25))


def _one_less(insurer: Insurer) -> None:
    insurer.entries.pop(12)


def _none(insurer: Insurer) -> None:
    insurer.entries.clear()


@pytest.mark.parametrize("change", [_another_entry, _one_more, _one_less, _none])
def test_any_other_page_is_read_with_all_others(
    change: Callable[[Insurer], None], land: Land, insurer: Insurer, caplog: pytest.LogCaptureFixture
) -> None:
    land(0)
    change(insurer)
    caplog.set_level("INFO")
    changed = land(1)
    assert "those of snapshot" not in caplog.text
    assert [row["noKartu"] for row in entries(changed)] == [told["noKartu"] for told in insurer.entries]
    assert entries(changed) == entries(land(1, force=True))


def test_the_size_of_a_page_belongs_to_what_is_compared(land: Land, insurer: Insurer) -> None:
    """A service that ignores the size it is asked for sends the same bytes, and ends with another page."""
    first = land(0, insurer.connection(extra={"user_key": "key", "limit": 30, "retry_wait": 0}))
    second = land(1, insurer.connection(extra={"user_key": "key", "limit": 40, "retry_wait": 0}))
    pages = [pq.read_table(each.path / "pages.parquet") for each in (first, second)]
    assert pages[0] != pages[1]
    assert entries(first) == entries(second)


@pytest.mark.parametrize("hours", [-13, 13])
def test_pages_that_were_kept_at_another_half_of_the_day_are_not_used(
    land: Land, insurer: Insurer, run: Run, hours: int
) -> None:
    """Kept too long ago, or by a clock that has been set back since."""
    insurer.faults = [lambda page: (503, {}, b"") if page == 3 else None]
    with pytest.raises(SourceUnavailable):
        land()
    label = kept(run) / "fetch.json"
    told = json.loads(label.read_bytes())
    moved = dt.datetime.fromisoformat(told["started_at"]) + dt.timedelta(hours=hours)
    label.write_text(json.dumps({**told, "started_at": moved.isoformat()}), encoding="utf-8")
    insurer.faults, insurer.asked = [], []
    land()
    assert insurer.asked == [1, 2, 3]


def test_a_killed_process_is_gone_on_with(land: Land, insurer: Insurer, run: Run, tmp_path: Path) -> None:
    insurer.pause = 0.05
    insurer.entries = [entry(n) for n in range(300)]
    script = (
        "from datetime import date; from kampungkb.connections import connections_from_environment as c;"
        "from kampungkb.landing import extract; from kampungkb.run import Run;"
        "from kampungkb.settings import load_settings;"
        f"extract(Run('r', date({run.as_of:%Y, %-m, %-d}), load_settings(), c()), 'health_insurance')"
    )
    fields = insurer.connection().model_dump(mode="json", by_alias=True) | {"password": SECRET}
    key = run.settings.pseudonym_key
    assert key is not None
    environment = os.environ | {
        "AIRFLOW_CONN_HEALTH_INSURANCE": json.dumps(fields),
        "KAMPUNGKB_PSEUDONYM_KEY": key.get_secret_value(),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    process = subprocess.Popen([sys.executable, "-c", script], env=environment)
    while len(insurer.asked) < 5:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    have = len(list(kept(run).glob("page-*.json")))
    assert have >= 4
    insurer.asked = []
    assert land().read == {"peserta": 300}
    assert insurer.asked == list(range(have + 1, 31))
    assert [p.name for p in (run.settings.lake / "landing" / HEALTH_INSURANCE).iterdir()] == [f"{run.as_of}.1"]


def test_a_wrong_secret_or_clock_is_refused_at_once(
    land: Land, insurer: Insurer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceRefused, match="refuses the signature") as caught:
        land(connection=insurer.connection(password="other secret"))
    assert "other secret" not in str(caught.value)
    late = SimpleNamespace(time=lambda: time.time() - 3600, monotonic=time.monotonic)
    monkeypatch.setattr(insurance_api, "time", late)
    with pytest.raises(SourceRefused, match="clock"):
        land()
    assert insurer.refused == 2


def test_code_401_in_an_answer_is_refused(land: Land, insurer: Insurer) -> None:
    insurer.code = 401
    with pytest.raises(SourceRefused, match="code 401"):
        land()
    assert insurer.asked == [1]


def test_a_code_as_number_is_the_same_as_text(land: Land, insurer: Insurer) -> None:
    insurer.code = 200
    assert land().read == {"peserta": 25}


def test_no_data_is_an_empty_source(land: Land, insurer: Insurer, caplog: pytest.LogCaptureFixture) -> None:
    insurer.faults = [lambda page: (200, {}, no_data())]
    assert land().read == {"peserta": 0}
    assert "no entry for regency 2104" in caplog.text


def test_identical_entries_are_one_and_differing_ones_stay(land: Land, insurer: Insurer) -> None:
    first, second = insurer.entries[:10], insurer.entries[10:20]
    differing = entry(9, updatedAt="2026-11-02T08:00:00+07:00")
    insurer.pages = {2: [first[-1], *second[:-1]], 3: [second[-1], *insurer.entries[20:], differing]}
    insurer.total = lambda page: 26
    landed = [row["noKartu"] for row in entries(land())]
    assert (len(landed), landed.count(f"{9:013}")) == (26, 2)


def test_an_entry_that_arrives_meanwhile_is_fetched_with_the_last_page(land: Land, insurer: Insurer) -> None:
    """The new entry moves all others by one: one stands on two pages, and the last page is longer."""

    def arrive(page: int) -> None:
        if page == 2 and len(insurer.entries) == 25:
            insurer.entries.insert(5, entry(99))

    insurer.faults = [arrive]
    with_restart = land()
    assert with_restart.read == {"peserta": 26}
    assert insurer.asked == [1, 2, 3, 4, 1, 2, 3]


def test_a_total_that_grows_asks_for_a_further_page(land: Land, insurer: Insurer) -> None:
    insurer.entries = [entry(n) for n in range(31)]
    insurer.total = lambda page: 30 if page < 3 else 31
    assert land().read == {"peserta": 31}
    assert insurer.asked == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("last", "asked"),
    [(document([], 3, 10, 20), [1, 2, 3]), (no_data(), [1, 2, 3, 1, 2])],
    ids=["empty list with the new total", "no data and no total"],
)
def test_an_empty_last_page_ends_the_fetch(land: Land, insurer: Insurer, last: bytes, asked: list[int]) -> None:
    """An entry left after the first page was read: nothing is there for the page that its total announced."""
    insurer.entries = insurer.entries[:20]
    insurer.total = lambda page: 20 if 3 in insurer.asked else 21
    insurer.faults = [lambda page: (200, {}, last) if page == 3 else None]
    assert land().read == {"peserta": 20}
    assert insurer.asked == asked


def test_pages_shorter_than_asked_for_are_followed_to_the_end(land: Land, insurer: Insurer) -> None:
    insurer.pages = {n: insurer.entries[(n - 1) * 4 : n * 4] for n in range(1, 9)}
    assert land().read == {"peserta": 25}


def test_a_difference_to_the_total_is_fetched_once_more_and_then_unavailable(
    land: Land, insurer: Insurer, run: Run
) -> None:
    insurer.total = lambda page: 27
    with pytest.raises(SourceUnavailable, match=r"twice: 25 distinct entries, total 27"):
        land()
    assert insurer.asked == [1, 2, 3, 4] * 2
    assert not kept(run).exists()


def test_a_service_that_ignores_the_page_is_left_soon(land: Land, insurer: Insurer) -> None:
    insurer.faults = [lambda page: (200, {}, document(insurer.entries[:10], page, 10, 10**9))]
    with pytest.raises(SourceUnavailable, match=r"twice: 10 distinct entries, total 1000000000"):
        land()
    assert insurer.asked == [1, 2, 3, 4] * 2


def test_a_service_without_end_is_left_at_a_bound(
    land: Land, insurer: Insurer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(insurance, "MOST_PAGES", 20)
    insurer.faults = [lambda page: (200, {}, document([entry(page)], page, 1, page + 1))]
    with pytest.raises(SourceUnavailable, match=r"more than 20 pages for regency 2104. Ask the insurer"):
        land()


def test_values_of_any_kind_land_as_text(land: Land, insurer: Insurer) -> None:
    """Numbers too long to write out keep their exponent; what no file or database can hold is replaced."""
    listed = "".join(
        f'{{"noKartu": "{number}", "nama": {part}}},'
        for number, part in enumerate(
            ['"A\\u0000NI"', '"\\ud800"', "1e999999999", "-0.0", "12345678901234567890", "true", "[1, null]", '""']
        )
    )
    body = document([entry(0)], 1, 10, 9).replace(b'"list": [', b'"list": [' + listed.encode())
    insurer.faults = [lambda page: (200, {}, body)]
    names = [row["nama"] for row in entries(land())[:8]]
    assert names == ["A\ufffdNI", "?", "1E+999999999", "0", "12345678901234567890", "true", "[1, null]", ""]


def test_a_difference_that_passes_is_no_fault(land: Land, insurer: Insurer) -> None:
    insurer.faults = [once(2, (200, {}, document(insurer.entries[10:19], 2, 10, 25)))]
    assert land().read == {"peserta": 25}
    assert insurer.asked.count(1) == 2


def test_unknown_fields_are_drift_and_a_missing_needed_one_stops(land: Land, insurer: Insurer, run: Run) -> None:
    insurer.entries = [
        {**entry(1), "hp": "x", "provUmum": {"kdProvider": "1", "lat": 0.5}},
        {**entry(2), "provUmum": None},
    ]
    drift = {(d.column, d.change) for d in read_manifest(land().path).drift}
    assert drift == {("hp", "unknown"), ("provUmum.lat", "unknown"), ("provUmum.nmProvider", "missing")}
    for one in insurer.entries:
        del one["tglTMT"]
    with pytest.raises(ContractError, match="needed field tglTMT"):
        land(1)
    assert not kept(run).exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"password": None}, r"password \(the secret\)"),
        ({"login": None}, "cons-id"),
        ({"extra": {"user_key": None}}, "user_key"),
        ({"schema": "api/v1"}, "base_path"),
        ({"extra": {"retry_wait": "soon"}}, "no number"),
        ({"extra": {"base_path": "/elsewhere"}}, "HTTP 404"),
    ],
)
def test_a_wrong_connection_says_what_to_correct(
    land: Land, insurer: Insurer, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        land(connection=insurer.connection(**changes))


def test_a_closed_port_is_unavailable(land: Land, insurer: Insurer) -> None:
    with pytest.raises(SourceUnavailable, match="no connection"):
        land(connection=insurer.connection(port=1))


def test_no_value_stands_in_the_log(land: Land, insurer: Insurer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="kampungkb")
    insurer.faults = [once(2, CUT)]
    land()
    with pytest.raises(KampungkbError):
        land(1, connection=insurer.connection(password="wrong"))
    for secret in (SECRET, "NAMA", f"{3:013}", f"{3:016}"):
        assert secret not in caplog.text
