"""The evaluation for people: one HTML page that loads nothing, and the table of docs/explanation/linkage-quality.md."""

import html
from collections.abc import Iterable, Sequence

from benchmarks.linkage_evaluation.febrl import Scored
from benchmarks.linkage_evaluation.measures import Measured, Row
from kampungkb.reporting.messages import Message, catalogue, message

KINDS = ("alone", "given")
_COLOURS = {"alone": "#b45309", "given": "#1d4ed8", "exact": "#9ca3af", "model": "#1d4ed8"}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1f2937 }
h1, h2 { line-height: 1.25 } h2 { margin-top: 2.5rem } .en { color: #6b7280; font-weight: normal; display: block }
h1 .en, h2 .en { font-size: .75em } table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .25rem .75rem; border-bottom: 1px solid #e5e7eb; text-align: right; vertical-align: top }
th:first-child, td:first-child { text-align: left } svg { max-width: 100%; height: auto }
"""


def _both(key: str, **values: object) -> str:
    text = message(key, **values)
    return f'{html.escape(text.id)} <span class="en" lang="en">{html.escape(text.en)}</span>'


def _share(value: float | None, decimals: int = 2) -> str:
    return "–" if value is None else f"{100 * value:.{decimals}f} %".replace(".", ",")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = "".join(f"<th>{each}</th>" for each in head)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>"


def _name(measured: Measured) -> str:
    scale = f"{measured.error_scale:g}"
    return _both("linkage_all_sample", families=measured.families, seed=measured.seed, scale=scale)


def _texts(heading: str) -> Message:
    """A heading of `grouped_pair.sql` in words; ages and pairs of sources stand as they are."""
    key = f"linkage_heading_{heading}"
    plain = heading.replace("_", " ")
    return message(key) if key in catalogue() else Message(id=plain, en=plain)


def _heading(heading: str) -> str:
    texts = _texts(heading)
    if texts.id == texts.en:
        return html.escape(texts.id)
    return f'{html.escape(texts.id)} <span class="en" lang="en">{html.escape(texts.en)}</span>'


def _compared(measured: Measured, grouping: str) -> list[tuple[Row, Row]]:
    model = {row["heading"]: row for row in measured.pairs("model", grouping)}
    return [(row, model[row["heading"]]) for row in measured.pairs("exact", grouping)]


def _methods(measured: Measured, grouping: str) -> str:
    head = [
        "",
        _both("linkage_pairs"),
        *(
            f"{_both(measure)} {_both(method)}"
            for method in ("linkage_exact_method", "linkage_model_method")
            for measure in ("linkage_precision", "linkage_recall")
        ),
    ]
    rows = [
        [
            _heading(exact["heading"]),
            f"{exact['true_pairs']:,}".replace(",", "."),
            *(_share(row[name]) for row in (exact, model) for name in ("precision", "recall")),
        ]
        for exact, model in _compared(measured, grouping)
    ]
    return _table(head, rows)


def recall_bars(measured: Measured, grouping: str) -> str:
    """Recall of the model beside that of the exact rules, one bar each by heading, as SVG."""
    parts, height = list[str](), 0
    for exact, model in _compared(measured, grouping):
        title = html.escape(_texts(exact["heading"]).id)
        parts.append(f'<text x="235" y="{height + 17}" text-anchor="end">{title}</text>')
        for offset, (method, row) in enumerate((("exact", exact), ("model", model))):
            width = 440 * (row["recall"] or 0)
            top = height + 3 + 10 * offset
            parts.append(f'<rect x="245" y="{top}" width="{width:.1f}" height="9" fill="{_COLOURS[method]}"/>')
        parts.append(f'<text x="692" y="{height + 20}">{_share(model["recall"], 1)}</text>')
        height += 27
    return (
        f'<svg role="img" viewBox="0 0 760 {height + 4}" width="760" font-size="12" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def calibration_plot(measured: Measured) -> str:
    """Probability by the model (across) against the share that is true (up), with the line of a perfect model."""
    size, left, bottom = 360, 50, 380

    def place(row: Row) -> tuple[float, float]:
        return left + size * row["mean_probability"], bottom - size * row["true_share"]

    parts = [
        f'<rect x="{left}" y="{bottom - size}" width="{size}" height="{size}" fill="none" stroke="#d1d5db"/>',
        f'<line x1="{left}" y1="{bottom}" x2="{left + size}" y2="{bottom - size}" stroke="#9ca3af" '
        'stroke-dasharray="4 4"/>',
    ]
    for tick in range(0, 101, 20):
        along = size * tick / 100
        parts.append(f'<text x="{left + along}" y="{bottom + 16}" text-anchor="middle">{tick} %</text>')
        parts.append(f'<text x="{left - 6}" y="{bottom - along + 4}" text-anchor="end">{tick} %</text>')
    for position, kind in enumerate(KINDS):
        rows = [row for row in measured.calibration if row["kind"] == kind]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, rows))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{_COLOURS[kind]}" stroke-width="1.5"/>')
        for row in rows:
            x, y = place(row)
            note = f"{row['lower']:g}–{row['upper']:g}: {row['pairs']}"
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{_COLOURS[kind]}"><title>{note}</title></circle>'
            )
        text = message(f"linkage_calibration_{kind}")
        top = bottom + 60 + 34 * position
        parts.append(f'<circle cx="{left + 4}" cy="{top - 4}" r="4" fill="{_COLOURS[kind]}"/>')
        parts.append(f'<text x="{left + 14}" y="{top}">{html.escape(text.id)}</text>')
        parts.append(f'<text x="{left + 14}" y="{top + 14}" fill="#6b7280">{html.escape(text.en)}</text>')
    across, up = message("linkage_mean_probability"), message("linkage_true_share")
    parts.append(
        f'<text x="{left + size}" y="{bottom + 32}" text-anchor="end">→ {html.escape(across.id)} / {across.en}</text>'
    )
    parts.append(f'<text x="{left}" y="{bottom - size - 8}">↑ {html.escape(up.id)} / {html.escape(up.en)}</text>')
    return f'<svg role="img" viewBox="0 0 720 494" width="720" font-size="12" xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'


def _calibration(measured: Measured) -> str:
    by_band: dict[tuple[float, float], dict[str, Row]] = {}
    for row in measured.calibration:
        by_band.setdefault((row["lower"], row["upper"]), {})[row["kind"]] = row
    rows = [
        [
            f"{lower:g}–{upper:g}",
            *(
                text
                for kind in KINDS
                for text in (
                    str(kinds[kind]["pairs"]) if kind in kinds else "0",
                    _share(kinds[kind]["true_share"], 1) if kind in kinds else "–",
                )
            ),
        ]
        for (lower, upper), kinds in sorted(by_band.items())
    ]
    head = [
        _both("linkage_mean_probability"),
        *(text for kind in KINDS for text in (_both(f"linkage_calibration_{kind}"), _both("linkage_true_share"))),
    ]
    brier = "; ".join(
        f"{html.escape(message(f'linkage_calibration_{kind}').id)}: {measured.brier[kind] or 0:.5f}" for kind in KINDS
    )
    return f"<p>Brier: {brier}</p>{calibration_plot(measured)}{_table(head, rows)}"


def page(samples: Sequence[Measured], febrl: Sequence[Scored]) -> str:
    """The whole report. Details are those of the first sample."""
    first = samples[0]
    overall = [
        [
            _name(each),
            f"{exact['true_pairs']:,}".replace(",", "."),
            *(_share(row[name], 3) for row in (exact, model) for name in ("precision", "recall", "f1")),
        ]
        for each in samples
        for exact, model in _compared(each, "all")
    ]
    measures = [
        f"{_both(measure) if measure != 'F1' else 'F1'} {_both(method)}"
        for method in ("linkage_exact_method", "linkage_model_method")
        for measure in ("linkage_precision", "linkage_recall", "F1")
    ]
    persons = [
        [
            _name(each),
            _both(f"linkage_{row['method']}_method"),
            *(_share(row[name], 3) for name in ("b_cubed_precision", "b_cubed_recall", "exact_persons")),
        ]
        for each in samples
        for row in each.clusterwise
    ]
    body = [
        f"<h1>{_both('linkage_report')}</h1><p>{_both('linkage_report_intro')}</p>",
        f"<h2>{_both('linkage_all')}</h2>",
        _table(["", _both("linkage_pairs"), *measures], overall),
        f"<h2>{_both('linkage_persons')}</h2>",
        _table(
            [
                "",
                "",
                f"B³ {_both('linkage_precision')}",
                f"B³ {_both('linkage_recall')}",
                _both("linkage_exact_persons"),
            ],
            persons,
        ),
    ]
    for grouping in ("sources", "age", "error"):
        title = f"<h2>{_both(f'linkage_{grouping}')}</h2><p>{_name(first)}</p>"
        body += [title, recall_bars(first, grouping), _methods(first, grouping)]
    body += [
        f"<h2>{_both('linkage_calibration')}</h2>",
        *(f"<p>{_name(each)}</p>{_calibration(each)}" for each in samples),
    ]
    if febrl:
        rows = [
            [each.data_set, f"{each.true_pairs}", f"{each.precision:.4f}", f"{each.recall:.4f}", f"{each.f1:.4f}"]
            for each in febrl
        ]
        head = ["", _both("linkage_pairs"), _both("linkage_precision"), _both("linkage_recall"), "F1"]
        body += [f"<h2>{_both('linkage_febrl')}</h2>", _table(head, rows)]
    title = html.escape(message("linkage_report").id)
    return (
        f'<!doctype html><html lang="id"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def markdown(samples: Sequence[Measured], febrl: Sequence[Scored]) -> str:
    """The tables of the documentation."""
    lines = ["| sample | method | precision | recall | F1 | whole persons |", "|---|---|---:|---:|---:|---:|"]
    for each in samples:
        persons = {row["method"]: row["exact_persons"] for row in each.clusterwise}
        for exact, model in _compared(each, "all"):
            lines += [
                f"| {each.families:,} families, seed {each.seed}, errors × {each.error_scale:g} | {name} "
                f"| {row['precision']:.5f} | {row['recall']:.5f} | {row['f1']:.5f} | {persons[row['method']]:.4f} |"
                for name, row in (("exact rules", exact), ("model", model))
            ]
    for grouping, title in (("age", "age group"), ("error", "error on one of the records"), ("sources", "sources")):
        lines += ["", f"| {title} | true pairs | recall, exact | recall, model | precision, model |"]
        lines += ["|---|---:|---:|---:|---:|"]
        lines += [
            f"| {_texts(exact['heading']).en} | {exact['true_pairs']:,} | {_figure(exact['recall'])} "
            f"| {_figure(model['recall'])} | {_figure(model['precision'])} |"
            for exact, model in _compared(samples[0], grouping)
        ]
    lines += ["", "| probability | pairs given it | true | by the pair alone | true |", "|---|---:|---:|---:|---:|"]
    for row in (row for row in samples[0].calibration if row["kind"] == "given" and row["lower"] >= 0.5):
        other = next((o for o in samples[0].calibration if o["kind"] == "alone" and o["lower"] == row["lower"]), None)
        lines.append(
            f"| {row['lower']:g}–{row['upper']:g} | {row['pairs']:,} | {row['true_share']:.3f} "
            + (f"| {other['pairs']:,} | {other['true_share']:.3f} |" if other else "| 0 | – |")
        )
    brier = samples[0].brier
    lines += ["", f"Brier score: {brier['given'] or 0:.5f}; {brier['alone'] or 0:.5f} by the pair alone."]
    if febrl:
        lines += ["", "| data set | records | true pairs | precision | recall | F1 |", "|---|---:|---:|---:|---:|---:|"]
        lines += [
            f"| {each.data_set} | {each.records:,} | {each.true_pairs:,} | {each.precision:.4f} | {each.recall:.4f} "
            f"| {each.f1:.4f} |"
            for each in febrl
        ]
    return "\n".join(lines) + "\n"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
