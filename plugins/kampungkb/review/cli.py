"""`kampungkb review`: the steward's tool for doubtful pairs. It alone shows names and identity numbers."""

import getpass
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kampungkb.command import configured, say
from kampungkb.run import SOURCES

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from kampungkb.review.query import Row, Wanted

app = typer.Typer(
    help="Decide which doubtful pairs of records are the same person. Shows personal data.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class StateOption(StrEnum):
    """States of a pair, and all of them."""

    OPEN = "open"
    DECIDED = "decided"
    SETTLED = "settled"
    ALL = "all"


class OrderOption(StrEnum):
    """What comes first."""

    WEIGHT = "weight"
    PROBABILITY = "probability"
    AGE = "age"


class VerdictOption(StrEnum):
    """What a steward may say."""

    SAME = "same"
    DIFFERENT = "different"
    UNSURE = "unsure"


PairName = Annotated[
    str,
    typer.Argument(
        metavar="PAIR", help="Beginning of the pair's key, or its records as source:key=source:key.", show_default=False
    ),
]
By = Annotated[str, typer.Option("--by", envvar="KAMPUNGKB_STEWARD", help="Who decides.", show_default=False)]
Reader = Annotated[
    str,
    typer.Option(
        "--by",
        envvar="KAMPUNGKB_STEWARD",
        help="Who reads; it is recorded (default: the login on this machine).",
        default_factory=getpass.getuser,
        show_default=False,
    ),
]
Because = Annotated[str, typer.Option("--because", help="Why, in your words.", show_default=False)]
State = Annotated[StateOption, typer.Option(help="Only pairs in this state.")]
Village = Annotated[str | None, typer.Option(help="Only pairs with a record of this village, 10 digits.")]
Source = Annotated[str | None, typer.Option(help=f"Only pairs with a record of this source: {', '.join(SOURCES)}.")]
Sort = Annotated[OrderOption, typer.Option(help="What comes first.")]
AsJson = Annotated[bool, typer.Option("--as-json", help="Print JSON instead of a table.")]


@app.command("list")
def list_pairs(
    state: State = StateOption.OPEN,
    village: Village = None,
    source: Source = None,
    sort: Sort = OrderOption.WEIGHT,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
    *,
    by: Reader,
) -> None:
    """List pairs for review."""
    from kampungkb.review import query, screen

    with _warehouse(by) as engine:
        rows = query.pairs(engine, _wanted(state, village, source, limit), sort.value)
    if as_json:
        _json(rows)
    elif rows:
        _console().print(screen.listing(rows))
    else:
        say("review_none")


@app.command()
def show(pair: PairName, as_json: AsJson = False, *, by: Reader) -> None:
    """Show both records of a pair side by side, and what speaks for and against one person."""
    from kampungkb.review import query, screen

    with _warehouse(by) as engine:
        row = query.find(engine, pair)
    if row is None:
        say("review_not_listed")
    elif as_json:
        _json([row])
    else:
        screen.show(_console(), row)


@app.command()
def decide(pair: PairName, verdict: VerdictOption, by: By, because: Because) -> None:
    """Decide that the records of a pair are the same person, different ones, or that you cannot tell."""
    from kampungkb.linkage import decisions
    from kampungkb.review import query

    with _warehouse(by) as engine:
        number = decisions.decide(engine, query.pair_of(engine, pair), verdict.value, by, because)
    say("review_decided", number=number)


@app.command()
def undo(pair: PairName, by: By, because: Because) -> None:
    """Take a decision back: the model decides again."""
    from kampungkb.linkage import decisions
    from kampungkb.review import query

    with _warehouse(by) as engine:
        decisions.undo(engine, query.pair_of(engine, pair), by, because)
    say("review_undone")


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Workbook to write (.xlsx); only you can read it.")],
    state: State = StateOption.OPEN,
    village: Village = None,
    source: Source = None,
    sort: Sort = OrderOption.WEIGHT,
    *,
    by: Reader,
) -> None:
    """Write pairs for review to a workbook."""
    from kampungkb.reporting.messages import number
    from kampungkb.review import query
    from kampungkb.review.export import export as write

    with _warehouse(by) as engine:
        rows = query.pairs(engine, _wanted(state, village, source, None), sort.value)
    say("review_exported", pairs=number(write(rows, file)), path=file)


def _wanted(state: StateOption, village: str | None, source: str | None, limit: int | None) -> "Wanted":
    from kampungkb.errors import DecisionError
    from kampungkb.review.query import Wanted

    if source is not None and source not in SOURCES:
        raise DecisionError(f"{source} is no source; the sources are {', '.join(SOURCES)}.")
    return Wanted(state=state.value, village=village, source=source, limit=limit)


@contextmanager
def _warehouse(by: str) -> Iterator["Engine"]:
    """The warehouse as a steward sees it, each read recorded in the person's name."""
    from kampungkb.warehouse.acting import as_steward
    from kampungkb.warehouse.connect import warehouse

    run = configured("review")
    with (
        warehouse(run.settings, run.connections) as engine,
        as_steward(engine, "vault.match_review", f"review, {by}") as taken,
    ):
        yield taken


def _console() -> Any:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200
    return console


def _json(rows: Sequence["Row"]) -> None:
    json.dump(rows, sys.stdout, default=str, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")
