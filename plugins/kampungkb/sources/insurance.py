"""The health insurance: every entry of the regency, fetched page by page, held against the service's own count.

What comes in: the web service of the connection `health_insurance`. What goes out: `peserta.parquet`, and
`pages.parquet`, the digest of each page. Fetched pages are kept below `lake/fetching/` until the snapshot is complete,
so that a try after a fault, or after a killed process, goes on where the last one stopped. Identical entries are one;
where the number of distinct entries is not the last page's `total`, everything is fetched once more. Where all pages
are byte for byte those of the previous snapshot, its entries are copied instead of being read out of them.
"""

import logging
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from kampungkb.connections import HEALTH_INSURANCE, Connection
from kampungkb.contracts import Table, contract
from kampungkb.errors import ContractError, SourceUnavailable
from kampungkb.lake import private_folder
from kampungkb.progress import Progress
from kampungkb.run import Run
from kampungkb.sources.insurance_api import Client, Service
from kampungkb.sources.insurance_pages import Page, UnreadableAnswer, names, page_digest, parse_page
from kampungkb.sources.landed_files import write_landed
from kampungkb.sources.protocol import Drift, Extracted, Previous

LIBRARIES: tuple[str, ...] = ()
KEPT_FOR = timedelta(hours=12)
BARREN_PAGES = 3
KINDS_OF_ENTRIES = 20
MOST_PAGES = 20_000
PESERTA, PAGES = "peserta", "pages"

log = logging.getLogger(__name__)


class _Mismatch(Exception):
    """Distinct entries and the service's own count differ."""


class _Fetch(BaseModel):
    """What kept pages belong to; those of another fetch are dropped."""

    model_config = ConfigDict(frozen=True)

    as_of: str
    address: str
    limit: int
    started_at: datetime


@dataclass
class _Tally:
    """What has been seen so far: distinct entries, names of their fields, the last page's total.

    `kinds` counts kinds of values by field, of the first entries of each page. Two entries that share a digest would
    be noticed: fewer are distinct than the service counts. `pages` are the digests of the pages, in their order.
    """

    pages: list[str] = field(default_factory=list)
    digests: set[int] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    kinds: dict[str, Counter[str]] = field(default_factory=dict)
    total: int = 0
    repeated: int = 0


def extract(run: Run, connection: Connection, previous: Previous | None, folder: Path) -> Extracted:
    """Land every entry; see :class:`kampungkb.sources.protocol.Source`."""
    service = Service.of(connection)
    (table,) = contract(HEALTH_INSURANCE).tables
    kept = run.settings.lake / "fetching" / HEALTH_INSURANCE
    target = folder / f"{table.name}.parquet"
    with Client(service) as client:
        if previous and not run.force and _delivers_as_before(client, service, run, previous, kept):
            shutil.rmtree(kept)
            return _copy(run, previous, table, folder)
        try:
            tally = _fetch(client, service, run, table, kept, target)
        except _Mismatch as fault:
            log.warning("%s: %s; fetching everything once more", HEALTH_INSURANCE, fault)
            shutil.rmtree(kept)
            try:
                tally = _fetch(client, service, run, table, kept, target)
            except _Mismatch as again:
                shutil.rmtree(kept)
                raise SourceUnavailable(
                    f"The health insurance service counts otherwise than it delivers, twice: {again}. "
                    "Its data probably changes at this hour: run again later."
                ) from None
    shutil.rmtree(kept)
    pq.write_table(pa.table({"sha256": tally.pages}), folder / f"{PAGES}.parquet")
    if not tally.digests:
        log.warning("%s: the service has no entry for regency %s", HEALTH_INSURANCE, service.regency)
    types = {table.name: {name: kinds.most_common(1)[0][0] for name, kinds in sorted(tally.kinds.items())}}
    return Extracted(watermark=_watermark(target), full_on=run.as_of, drift=_drift(table, tally), types=types)


def readable_since(connection: Connection, landed: Previous) -> bool:
    """It is read whole or not at all."""
    return False


