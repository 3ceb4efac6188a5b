"""The health insurance: entries with planted faults, and a server of the signed protocol that can misbehave."""

import base64
import copy
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.generator.cells import NBSP
from tests.generator.expectation import INSURANCE, Row
from tests.generator.population import Person, Population

JAKARTA = timezone(timedelta(hours=7))
CONS_ID, SECRET, USER_KEY = "12345", "a secret of the tests", "user-key-of-the-tests"


def make_entries(rng: Random, population: Population, persons: Sequence[Person]) -> list[Row]:
    """Entries for most persons, some with two cards, and for some that nobody surveyed."""
    return _Entries(rng, population).make(persons)


class _Entries:
    def __init__(self, rng: Random, population: Population) -> None:
        self.rng, self.population = rng, population
        self.rows: list[Row] = []

    def make(self, persons: Sequence[Person]) -> list[Row]:
        for person in persons:
            cards = self.rng.choices((0, 1, 2), (20, 74, 6))[0]
            self.rows += [self._entry(person) for _ in range(cards)]
        spare = [self._entry(self._stranger()) for _ in range(70)]
        self._reject(spare)
        self._null(spare)
        self._count(spare)
        self._repeat(spare)
        self.rows += spare
        self.rng.shuffle(self.rows)
        for number, row in enumerate(self.rows):
            row.identity = f"p{number}"
        return self.rows

    def _stranger(self) -> Person:
        birth = date(1950, 1, 1) + timedelta(days=self.rng.randrange(25000))
        sex = self.rng.choice((1, 2))
        return Person(self.population.nik(sex, birth), self.population.name(sex), sex, birth, "2104011001", "")

    def _entry(self, person: Person) -> Row:
        rng, as_of = self.rng, self.population.as_of
        begun = rng.choice((as_of, as_of + timedelta(days=1), date(2014, 1, 1), date(2020, 3, 1), None))
        ends = rng.choice((None, None, None, as_of, as_of - timedelta(days=1), as_of + timedelta(days=90)))
        begun = begun if begun is None or ends is None or begun <= ends else ends
        updated = datetime(2025, 1, 1, tzinfo=JAKARTA) + timedelta(seconds=rng.randrange(600 * 86400))
        updated = rng.choice((updated, updated.astimezone(UTC)))
        entry = {
            "noKartu": f"{self.population.next_serial():013d}",
            "nik": rng.choice((person.nik,) * 9 + (None,)),
            "nama": rng.choice((person.name, person.name.upper(), person.name)),
            "sex": "LP"[person.sex - 1],
            "tglLahir": person.birth.isoformat(),
            "statusPeserta": {"kode": rng.choice(("0", "0", "0", "0", "1", "6", None)), "keterangan": "STATUS"},
            "jenisPeserta": {"kode": "21", "keterangan": "PBI (APBN)"},
            "hakKelas": {"kode": "3", "keterangan": "KELAS III"},
            "provUmum": {"kdProvider": "0132B001", "nmProvider": "Puskesmas Dabo Lama"},
            "kodeDesa": rng.choice((person.village, person.village, None, "9999999999")),
            "tglTMT": begun and begun.isoformat(),
            "tglTAT": ends and ends.isoformat(),
            "updatedAt": rng.choice((updated.isoformat(), updated.isoformat(timespec="milliseconds"))),
        }
        typed = {
            **{key: entry[key] for key in ("noKartu", "nik", "nama", "sex", "kodeDesa")},
            "tglLahir": person.birth,
            "statusPeserta.kode": entry["statusPeserta"]["kode"],
            "tglTMT": begun,
            "tglTAT": ends,
        }
        return Row(INSURANCE, "peserta", typed, cells=entry)

    def _reject(self, spare: list[Row]) -> None:
        for rules, values in (
            *((("J01",), {"noKartu": card}) for card in (None, "", "123", "00012345678901", "000123456789X", " - ")),
            *((("J03",), {"nama": name}) for name in (None, "", "  ", f"{NBSP} ")),
            (("J01", "J03"), {"noKartu": "x", "nama": "", "nik": "1"}),
        ):
            row = spare.pop()
            row.cells.update(values)
            row.rejects.update(rules)
            self.rows.append(row)

    def _null(self, spare: list[Row]) -> None:
        for rule, column, values in (
            ("J04", "nik", ("1", "210401010190123", "21040101019012345", "2104O10101901234", "-")),
            ("J05", "sex", ("1", "X", "Perempuan")),
            ("J05", "tglLahir", ("1990-02-30", "0000-00-00", "tidak tahu", "1990")),
            ("J05", "tglTMT", ("2020-13-01", "kemarin")),
            ("J05", "tglTAT", ("2021-02-29", "seumur hidup")),
            ("J05", "updatedAt", ("kemarin", "2025-02-30T10:00:00+07:00")),
        ):
            for value in values:
                row = spare.pop()
                row.null(rule, column, value)
                self.rows.append(row)
        for begun, ends in (("2025-01-02", "2025-01-01"), ("2026-01-01", "2015-12-31")):
            row = spare.pop()
            row.null("J06", "tglTMT", begun)
            row.null("J06", "tglTAT", ends)
            self.rows.append(row)
        bare = spare.pop()  # whole objects left out: nothing that a rule would mind
        bare.cells.update({"statusPeserta": None, "jenisPeserta": None, "hakKelas": None, "provUmum": None})
        bare.typed["statusPeserta.kode"] = None
        self.rows.append(bare)
        same = spare.pop()  # begun and ended on one day: nothing wrong with it
        same.cells.update({"tglTMT": "2025-01-01", "tglTAT": "2025-01-01"})
        same.typed.update({"tglTMT": date(2025, 1, 1), "tglTAT": date(2025, 1, 1)})
        self.rows.append(same)
        row = spare.pop()  # an invalid end is no end before the beginning
        row.cells["tglTMT"], row.typed["tglTMT"] = "2026-01-01", date(2026, 1, 1)
        row.null("J05", "tglTAT", "00-00-0000")
        row.null("J04", "nik", "0")
        self.rows.append(row)

    def _count(self, spare: list[Row]) -> None:
        """J09: 365 days before the load are recent enough, by Jakarta's calendar; J07, J08 and J09 on one entry."""
        midnight = datetime.combine(self.population.as_of, datetime.min.time(), JAKARTA)
        for updated in (
            midnight - timedelta(days=365) + timedelta(minutes=30),
            (midnight - timedelta(days=365) + timedelta(minutes=30)).astimezone(UTC),
            midnight - timedelta(days=365, minutes=1),
            (midnight - timedelta(days=365, minutes=1)).astimezone(UTC),
        ):
            row = spare.pop()
            row.cells["updatedAt"] = updated.isoformat()
            self.rows.append(row)
        row = spare.pop()
        row.cells.update({"updatedAt": "2019-01-01T00:00:00+07:00", "kodeDesa": "9999999999", "nik": None})
        row.typed.update({"kodeDesa": "9999999999", "nik": None})
        row.null("J05", "tglLahir", "tidak tahu")
        self.rows.append(row)

    def _repeat(self, spare: list[Row]) -> None:
        """J02: the last of each group stays."""
        at = "2025-06-01T08:00:00+07:00"
        groups: list[list[dict[str, Any]]] = [
            [{"updatedAt": at}, {"updatedAt": "2025-06-01T08:00:01+07:00"}],
            [{"updatedAt": at}, {"updatedAt": "2025-06-01T02:00:00Z"}],
            [{"updatedAt": "2025-06-01T09:30:00+09:00"}, {"updatedAt": at}],
            [{"updatedAt": at}, {"updatedAt": "2025-06-01T08:00:00.250+07:00"}],
            [{"updatedAt": None}, {"updatedAt": "2001-01-01T00:00:00+07:00"}],
            [{"updatedAt": at, "nama": "Zul Karnain"}, {"updatedAt": at, "nama": "adi putra"}],
            [{"updatedAt": at, "nama": "Budi"}, {"updatedAt": at, "nama": "Budi Santoso"}],
            [{"updatedAt": at, "nama": "Ani Ａ"}, {"updatedAt": at, "nama": "Ani 😀"}],
            [{"updatedAt": "2025-06-01T01:00:00Z", "nama": "Abu"}, {"updatedAt": at, "nama": "Ucok"}],
            [{"updatedAt": at, "nama": "Abu"}, {"updatedAt": "2025-06-01T01:00:00Z", "nama": "Ucok"}],
            [{"updatedAt": at, "sex": "L"}, {"updatedAt": at, "sex": "P"}],
            [{"updatedAt": at, "nama": "Abu"}, {"updatedAt": at, "nama": "Cik"}, {"updatedAt": at, "nama": "Daud"}],
        ]
        for group in groups:
            original = spare.pop()
            copies = []
            for values in group:
                row = copy.deepcopy(original)
                row.cells.update(values)
                row.typed.update({key: value for key, value in values.items() if key != "updatedAt"})
                copies.append(row)
            for loser in copies[:-1]:
                loser.rejects.add("J02")
            self.rows += copies
        original = spare.pop()
        nameless = copy.deepcopy(original)
        original.cells["updatedAt"] = at
        nameless.cells.update({"updatedAt": "2026-06-01T08:00:00+07:00", "nama": " "})
        nameless.rejects.add("J03")
        self.rows += [nameless, original]


