"""The health insurer's API over sample entries: the protocol of the real service, and its faults on request.

`GET /peserta` answers as the insurer does. `/_control/faults` (GET, PUT a JSON list, DELETE) and
`/_control/requests` (GET) are for tests; they ask for the header `X-control-secret`.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import os
import socket
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from kampungkb.sample.insurance_entries import Entries, read_entries
from kampungkb.sample.insurance_faults import FAULTS, Fault, FaultBook

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
SIGNATURE_LIFE = 300  # seconds
LIMIT_DEFAULT, LIMIT_GREATEST = 500, 1000
KEPT = 4  # pages

_Places = tuple[str, float | None, int, int]
"""Entries of a regency, changed since an instant: the place of the first, and that behind the last."""


def signature(cons_id: str, timestamp: str, secret: str) -> str:
    """base64 of HMAC-SHA256 over cons-id & timestamp."""
    mac = hmac.new(secret.encode(), f"{cons_id}&{timestamp}".encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def _answer(code: str, message: str, response: Any = None, status: int = 200) -> Response:
    body = msgspec.json.encode({"metaData": {"code": code, "message": message}, "response": response})
    return Response(body, status, media_type="application/json")


class _CutResponse(Response):
    """Announces the whole body, sends half of it and drops the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


class _Service:
    """What the routes share: the entries, the credentials, the planned faults and the requests seen."""

    def __init__(self, entries: Entries, cons_id: str, secret: str, user_key: str, faults: Sequence[Fault]) -> None:
        self._entries = entries
        self._cons_id, self._secret, self._user_key = cons_id, secret, user_key
        self._faults = FaultBook(faults)
        self._renderer = ThreadPoolExecutor(1)
        self._rendering: dict[_Places, Future[msgspec.Raw]] = {}
        self._seen: list[dict[str, Any]] = []

    async def peserta(self, request: Request) -> Response:
        query = request.query_params
        response = await self._peserta(request.headers, query)
        self._seen.append({**query, "status": response.status_code})
        return response

    async def _peserta(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Response:
        refusal = self._refusal(headers)
        if refusal:
            return _answer("401", refusal, status=401)
        try:
            page, limit = int(query.get("page", "1")), int(query.get("limit", str(LIMIT_DEFAULT)))
            regency = query["kodeKabupaten"]
            # A plus sign that the client did not escape arrives as a blank.
            since = query.get("updatedSince", "").replace(" ", "+")
            since_instant = datetime.fromisoformat(since).timestamp() if since else None
            if page < 1 or not 1 <= limit <= LIMIT_GREATEST:
                raise ValueError
        except (KeyError, ValueError):
            return _answer("400", "kodeKabupaten, page, limit (at most 1000) or updatedSince is wrong", status=400)
        return await self._hindered(page) or await self._page(regency, page, limit, since_instant)

    def _refusal(self, headers: Mapping[str, str]) -> str | None:
        given = headers.get("x-timestamp", "")
        if not hmac.compare_digest(headers.get("x-cons-id", "").encode(), self._cons_id.encode()):
            return "Unknown X-cons-id"
        if not given.isascii() or not given.isdigit() or abs(time.time() - int(given)) > SIGNATURE_LIFE:
            return "X-timestamp is missing or not within 5 minutes"
        expected = signature(self._cons_id, given, self._secret)
        if not hmac.compare_digest(headers.get("x-signature", "").encode(), expected.encode()):
            return "X-signature is wrong"
        if not hmac.compare_digest(headers.get("user_key", "").encode(), self._user_key.encode()):
            return "user_key is wrong"
        return None

    async def _hindered(self, page: int) -> Response | None:
        fault = self._faults.take(
            page,
            ("unauthorised", "too_many_requests", "server_error", "time_out", "invalid_json", "refused_in_metadata"),
        )
        match fault:
            case None:
                return None
            case Fault(kind="unauthorised"):
                return _answer("401", "Unauthorized", status=401)
            case Fault(kind="too_many_requests", retry_after=seconds):
                answer = _answer("429", "Too many requests", status=429)
                answer.headers["Retry-After"] = str(seconds)
                return answer
            case Fault(kind="server_error", status=status):
                return Response("<html><body>upstream failed</body></html>", status, media_type="text/html")
            case Fault(kind="invalid_json"):
                return Response('{"metaData": {"code": "200", "mess', media_type="application/json")
            case Fault(kind="refused_in_metadata", code=code):
                return _answer(code, "The service could not answer")
            case _:
                await asyncio.sleep(fault.seconds)
                return _answer("504", "Too late", status=504)

    async def _page(self, regency: str, page: int, limit: int, since: float | None) -> Response:
        positions = self._entries.select(regency, since)
        total, first = len(positions), (page - 1) * limit
        last = -(-total // limit)
        one_too_many = total > 0 and self._faults.planned("empty_last_page")
        if one_too_many and page == last + 1:
            self._faults.take(page, ("empty_last_page",))
            return _answer("200", "OK", {"list": [], "page": page, "limit": limit, "total": total})
        if first >= total:
            return _answer("201", "Data tidak ditemukan")
        begin = first - 1 if page > 1 and self._faults.take(page, ("repeated_entry",)) else first
        announced = last * limit + 1 if one_too_many else total
        changed = self._faults.take(page, ("total_changes",))
        announced += changed.by if changed else 0
        asked = self._begin_to_render((regency, since, begin, first + limit))
        if first + limit < total:  # who reads this page asks for the next one
            self._begin_to_render((regency, since, first + limit, first + 2 * limit))
        listed = await asyncio.wrap_future(asked)
        answer = _answer("200", "OK", {"list": listed, "page": page, "limit": limit, "total": announced})
        return _CutResponse(answer.body, headers=answer.headers) if self._cut(page) else answer

    def _begin_to_render(self, places: _Places) -> Future[msgspec.Raw]:
        """What is rendered at these places, now or before; the latest few are kept, for whoever asks for them next."""
        if places not in self._rendering:
            self._rendering[places] = self._renderer.submit(self._render, *places)
            for oldest in list(self._rendering)[:-KEPT]:
                del self._rendering[oldest]
        return self._rendering[places]

    def _render(self, regency: str, since: float | None, begin: int, end: int) -> msgspec.Raw:
        """The entries at these places of those asked for, as a JSON list."""
        positions = self._entries.select(regency, since)[begin:end]
        return msgspec.Raw(msgspec.json.encode(self._entries.render(positions)))

    def _cut(self, page: int) -> bool:
        return self._faults.take(page, ("connection_cut",)) is not None

    def _may_control(self, request: Request) -> bool:
        return hmac.compare_digest(request.headers.get("x-control-secret", "").encode(), self._secret.encode())

    async def faults(self, request: Request) -> Response:
        if not self._may_control(request):
            return _answer("401", "X-control-secret is wrong", status=401)
        try:
            if request.method == "PUT":
                self._faults.replace(FAULTS.validate_json(await request.body()))
            if request.method == "DELETE":
                self._faults.replace([])
        except ValidationError as fault:
            return JSONResponse(json.loads(fault.json(include_url=False)), status_code=422)
        return JSONResponse([fault.model_dump() for fault in self._faults.pending()])

    async def requests(self, request: Request) -> Response:
        if not self._may_control(request):
            return _answer("401", "X-control-secret is wrong", status=401)
        return JSONResponse(self._seen)


def create_app(
    entries: Path, cons_id: str, secret: str, user_key: str, faults: Sequence[Fault] = (), base_path: str = ""
) -> Starlette:
    """The service as an ASGI application over `entries` (see :func:`read_entries`), under `base_path`.

    `faults` are committed from the start; more can be planned at run time through `/_control/faults`.
    Raises :class:`kampungkb.errors.ConfigurationError` where the entries cannot be read.
    """
    service = _Service(read_entries(entries), cons_id, secret, user_key, faults)
    return Starlette(
        routes=[
            Route(f"{base_path}/peserta", service.peserta, methods=["GET"]),
            Route("/_control/faults", service.faults, methods=["GET", "PUT", "DELETE"]),
            Route("/_control/requests", service.requests, methods=["GET"]),
        ]
    )


def _announce(port: int, port_file: Path) -> None:
    beside = port_file.with_name(f".{port_file.name}.{os.getpid()}")
    beside.write_text(f"{port}\n", encoding="ascii")
    beside.replace(port_file)


def serve(
    entries: Path,
    *,
    cons_id: str,
    secret: str,
    user_key: str,
    port: int = 0,
    port_file: Path | None = None,
    faults: Sequence[Fault] = (),
    base_path: str = "",
    host: str = HOST,
) -> None:
    """Serve until the process is told to stop, on 127.0.0.1 where `host` names no other address.

    `entries` is a Parquet or JSON-lines file (the sample's: `<sample>/health_insurance/peserta.parquet`).
    With `port` 0 a free port is chosen. `port_file` gets the port, and only once connections are accepted.
    """
    app = create_app(entries, cons_id, secret, user_key, faults, base_path)
    with closing(socket.create_server((host, port), backlog=128)) as listening:
        chosen = listening.getsockname()[1]
        if port_file is not None:
            _announce(chosen, port_file)
        log.info("Insurance API on http://%s:%d%s/peserta", host, chosen, base_path)
        uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off")).run(sockets=[listening])