def _delivers_as_before(client: Client, service: Service, run: Run, previous: Previous, kept: Path) -> bool:
    """Whether every page has the bytes that it had for the previous snapshot, which had entries.

    What the pages say then, and that the last one is the last, is known. Up to the first other page they are kept,
    each while the next one is fetched.
    """
    landed = previous.manifest.tables
    if not (previous.same_origin and previous.same_way and PAGES in landed and landed[PESERTA].rows):
        return False
    before: list[str] = pq.read_table(previous.table(PAGES)).to_pydict()["sha256"]
    _prepare(kept, run, service)
    same, writes = True, list[Future[None]]()
    with ThreadPoolExecutor(1) as beside:
        for number, digest in enumerate(before, start=1):
            file = _kept_page(kept, number)
            if file.is_file():
                same = page_digest(file.read_bytes(), service.limit) == digest
            else:
                body, page = client.page(number, known=digest)
                writes.append(beside.submit(_write_private, file, body))
                same = page.digest == digest
            if not same:
                break
            run.tell(Progress(HEALTH_INSURANCE, "pages", number, len(before)))
    for write in writes:
        write.result()
    if not same:
        return False
    log.info("%s: all %d pages are those of snapshot %s", HEALTH_INSURANCE, len(before), previous.manifest.snapshot_id)
    return True


def _copy(run: Run, previous: Previous, table: Table, folder: Path) -> Extracted:
    """Land the files of the previous snapshot once more."""
    for name in (PESERTA, PAGES):
        shutil.copyfile(previous.table(name), folder / f"{name}.parquet")
    manifest = previous.manifest
    return Extracted(watermark=manifest.watermark, full_on=run.as_of, drift=manifest.drift, types=manifest.types)


def _fetch(client: Client, service: Service, run: Run, table: Table, kept: Path, target: Path) -> _Tally:
    """Write the distinct entries of all pages; raises :class:`_Mismatch` where their number is not the total."""
    started = time.perf_counter()
    tally = _Tally()
    _prepare(kept, run, service)

    def batches() -> Iterator[pa.Table]:
        for page in _pages(client, service, kept, tally):
            yield _distinct(page, tally)
            run.tell(Progress(HEALTH_INSURANCE, "entries", len(tally.digests), tally.total))

    write_landed(target, table, batches())
    log.info(
        "%s: %d pages, %d entries, %d repeated, in %.1f s",
        HEALTH_INSURANCE,
        len(tally.pages),
        len(tally.digests),
        tally.repeated,
        time.perf_counter() - started,
    )
    if len(tally.digests) != tally.total:
        raise _Mismatch(f"{len(tally.digests)} distinct entries, total {tally.total}")
    return tally


def _pages(client: Client, service: Service, kept: Path, tally: _Tally) -> Iterator[Page]:
    """Pages from the first to the last, kept ones from disk.

    A page is the last one if it is empty, or if the total is reached; pages may be shorter than asked for, so past
    the computed last page one goes on as long as entries are missing and the pages bring new ones. A service that
    gives the same page for every number, or new entries without end, is left after :data:`BARREN_PAGES` pages
    without a new entry, or :data:`MOST_PAGES`. The next page is on its way while one is worked on.
    """
    barren, fetch = 0, partial(_page, client, service, kept)
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(fetch, 1)
        for number in range(1, MOST_PAGES + 1):
            page = coming.result()
            tally.pages.append(page.digest)
            if page.total is not None:
                tally.total = page.total
            if not page.entries:
                return
            expected = number * page.limit < tally.total
            on_its_way = expected and not barren
            if on_its_way:
                coming = ahead.submit(fetch, number + 1)
            before = len(tally.digests)
            _read(page, _kept_page(kept, number), number)
            yield page
            missing, gained = len(tally.digests) < tally.total, len(tally.digests) > before
            barren = 0 if gained else barren + 1
            if barren == BARREN_PAGES or not (expected or (missing and gained)):
                return
            if not on_its_way:
                coming = ahead.submit(fetch, number + 1)
    raise SourceUnavailable(
        f"The health insurance service has more than {MOST_PAGES} pages for regency {service.regency}. Ask the "
        "insurer's help desk, or correct the extras `regency_code` and `limit` of the connection health_insurance."
    )