# ── server ───────────────────────────────────────────────────────────────────────────────────────────────────────


class InsuranceApi:
    """A server of the entries on 127.0.0.1, to be used as a context manager.

    `faults` hold by page number what goes wrong there, one a request until none is left: 503, 500, 502, 429 (status
    codes), "cut" (the connection ends in the body), "json" (no JSON), "code" (another metaData.code), "total" (a wrong
    total), "hang" (no answer for a while). `always` goes wrong on every request. `limit` is put into the connection.
    `overlap` repeats the last entry of each page on the next one. `requests` holds the status of each answer. With a
    `certificate` (the files of it and of its key) it speaks TLS. `clock` tells it the time.
    """

    def __init__(
        self,
        entries: list[dict[str, Any]],
        base_path: str = "",
        overlap: bool = True,
        regency: str = "2104",
        limit: int | None = None,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        self.entries, self.base_path, self.overlap, self.regency = entries, base_path, overlap, regency
        self.limit, self.certificate = limit, certificate
        self.clock: Callable[[], float] = time.time
        self.faults: dict[int, list[Any]] = {}
        self.always: Any = None
        self.requests: list[str] = []
        self.since: list[str] = []
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> "InsuranceApi":
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                api._answer(self)

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string(api.clock() if timestamp is None else timestamp)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if self.certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*self.certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        assert self._server
        port: int = self._server.server_address[1]
        return port

    def connection(self, secret: str = SECRET) -> dict[str, Any]:
        """The fields of an Airflow connection to this server."""
        extra: dict[str, Any] = {"user_key": USER_KEY, "retries": 2, "retry_wait": 0.1}  # patience costs time in tests
        if self.base_path:
            extra["base_path"] = self.base_path
        if self.limit:
            extra["limit"] = self.limit
        if self.regency != "2104":
            extra["regency_code"] = self.regency
        return {
            "conn_type": "http",
            "host": "127.0.0.1",
            "port": self.port,
            "schema": "https" if self.certificate else "http",
            "login": CONS_ID,
            "password": secret,
            "extra": extra,
        }

    def pages(self, limit: int) -> int:
        """How many pages hold entries."""
        step = limit - 1 if self.overlap and limit > 1 else limit
        return max(1, -(-(len(self.entries) - (limit - step)) // step))

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        with self._lock:
            planned = self.faults.get(int(query.get("page", "0")))
            fault = planned.pop(0) if planned else self.always
        if parts.path != f"{self.base_path}/peserta":
            self._send(request, 404, {"metaData": {"code": "404", "message": "Not found"}, "response": None})
        elif not self._signed(request):
            self._send(request, 401, {"metaData": {"code": "401", "message": "Unauthorized"}, "response": None})
        elif isinstance(fault, int):
            self._send(request, fault, {"metaData": {"code": str(fault), "message": "gangguan"}, "response": None})
        elif fault == "hang":
            time.sleep(3)
            request.close_connection = True
        elif fault == "json":
            self._send(request, 200, None, b'{"metaData": {"code": "200", "mess')
        elif fault == "code":
            self._send(request, 200, {"metaData": {"code": "500", "message": "sistem sibuk"}, "response": None})
        else:
            self._page(request, query, fault)

    def _signed(self, request: BaseHTTPRequestHandler) -> bool:
        cons_id, stamp = request.headers.get("X-cons-id", ""), request.headers.get("X-timestamp", "")
        digest = hmac.new(SECRET.encode(), f"{cons_id}&{stamp}".encode(), hashlib.sha256).digest()
        return (
            cons_id == CONS_ID
            and stamp.isdigit()
            and abs(self.clock() - int(stamp)) <= 300
            and hmac.compare_digest(base64.b64encode(digest).decode(), request.headers.get("X-signature", ""))
            and request.headers.get("user_key") == USER_KEY
        )

    def _page(self, request: BaseHTTPRequestHandler, query: dict[str, str], fault: Any) -> None:
        page, limit = int(query.get("page", "0")), int(query.get("limit", "0"))
        if not 1 <= limit <= 1000 or page < 1 or query.get("kodeKabupaten") != self.regency:
            self._send(request, 200, {"metaData": {"code": "400", "message": "parameter salah"}, "response": None})
            return
        entries = self.entries
        if since := query.get("updatedSince"):
            self.since.append(since)
            entries = [entry for entry in entries if _after(entry["updatedAt"], since)]
        if not entries:
            self._send(request, 200, {"metaData": {"code": "201", "message": "Tidak ada data"}, "response": None})
            return
        step = limit - 1 if self.overlap and limit > 1 else limit
        listed = entries[(page - 1) * step : (page - 1) * step + limit]
        total = len(entries) + (1 if fault == "total" else 0)
        body = {
            "metaData": {"code": "200", "message": "OK"},
            "response": {"list": listed, "page": page, "limit": limit, "total": total},
        }
        raw = json.dumps(body, ensure_ascii=False).encode()
        self._send(request, 200, None, raw[: len(raw) // 2] if fault == "cut" else raw, len(raw))

    def _send(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        body: dict[str, Any] | None,
        raw: bytes | None = None,
        length: int | None = None,
    ) -> None:
        raw = json.dumps(body).encode() if raw is None else raw
        self.requests.append(str(status))
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(raw) if length is None else length))
        if status == 429:
            request.send_header("Retry-After", "1")
        request.end_headers()
        request.wfile.write(raw)
        request.close_connection = length is not None and length != len(raw)


def _after(updated: str | None, since: str) -> bool:
    try:
        return updated is None or datetime.fromisoformat(updated) >= datetime.fromisoformat(since)
    except ValueError:
        return True
