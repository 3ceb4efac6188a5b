"""How a pair for review looks to a steward: side by side, differences marked, and each comparison's weight as a bar."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kampungkb.reporting.messages import both, number
from kampungkb.review.query import Row

FACTS = (
    "source",
    "key",
    "name",
    "nik",
    "birth_date",
    "sex",
    "village_code",
    "family_code",
    "family_card",
    "mother_name",
)
SHOWN_OF_KEY = 8
_BAR = 40


class Step(NamedTuple):
    """One bar of the waterfall: from where to where the weight goes."""

    title: str
    level: str
    weight: float
    begins: float
    ends: float


def listing(rows: Iterable[Row]) -> Table:
    """A table with one line a pair."""
    table = Table(box=None, pad_edge=False)
    for name in ("pair", "state", "probability", "first", "second"):
        table.add_column(both(f"review_{name}"), justify="right" if name == "probability" else "left")
    for row in rows:
        table.add_row(
            (row["review_key"] or "–")[:SHOWN_OF_KEY],
            state(row),
            percent(row["probability"]),
            *(Text(f"{both('source_' + row[side + '_source'])}\n{_who(row, side)}") for side in ("left", "right")),
        )
    return table


def _who(row: Row, side: str) -> str:
    known = (row[f"{side}_name"], row[f"{side}_birth_date"], row[f"{side}_village_code"])
    return " · ".join("–" if value is None else str(value) for value in known)


def state(row: Row) -> str:
    """The state of a pair with its decision and number: `decided: same (no. 3)`."""
    shown = both(f"review_state_{row['state']}")
    if row["decision"]:
        return f"{shown}: {both('review_verdict_' + row['decision'])} (no. {row['decision_id']})"
    return f"{shown}: {both('review_doubt_' + row['doubt'])}" if row["doubt"] else shown


def percent(probability: float | None) -> str:
    """A probability in percent, with more digits near certainty."""
    if probability is None:
        return "–"
    return f"{number(100 * probability, 1 if probability < 0.995 else 3)} %"


def show(console: Console, row: Row) -> None:
    """Both records side by side, the waterfall, and what was decided."""
    console.print(Text(f"{both('review_pair')} {row['review_key'] or '–'} · {state(row)}", style="bold"))
    console.print(_side_by_side(row))
    steps = list(waterfall(row))
    if steps:
        console.print(_bars(steps))
        total = f"{both('review_total')}: {number(row['match_weight'], 1)} → {percent(row['probability'])}"
        console.print(Text(total, style="bold"), soft_wrap=True)
        console.print(Text(both("review_explained"), style="dim"), soft_wrap=True)
    console.print(Text(both("review_linked" if row["linked"] else "review_not_linked")), soft_wrap=True)
    if row["decision"]:
        said = f"{row['decided_by']}, {row['decided_at']:%Y-%m-%d %H:%M}: {row['reason']}"
        console.print(Text(said), soft_wrap=True)


def _side_by_side(row: Row) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("fact", "first", "second"):
        table.add_column(both(f"review_{name}"))
    table.add_column("")
    for fact in FACTS:
        values = [_shown(fact, row[f"{side}_{fact}"]) for side in ("left", "right")]
        mark = "" if fact in ("source", "key") else _mark(*(row[f"{side}_{fact}"] for side in ("left", "right")))
        style = {"≠": "yellow", "=": "green"}.get(mark, "")
        table.add_row(both(f"review_fact_{fact}"), *(Text(value, style=style) for value in values), mark)
    return table


def _shown(fact: str, value: Any) -> str:
    if value is None:
        return "–"
    if fact == "source":
        return both(f"source_{value}")
    return both(f"review_sex_{value}") if fact == "sex" else str(value)


def _mark(first: Any, second: Any) -> str:
    if first is None or second is None:
        return ""
    alike = str(first).casefold().split() == str(second).casefold().split()
    return "=" if alike else "≠"


def waterfall(row: Row) -> Iterator[Step]:
    """The steps from the weight before anything was compared to the match weight of the pair."""
    compared = row["comparison"] or []
    if not compared or row["match_weight"] is None:
        return
    position = row["match_weight"] - sum(each["weight"] for each in compared)
    yield Step(both("review_prior"), "", position, 0.0, position)
    for each in compared:
        title, label = (each.get(name) or {} for name in ("title", "label"))
        yield Step(
            _told(title) or each["comparison"],
            _told(label) or str(each["level"]),
            each["weight"],
            position,
            position + each["weight"],
        )
        position += each["weight"]


def _told(label: dict[str, str | None]) -> str:
    indonesian, english = label.get("id"), label.get("en")
    if not indonesian or not english:
        return indonesian or english or ""
    return indonesian if indonesian == english else f"{indonesian} / {english}"


def _bars(steps: list[Step]) -> Table:
    lowest = min(min(step.begins, step.ends) for step in steps)
    highest = max(max(step.begins, step.ends) for step in steps)
    scale = _BAR / ((highest - lowest) or 1.0)
    table = Table(box=None, pad_edge=False)
    for name in ("comparison", "level"):
        table.add_column(both(f"review_{name}"))
    table.add_column(both("review_weight"), justify="right")
    table.add_column("")
    for step in steps:
        start, end = sorted((round((step.begins - lowest) * scale), round((step.ends - lowest) * scale)))
        bar = Text(" " * start + "█" * max(end - start, 1), style="green" if step.weight >= 0 else "red")
        sign = "+" if step.weight > 0 else ""
        table.add_row(step.title, step.level, f"{sign}{number(step.weight, 1)}", bar)
    return table
