"""What the routes of the page take: filters, pages, bodies; and what they refuse."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Query, Request
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field

from kampungkb.ui import actions, queries, review
from kampungkb.ui.access import View
from kampungkb.ui.reading import Page
from kampungkb.ui.session import ReaderDep

Found = TypeVar("Found")

Basis = Literal["survey", "integrated"]
Search = Annotated[str, Query(max_length=100, pattern=r"^[^\x00]*$")]
Code = Annotated[str, Query(max_length=10, pattern=r"^(\d{2,10}|unknown)?$")]
Sector = Annotated[str, Query(pattern=r"^[a-z_]{0,50}$")]
Source = Literal["", "family_survey", "civil_registry", "health_insurance"]


def opening(view: View) -> Any:
    """A dependency that refuses readers whose role does not open the view."""

    def check(reader: ReaderDep) -> None:
        reader.require(view)

    return Depends(check)


def paging(columns: tuple[str, ...], first: str, descending: bool) -> Callable[..., Page]:
    """A dependency that reads page, size and order of a list that can be sorted by `columns`."""
    known = Literal[columns]  # type: ignore[valid-type]

    def read(
        page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
        size: Annotated[int, Query(ge=1, le=200)] = 25,
        sort: known = first,
        descending: bool = descending,
    ) -> Page:
        return Page(number=page, size=size, sort=sort, descending=descending)

    return read


VillagePage = Annotated[Page, Depends(paging(queries.VILLAGE_COLUMNS, "ibangga", False))]
QualityPage = Annotated[Page, Depends(paging(queries.QUALITY_COLUMNS, "overall", False))]
RulePage = Annotated[Page, Depends(paging(queries.RULE_COLUMNS, "failed", True))]
QuarantinePage = Annotated[Page, Depends(paging(queries.QUARANTINE_COLUMNS, "file", False))]
ReviewPage = Annotated[Page, Depends(paging(review.COLUMNS, "match_weight", True))]
LoadPage = Annotated[Page, Depends(paging(queries.LOAD_COLUMNS, "as_of", True))]
ActionPage = Annotated[Page, Depends(paging(actions.COLUMNS, "village", False))]


class Filters:
    """The filters of the quarantine, read from the query string."""

    def __init__(
        self,
        source: Source = "",
        village: Code = "",
        rule: Annotated[str, Query(pattern=r"^([A-Z]\d{2})?$")] = "",
        action: Literal["", "row", "value", "file"] = "",
        search: Search = "",
    ) -> None:
        self.values = {"source": source, "village": village, "rule": rule, "action": action, "search": search}


ReviewKey = Annotated[str, PathParameter(pattern=r"^[0-9a-f]{4,64}$")]
Reason = Annotated[str, Field(min_length=1, max_length=500)]


class Decision(BaseModel):
    """What a steward decides on a pair, and why."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["same", "different", "unsure"]
    reason: Reason


class ActionListOrder(BaseModel):
    """Which action list a reader wants, what for, and the password that shall open it (else the recipient's)."""

    model_config = ConfigDict(extra="forbid")

    village: str = Field(pattern=r"^\d{10}$")
    sector: str = Field(pattern=r"^[a-z_]{1,50}$")
    purpose: Reason
    password: str = Field(default="", pattern=r"^(.{8,255})?$")


class Undo(BaseModel):
    """Why a decision is taken back."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


def same_origin(request: Request) -> None:
    """Refuse a change that another site's page asks for: it must come as JSON, from a page of this very server."""
    headers = request.headers
    sent_as = headers.get("content-type", "").split(";")[0].strip().lower()
    site = headers.get("sec-fetch-site")  # every browser of today says it; else the origin has to be the server
    own = urlsplit(headers.get("origin", "")).netloc == headers.get("host") if site is None else site == "same-origin"
    if sent_as != "application/json" or not own:
        raise HTTPException(403, "Changes are accepted from this page only.")


def found_or_404(found: Found | None, otherwise: str) -> Found:
    """What was found; 404 with a sentence where it is None."""
    if found is None:
        raise HTTPException(404, otherwise)
    return found