def _read(page: Page, file: Path, number: int) -> None:
    """Have a page read; one that cannot be is not kept."""
    try:
        _ = page.content
    except UnreadableAnswer as fault:
        file.unlink()
        raise SourceUnavailable(
            f"The health insurance service does not give page {number} as documented: {fault}. "
            "Ask the insurer's help desk."
        ) from None


def _page(client: Client, service: Service, kept: Path, number: int) -> Page:
    file = _kept_page(kept, number)
    if file.is_file():
        page = parse_page(file.read_bytes(), service.limit)
        if isinstance(page, Page):
            return page
    body, page = client.page(number)
    _write_private(file, body)
    return page


def _kept_page(kept: Path, number: int) -> Path:
    return kept / f"page-{number:06d}.json"


def _prepare(kept: Path, run: Run, service: Service) -> None:
    """The folder of kept pages: as it is where it belongs to the same fetch and is fresh, else empty."""
    fetch = _Fetch(as_of=str(run.as_of), address=service.address, limit=service.limit, started_at=datetime.now(UTC))
    label = kept / "fetch.json"
    try:
        found = _Fetch.model_validate_json(label.read_bytes())
        same = found == fetch.model_copy(update={"started_at": found.started_at})
        if same and abs(fetch.started_at - found.started_at) < KEPT_FOR:  # a clock may have been set back
            pages = len(list(kept.glob("page-*.json")))
            log.info("%s: going on after %d pages kept from the last try", HEALTH_INSURANCE, pages)
            return
    except (OSError, ValidationError):
        pass
    shutil.rmtree(kept, ignore_errors=True)
    private_folder(kept)
    _write_private(label, fetch.model_dump_json().encode())


def _write_private(file: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    partial = file.with_name(f".{file.name}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
    os.replace(partial, file)


def _distinct(page: Page, tally: _Tally) -> pa.Table:
    """The entries not seen before."""
    places = _new_places(page.digests, tally.digests)
    tally.digests.update(page.digests)
    tally.repeated += page.entries - len(places)
    for name, kinds in page.kinds(places[:KINDS_OF_ENTRIES]).items():
        tally.kinds.setdefault(name, Counter()).update(kinds)
    if not page.of_texts or not tally.fields.issuperset(names()):
        tally.fields |= page.fields
    return page.columns.take(pa.array(places, pa.int64())) if len(places) < page.entries else page.columns


def _new_places(digests: Sequence[int], seen: AbstractSet[int]) -> Sequence[int]:
    """Where entries stand for the first time: mostly everywhere."""
    found = set(digests)
    if len(found) == len(digests) and found.isdisjoint(seen):
        return range(len(digests))
    first_place: dict[int, int] = {}
    for place, digest in enumerate(digests):
        first_place.setdefault(digest, place)
    return [place for digest, place in first_place.items() if digest not in seen]


def _drift(table: Table, tally: _Tally) -> tuple[Drift, ...]:
    """Fields beyond the contract and optional ones absent from every entry; raises for a needed one."""
    if not tally.digests:
        return ()
    missing = [name for name in table.needed if name not in tally.fields]
    if missing:
        raise ContractError(
            f"No entry of the health insurance service has the needed field {', '.join(missing)}. "
            "Ask the insurer what has changed, or correct the extra `base_path` of the connection health_insurance."
        )
    parents = {name.rpartition(".")[0] for name in table.names}
    absent = [Drift(table=table.name, column=n, change="missing") for n in table.names if n not in tally.fields]
    unknown = sorted(tally.fields - set(table.names) - parents)
    return tuple(absent + [Drift(table=table.name, column=name, change="unknown") for name in unknown])


def _watermark(target: Path) -> str | None:
    """The greatest change time landed, as the service writes it."""
    greatest: str | None = pc.max(pq.read_table(target, columns=["updatedAt"])["updatedAt"]).as_py()
    return greatest
