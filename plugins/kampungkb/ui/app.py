"""The application that Airflow mounts: the page, its assets, and the routes behind them.

Every route, the page itself included, asks for Airflow's session and its permission to read the load's DAG; the metrics
alone, which a program reads, ask for a token of their own.
"""

from hmac import compare_digest
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.middleware.base import RequestResponseEndpoint

from kampungkb.errors import DecisionError, KampungkbError
from kampungkb.orchestration.journal import journal_path, read_journal
from kampungkb.settings import load_settings
from kampungkb.ui import actions, queries, review
from kampungkb.ui.access import NotAllowed, Reader
from kampungkb.ui.asking import (
    ActionListOrder,
    ActionPage,
    Basis,
    Code,
    Decision,
    Filters,
    LoadPage,
    QualityPage,
    QuarantinePage,
    ReviewKey,
    ReviewPage,
    RulePage,
    Search,
    Sector,
    Source,
    Undo,
    VillagePage,
    found_or_404,
    opening,
    same_origin,
)
from kampungkb.ui.documents import PAGES_POLICY, index_for, page_for
from kampungkb.ui.downloads import MEDIA_TYPE, quarantine_workbook
from kampungkb.ui.metrics import exposition
from kampungkb.ui.reading import Row, reading
from kampungkb.ui.session import EngineDep, ReaderDep, may_read_dag
from kampungkb.ui.words import words

STATIC = Path(__file__).parent / "static"
ASSETS = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.is_file()}
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

router = APIRouter(dependencies=[Depends(may_read_dag)])


@router.get("/", include_in_schema=False)
def page(reader: ReaderDep) -> Response:
    """The page itself."""
    return _asset("index.html")


@router.get("/assets/{name:path}", include_in_schema=False)
def asset(name: str, reader: ReaderDep) -> Response:
    """A module, the style sheet or the icon of the page."""
    return _asset(name)


def _asset(name: str) -> Response:
    """One of the files that stood in `static/` at the start; the name is looked up, never joined to a path."""
    if name not in ASSETS:
        raise HTTPException(404, "There is no such file.")
    path = ASSETS[name]
    return FileResponse(path, media_type=_TYPES[path.suffix], headers={"Cache-Control": "private, no-cache"})


@router.get("/api/words")
def words_of_the_page(reader: ReaderDep) -> Row:
    """Every text of the page in both languages."""
    return words()


@router.get("/api/me")
def me(reader: ReaderDep) -> Row:
    """The reader's name, role, region and views."""
    return {**reader.model_dump(), "views": reader.views}


@router.get("/api/overview", dependencies=[opening("overview")])
def overview(reader: ReaderDep, engine: EngineDep) -> Row:
    """Index, trend, Kampung KB against the others, freshness."""
    with reading(engine, reader) as view:
        return queries.overview(view)


@router.get("/api/districts", dependencies=[opening("villages")])
def districts(reader: ReaderDep, engine: EngineDep, basis: Basis = "integrated") -> list[Row]:
    """The index of the districts."""
    with reading(engine, reader) as view:
        return queries.districts(view, basis)


@router.get("/api/tiles", dependencies=[opening("villages")])
def tiles(reader: ReaderDep, engine: EngineDep, basis: Basis = "integrated") -> list[Row]:
    """Every village as a tile of the small map."""
    with reading(engine, reader) as view:
        return queries.tiles(view, basis)


@router.get("/api/villages", dependencies=[opening("villages")])
def villages(
    reader: ReaderDep,
    engine: EngineDep,
    page: VillagePage,
    basis: Basis = "integrated",
    kampung_kb: Literal["", "yes", "no"] = "",
    district: Code = "",
    search: Search = "",
) -> Row:
    """A page of villages."""
    with reading(engine, reader) as view:
        return queries.villages(view, page, basis=basis, kampung_kb=kampung_kb, district=district, search=search)


