"""The signed, paged web service of the health insurance: one page at a time, with bounded patience."""

import base64
import hashlib
import hmac
import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

import kampungkb
from kampungkb.connections import Connection
from kampungkb.errors import ConfigurationError, SourceRefused, SourceUnavailable
from kampungkb.sources.insurance_pages import Page, UnreadableAnswer, page_digest, page_of, parse_page

LIMIT = 1000
RETRIES = 5
RETRY_WAIT = 1.0
LONGEST_WAIT = 60.0
LONGEST_RETRY_AFTER = 120.0
CONNECT_SECONDS = 10.0
TIMEOUT = 60.0
MAX_BODY = 64 * 1024**2
_LOOPBACK = ("127.", "localhost", "::1", "[::1]")

log = logging.getLogger(__name__)


class _Fault(Exception):
    """A fault that may pass: worth another try, after `retry_after` seconds where the service names them."""

    def __init__(self, what: str, retry_after: float | None = None) -> None:
        super().__init__(what)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Service:
    """Where the service is and how long to be patient, from the connection `health_insurance`."""

    url: str
    regency: str
    cons_id: str
    secret: str
    user_key: str
    limit: int
    retries: int
    retry_wait: float
    timeout: float
    authority: str | None = None

    @property
    def address(self) -> str:
        """What is asked of whom; the port is left out, since local servers change it."""
        return f"{httpx.URL(self.url).copy_with(port=None)} {self.regency} {self.cons_id}"

    @classmethod
    def of(cls, connection: Connection) -> "Service":
        """Read a connection; raises :class:`ConfigurationError` that names what is missing."""
        extra = connection.extra
        needed = {
            "host": connection.host,
            "login (the cons-id)": connection.login,
            "password (the secret)": connection.secret(),
            "extra user_key": extra.get("user_key"),
        }
        missing = [name for name, value in needed.items() if not value]
        if missing:
            raise ConfigurationError(
                f"The connection health_insurance lacks {', '.join(missing)}. Add what is missing."
            )
        try:
            return cls(
                url=f"{_base(connection)}/{str(extra.get('base_path') or '').strip('/')}".rstrip("/") + "/peserta",
                regency=str(extra.get("regency_code") or "2104"),
                cons_id=str(connection.login),
                secret=connection.secret(),
                user_key=str(extra["user_key"]),
                limit=min(LIMIT, max(1, int(extra.get("limit") or LIMIT))),
                retries=max(0, int(extra.get("retries", RETRIES))),
                retry_wait=max(0.0, float(extra.get("retry_wait", RETRY_WAIT))),
                timeout=max(0.1, float(extra.get("timeout") or TIMEOUT)),
                authority=extra.get("verify") or None,
            )
        except (TypeError, ValueError):
            raise ConfigurationError(
                "An extra of the connection health_insurance is no number: limit, retries, retry_wait and timeout are."
            ) from None


def _base(connection: Connection) -> str:
    """Scheme, host and port; an Airflow host may hold a whole address."""
    host = str(connection.host)
    if "://" in host:
        scheme, _, host = host.partition("://")
    else:
        scheme = connection.schema_ or ("https" if connection.conn_type == "https" else "http")
    if scheme not in ("http", "https"):
        raise ConfigurationError(
            "The schema of the connection health_insurance is neither http nor https. "
            "A path on the server belongs into the extra `base_path`."
        )
    host = f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host.rstrip("/")
    return f"{scheme}://{host}{f':{connection.port}' if connection.port else ''}"


def _trusted(authority: object) -> ssl.SSLContext | bool:
    """What certificates are checked against: the file of an authority, or those that everybody trusts."""
    if authority is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(authority))
    except OSError:
        raise ConfigurationError(
            "The extra `verify` of the connection health_insurance is no readable file of certificates (PEM). "
            "Name one, or leave it out; certificates are always checked."
        ) from None


def signature(cons_id: str, secret: str, timestamp: str) -> str:
    """Base64 of HMAC-SHA256 over cons-id and timestamp, keyed with the secret."""
    return base64.b64encode(hmac.digest(secret.encode(), f"{cons_id}&{timestamp}".encode(), hashlib.sha256)).decode()


