"""Faults that the insurance server commits on request, and the book that counts how often each still will."""

from collections.abc import Sequence
from threading import Lock
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

FaultKind = Literal[
    "unauthorised",
    "too_many_requests",
    "server_error",
    "time_out",
    "connection_cut",
    "invalid_json",
    "refused_in_metadata",
    "total_changes",
    "repeated_entry",
    "empty_last_page",
]


class Fault(BaseModel):
    """One way to misbehave.

    `page` limits it to one page (null: any page) and `times` to so many requests (null: always).
    `status` is the HTTP status of a `server_error` (500, 502, 503), `code` the code of a `refused_in_metadata`,
    `retry_after` the seconds that a `too_many_requests` asks to wait, `seconds` how long a `time_out` stays
    silent, `by` how far the total of a `total_changes` is off.

    `empty_last_page` announces one page more than there is, until that page (the one that counts as committed) has
    answered with an empty list and the right total. `repeated_entry` repeats the last entry of the page before at
    the head of the page.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    page: int | None = Field(default=None, ge=1)
    times: int | None = Field(default=1, ge=1)
    status: Literal[500, 502, 503] = 503
    code: str = "500"
    retry_after: int = Field(default=1, ge=0)
    seconds: float = Field(default=30.0, gt=0)
    by: int = 1


FAULTS: TypeAdapter[list[Fault]] = TypeAdapter(list[Fault])


class FaultBook:
    """The faults still to be committed; safe to use from several requests at once."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self._lock = Lock()
        self._faults = list(faults)

    def replace(self, faults: Sequence[Fault]) -> None:
        """Forget what is left and plan these instead."""
        with self._lock:
            self._faults = list(faults)

    def pending(self) -> list[Fault]:
        """The faults left, each with its remaining `times`."""
        with self._lock:
            return list(self._faults)

    def planned(self, kind: FaultKind) -> bool:
        """Whether a fault of this kind is planned for any page; nothing is counted."""
        with self._lock:
            return any(fault.kind == kind for fault in self._faults)

    def take(self, page: int, kinds: Sequence[FaultKind]) -> Fault | None:
        """The first planned fault of these kinds for this page, counted as committed; None where there is none."""
        with self._lock:
            for place, fault in enumerate(self._faults):
                if fault.kind in kinds and fault.page in (None, page):
                    if fault.times == 1:
                        del self._faults[place]
                    elif fault.times is not None:
                        self._faults[place] = fault.model_copy(update={"times": fault.times - 1})
                    return fault
        return None