@router.get("/api/villages/{code}", dependencies=[opening("villages")])
def village(reader: ReaderDep, engine: EngineDep, code: str) -> Row:
    """One village; 404 where there is none that the reader may see."""
    with reading(engine, reader) as view:
        found = queries.village(view, code) if code.isascii() and code.isdigit() else None
    return found_or_404(found, "There is no such village in your region.")


@router.get("/api/quality", dependencies=[opening("quality")])
def quality(reader: ReaderDep, engine: EngineDep) -> Row:
    """Scores of the region and what changed in quarantine; the name of Data Docs' index where the reader may see it."""
    with reading(engine, reader) as view:
        return {**queries.quality(view), "data_docs": index_for(reader)}


@router.get("/data-docs/{name:path}", include_in_schema=False, dependencies=[opening("quality")])
def data_docs(reader: ReaderDep, name: str) -> Response:
    """A page of Data Docs, which count over the whole warehouse: 404 for a reader of one region."""
    path = found_or_404(page_for(reader, name), "There is no such page of Data Docs.")
    return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": PAGES_POLICY})


@router.get("/api/quality/villages", dependencies=[opening("quality")])
def quality_villages(
    reader: ReaderDep, engine: EngineDep, page: QualityPage, source: Source = "family_survey", search: Search = ""
) -> Row:
    """A page of the heat map."""
    with reading(engine, reader) as view:
        return queries.quality_villages(view, page, source=source, search=search)


@router.get("/api/quality/rules", dependencies=[opening("quality")])
def quality_rules(reader: ReaderDep, engine: EngineDep, page: RulePage, source: Source = "", village: Code = "") -> Row:
    """A page of the rules."""
    with reading(engine, reader) as view:
        return queries.quality_rules(view, page, source=source, village=village)


@router.get("/api/quarantine", dependencies=[opening("quarantine")])
def quarantine(
    reader: ReaderDep, engine: EngineDep, page: QuarantinePage, filters: Annotated[Filters, Depends()]
) -> Row:
    """A page of the quarantine."""
    with reading(engine, reader) as view:
        return queries.quarantine(view, page, **filters.values)


@router.get("/api/quarantine/facets", dependencies=[opening("quarantine")])
def quarantine_facets(reader: ReaderDep, engine: EngineDep) -> Row:
    """The choices of the filters."""
    with reading(engine, reader) as view:
        return queries.quarantine_facets(view)


@router.get("/api/quarantine.xlsx", dependencies=[opening("quarantine")])
def quarantine_download(
    reader: ReaderDep, engine: EngineDep, filters: Annotated[Filters, Depends()], language: Literal["id", "en"] = "id"
) -> Response:
    """The findings under the same filters as a workbook."""
    with reading(engine, reader) as view:
        found = queries.quarantine_export(view, **filters.values)
    if len(found) > queries.EXPORT_ROWS:
        raise HTTPException(
            413, f"More than {queries.EXPORT_ROWS:,} findings: choose a village, a source or a rule first."
        )
    name = "-".join(["quarantine", *filter(None, (filters.values["village"], filters.values["rule"]))])
    return _workbook(quarantine_workbook(found, language), f"{name}.xlsx")


