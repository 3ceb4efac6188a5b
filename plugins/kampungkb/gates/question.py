"""A suspicious delivery as a person is asked about it, and what the answer decides."""

from kampungkb.gates.thresholds import thresholds
from kampungkb.refs import Answer, Question
from kampungkb.reporting.messages import both, number
from kampungkb.verdicts import ACCEPT, HOLD_BACK, Decision, Outcome, Verdict


def question(verdict: Verdict) -> Question:
    """Headline and figures in both languages, as Airflow shows them (Markdown); no personal values."""
    default = ACCEPT if thresholds(verdict.source).unanswered == "accept" else HOLD_BACK
    named = {"source": both(f"source_{verdict.source}"), "as_of": verdict.as_of.isoformat()}
    headings = [both(key) for key in ("gate", "subject", "measured", "usual", "limit", "gate_reason")]
    rows = [headings, ["---"] * len(headings), *map(_cells, verdict.findings)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    body = "\n\n".join([both("gate_question", **named), table, both("gate_default", default=default)])
    return Question(subject=both("gate_subject", **named), body=body, defaults=[default])


def _cells(outcome: Outcome) -> list[str]:
    figures = [_figure(outcome.measured), _figure(outcome.usual), outcome.suspicious_limit or "–"]
    return [both(f"gate_{outcome.gate}"), outcome.subject, *figures, outcome.reason.replace("|", "/")]


def _figure(value: float | None) -> str:
    return number(value, 0 if value is None or value == int(value) else 2)


def decision(answer: Answer) -> Decision:
    """What an answer decides, and who gave it; an answer of nobody is the time-out's default."""
    user = answer.responded_by_user or {}
    by = user.get("name") or user.get("id")
    return Decision(
        accepted=answer.chosen_options == [ACCEPT],
        by=by or "default",
        by_default=by is None,
        at=answer.responded_at,
    )