class Client:
    """Fetches pages of one service; use it as a context manager, whose end also ends the wait for another try."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._left = threading.Event()
        loopback = httpx.URL(service.url).host.startswith(_LOOPBACK)
        self._http = httpx.Client(
            timeout=httpx.Timeout(service.timeout, connect=min(CONNECT_SECONDS, service.timeout)),
            headers={"User-Agent": f"kampungkb/{kampungkb.__version__}", "Accept": "application/json"},
            trust_env=not loopback,
            verify=_trusted(service.authority),
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._http.close()

    def page(self, number: int, known: str | None = None) -> tuple[bytes, Page]:
        """The page's body and content; a page whose digest is `known` is not looked into, its entries are left out.

        Tries again after time-outs, cut or invalid bodies, HTTP 429 and 5xx, and faults the service reports in its
        answer: at most `retries` times, waiting longer each time, or as long as `Retry-After` asks. Raises
        :class:`SourceUnavailable` when that is used up, :class:`SourceRefused` for a refused signature or key and
        :class:`ConfigurationError` for an address that is not the service's.
        """
        attempts = Retrying(
            retry=retry_if_exception_type(_Fault),
            stop=stop_after_attempt(self._service.retries + 1),
            wait=self._wait(),
            before_sleep=_log_retry(number),
            sleep=sleep_using_event(self._left),
            reraise=True,
        )
        try:
            return attempts(self._try, number, known)
        except _Fault as fault:
            raise SourceUnavailable(
                f"The health insurance service at {self._place} does not give page {number}: {fault} "
                f"(tried {self._service.retries + 1} times). Check the network and ask the insurer's help desk."
            ) from None

    @property
    def _place(self) -> str:
        url = httpx.URL(self._service.url)
        return f"{url.host}:{url.port}" if url.port else url.host

    def _wait(self) -> Callable[[RetryCallState], float]:
        base = self._service.retry_wait
        growing = wait_exponential(multiplier=base, max=LONGEST_WAIT) + wait_random(0, base)

        def wait(state: RetryCallState) -> float:
            fault = state.outcome.exception() if state.outcome else None
            asked = fault.retry_after if isinstance(fault, _Fault) else None
            return growing(state) if asked is None else min(asked, LONGEST_RETRY_AFTER)

        return wait

    def _try(self, number: int, known: str | None) -> tuple[bytes, Page]:
        service = self._service
        timestamp = str(int(time.time()))
        headers = {
            "X-cons-id": service.cons_id,
            "X-timestamp": timestamp,
            "X-signature": signature(service.cons_id, service.secret, timestamp),
            "user_key": service.user_key,
        }
        query: dict[str, str | int] = {"kodeKabupaten": service.regency, "page": number, "limit": service.limit}
        try:
            with self._http.stream("GET", service.url, params=query, headers=headers) as answer:
                self._check_status(answer)
                body = _body(answer, time.monotonic() + 2 * service.timeout)
        except httpx.RequestError as fault:
            untrusted = "CERTIFICATE_VERIFY_FAILED" in str(fault)
            words = _UNTRUSTED if untrusted else _IN_WORDS.get(type(fault), type(fault).__name__)
            raise _Fault(words) from None
        except httpx.InvalidURL:
            raise ConfigurationError("The host of the connection health_insurance makes no valid address.") from None
        if known is not None and page_digest(body, service.limit) == known:
            return body, page_of(known, service.limit)
        return body, self._parsed(body)

    def _check_status(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if status in (401, 403):
            raise self._refused(f"HTTP {status}", answer.headers)
        if status in (408, 425, 429) or status >= 500:
            raise _Fault(f"HTTP {status}", _retry_after(answer.headers))
        if status != 200:
            raise ConfigurationError(
                f"The health insurance service at {self._place} answers HTTP {status} where entries were expected. "
                "Check host, schema and the extra `base_path` of the connection health_insurance."
            )

    def _refused(self, how: str, headers: Mapping[str, str] | None = None) -> SourceRefused:
        return SourceRefused(
            f"The health insurance service at {self._place} refuses the signature ({how}). Check login (cons-id), "
            f"password (secret) and user_key of the connection health_insurance{_clock(headers or {})}."
        )

    def _parsed(self, body: bytes) -> Page:
        try:
            page = parse_page(body, self._service.limit)
        except UnreadableAnswer as fault:
            raise _Fault(str(fault)) from None
        if isinstance(page, Page):
            return page
        if page in ("401", "403"):
            raise self._refused(f"code {page}")
        raise _Fault(f"the service reports code {page}")


def _body(answer: httpx.Response, until: float) -> bytes:
    """The body, bounded in size and in time: a service may also trickle."""
    parts, size = [], 0
    for part in answer.iter_bytes():
        size += len(part)
        if size > MAX_BODY:
            raise _Fault(f"the answer is larger than {MAX_BODY // 1024**2} MB")
        if time.monotonic() > until:
            raise _Fault("the answer takes too long")
        parts.append(part)
    return b"".join(parts)


_UNTRUSTED = "its certificate is not trusted (the extra `verify` names the file of an authority of your own)"
_IN_WORDS: dict[type[httpx.RequestError], str] = {
    httpx.ConnectError: "no connection",
    httpx.ConnectTimeout: "no connection in time",
    httpx.ReadTimeout: "no answer in time",
    httpx.ReadError: "the connection broke off",
    httpx.RemoteProtocolError: "the answer broke off",
}


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the service asks to wait, as a number or a date."""
    value = headers.get("Retry-After", "").strip()
    try:
        if value.replace(".", "", 1).isdigit():
            return float(value)
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()) if value else None
    except (ValueError, TypeError):
        return None


def _clock(headers: Mapping[str, str]) -> str:
    """A hint on the clock: the signature is valid for five minutes."""
    try:
        away = abs((parsedate_to_datetime(headers["Date"]) - datetime.now(UTC)).total_seconds())
    except (KeyError, ValueError, TypeError):
        return ", and this machine's clock (the signature is valid for 5 minutes)"
    if away > 60:
        return f", and set this machine's clock: it differs from the service's by {away:.0f} s"
    return "; this machine's clock agrees with the service's"


def _log_retry(number: int) -> Callable[[RetryCallState], None]:
    def before_sleep(state: RetryCallState) -> None:
        fault = state.outcome.exception() if state.outcome else None
        wait = state.next_action.sleep if state.next_action else 0
        log.warning(
            "health_insurance: page %d: %s; try %d follows in %.1f s", number, fault, state.attempt_number + 1, wait
        )

    return before_sleep