def _workbook(content: bytes, name: str) -> Response:
    """A workbook to download; `name` is made of codes alone."""
    return Response(content, media_type=MEDIA_TYPE, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@router.get("/api/sources", dependencies=[opening("sources")])
def sources(reader: ReaderDep, engine: EngineDep) -> Row:
    """What each source delivered last."""
    with reading(engine, reader) as view:
        return queries.sources(view)


@router.get("/api/loads", dependencies=[opening("sources")])
def loads(reader: ReaderDep, engine: EngineDep, page: LoadPage) -> Row:
    """A page of the published loads."""
    with reading(engine, reader) as view:
        return queries.loads(view, page)


@router.get("/api/action-lists", dependencies=[opening("actions")])
def action_choices(
    reader: ReaderDep, engine: EngineDep, page: ActionPage, sector: Sector = "", search: Search = ""
) -> Row:
    """A page of the action lists there are, as counts."""
    with reading(engine, reader) as view:
        return actions.choices(view, page, sector=sector, search=search)


@router.post("/api/action-lists", dependencies=[opening("actions"), Depends(same_origin)])
def action_list(reader: ReaderDep, engine: EngineDep, order: ActionListOrder) -> Response:
    """One action list by name as a workbook; the read is recorded with the reader's purpose."""
    found = found_or_404(actions.action_list(engine, reader, **order.model_dump()), "There is no such list for you.")
    return _workbook(found.content, found.file)


@router.get("/api/review", dependencies=[opening("review")])
def review_pairs(
    reader: ReaderDep, engine: EngineDep, page: ReviewPage, state: review.State = "open", source: Source = ""
) -> Row:
    """A page of the pairs for review."""
    with reading(engine, reader, personal=True) as view:
        return review.pairs(view, page, state=state, source=source)


@router.get("/api/review/{key}", dependencies=[opening("review")])
def review_pair(reader: ReaderDep, engine: EngineDep, key: ReviewKey) -> Row:
    """One pair side by side; 404 where there is none that the reader may see."""
    with reading(engine, reader, personal=True) as view:
        return found_or_404(review.pair(view, key), "There is no such pair in your region.")


@router.post("/api/review/{key}/decision", dependencies=[opening("review"), Depends(same_origin)])
def review_decide(reader: ReaderDep, engine: EngineDep, key: ReviewKey, decision: Decision) -> Row:
    """Decide a pair in the reader's name."""
    number = review.decide_pair(engine, reader, key, decision.decision, decision.reason)
    return {"decision_id": found_or_404(number, "There is no such pair in your region.")}


@router.post("/api/review/{key}/undo", dependencies=[opening("review"), Depends(same_origin)])
def review_undo(reader: ReaderDep, engine: EngineDep, key: ReviewKey, undo: Undo) -> Row:
    """Take the decision on a pair back."""
    number = review.undo_decision(engine, reader, key, undo.reason)
    return {"decision_id": found_or_404(number, "There is no such pair in your region.")}


metrics_router = APIRouter()


def _by_token(authorization: Annotated[str, Header()] = "") -> None:
    """Refuse whoever does not send the token of the settings; without one there is nothing to read."""
    token = load_settings().metrics_token
    if token is None:
        raise HTTPException(404, "There are no metrics: KAMPUNGKB_METRICS_TOKEN is not set.")
    if not compare_digest(authorization.encode(), f"Bearer {token.get_secret_value()}".encode()):
        raise HTTPException(401, "The metrics ask for their token.", headers={"WWW-Authenticate": "Bearer"})


@metrics_router.get("/metrics", dependencies=[Depends(_by_token)])
def metrics(engine: EngineDep) -> Response:
    """The last load in figures, as Prometheus reads them."""
    with reading(engine, Reader(name="metrics", role="analyst")) as view:
        night = view.rows("last_night")
    steps = read_journal(journal_path(load_settings(), night[0]["run_id"])) if night else []
    return Response(exposition(night, steps), media_type=CONTENT_TYPE_LATEST)


def create_app() -> FastAPI:
    """The application, without the interactive documentation of FastAPI (it loads scripts from elsewhere)."""
    app = FastAPI(title="Kampung KB", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(router)
    app.include_router(metrics_router)

    @app.middleware("http")
    async def guarded(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.url.path.rsplit("/api/", 1)[1:]:
            response.headers["Cache-Control"] = "private, no-store"
        return response

    @app.exception_handler(KampungkbError)
    def expected(request: Request, fault: KampungkbError) -> JSONResponse:
        refused = {NotAllowed: 403, DecisionError: 409}
        return JSONResponse({"detail": str(fault)}, status_code=refused.get(type(fault), 503))

    return app
