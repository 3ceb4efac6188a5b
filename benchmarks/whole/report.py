"""The results file as tables and a chart in `docs/explanation/performance.md`, between two marks."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.whole.results import Load, Results

PAGE, COPY = "performance.md", "performance.json"
BEGIN, END = "<!-- whole loads: begin -->", "<!-- whole loads: end -->"
STAGES = ("extract", "validate", "link", "score", "publish", "beside")
WITHOUT_LINK = ("extract", "validate", "score", "publish")
SIDES = ("kampungkb", "naive", "peers", "limit")
NIGHTS = {"full": "full", "unchanged": "nothing changed", "changed": "1 % changed"}
GIB = 1024
MEASURES = ("seconds", "processor")
OURS, NAIVE, LIMIT = ("kampungkb", "full"), ("naive", "full"), ("limit", "full")
_Kind = tuple[str, str]


def write_report(file: Path, docs: Path) -> None:
    """Copy the results beside the page and write its tables anew; raises where the page has lost its marks."""
    content = file.read_text(encoding="utf-8")
    results = Results.model_validate_json(content)
    page = docs / PAGE
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{page} lacks the marks {BEGIN} and {END}.")
    (docs / COPY).write_text(content, encoding="utf-8")
    page.write_text(f"{before}{BEGIN}\n{report(results)}\n{END}{after}", encoding="utf-8")


def report(results: Results) -> str:
    """All sizes as Markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    lines = [f"{results.machine}; {versions}; seed {results.seed} of the sample.", *_aims(results)]
    for families in results.sizes:
        lines += _size(results, families)
    return "\n".join(lines)


def _size(results: Results, families: int) -> Iterator[str]:
    sides = [load for side in SIDES if (load := results.find(side, "full", families))]
    nights = [load for case in NIGHTS if (load := results.find("kampungkb", case, families))]
    yield from ("", f"### {families:,} families", "")
    yield from _chart(families, sides)
    yield from _table(
        ["seconds by the clock (of the processor)", *(_titled(load) for load in sides)],
        [[stage, *(_seconds(load, stage) for load in sides)] for stage in STAGES]
        + [["all stages", *(f"{load.library_seconds:,.1f}" for load in sides)]]
        + [["without linkage", *(f"{load.of(*WITHOUT_LINK):,.1f}" for load in sides)]]
        + [["the whole command", *(f"{load.seconds:,.1f}" for load in sides)]]
        + [["load average at its end", *(f"{load.load_average:.1f}" for load in sides)]],
    )
    yield from _table(
        ["night", "stages, s", "of the full one", "processor, s", "of the full one", *STAGES],
        [[NIGHTS[load.case], *_night(load, nights[0])] for load in nights],
    )
    yield from _table(
        ["stage of the full night", "s", "processor, s", "rows", "rows/s", "MB written", "MiB", "PostgreSQL, MiB"],
        [row for load in nights[:1] for row in _stages(load)],
    )
    yield from ("", "Repeat with:", "", *(f"- `{load.command}`" for load in [*sides, *nights[1:]]))
    yield from _counts(sides)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield ""
    yield f"| {' | '.join(head)} |"
    yield f"|---|{'---:|' * (len(head) - 1)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _titled(load: Load) -> str:
    return load.side if load.share == 1 else f"{load.side}, {load.share:.0%} of the workbooks"


def _seconds(load: Load, stage: str) -> str:
    parts = [part for part in load.stages if part.stage == stage]
    if not parts:
        return "–"
    known = [part.processor for part in parts if part.processor is not None]
    return f"{load.of(stage):,.1f}" + (f" ({sum(known):,.1f})" if known else "")


def _night(load: Load, full: Load) -> list[str]:
    sums = [(_sum(load, what), _sum(full, what)) for what in MEASURES]
    shares = [text for part, whole in sums for text in (f"{part:,.1f}", f"{part / whole:.1%}")]
    return [*shares, *(_seconds(load, stage) for stage in STAGES)]


def _stages(load: Load) -> Iterator[list[str]]:
    for stage in load.stages:
        name = f"{stage.stage} {stage.part}" if stage.part else stage.stage
        written = stage.bytes / 1e6 if stage.bytes is not None else None
        figures = (stage.rows, stage.rows_per_second, written, stage.program_mib, stage.postgres_mib)
        processor = _figure(stage.processor, 1)
        yield [name, f"{stage.seconds:,.1f}", processor, *(_figure(figure) for figure in figures)]


def _figure(value: float | None, decimals: int = 0) -> str:
    return "–" if value is None else f"{value:,.{decimals}f}"


def _chart(families: int, sides: Sequence[Load]) -> Iterator[str]:
    """A bar a side: seconds without linkage."""
    names = ", ".join(f'"{_titled(load)}"' for load in sides)
    bars = ", ".join(f"{load.of(*WITHOUT_LINK):.1f}" for load in sides)
    yield from ("```mermaid", "xychart-beta horizontal", f'    title "{families:,} families, seconds without linkage"')
    yield from (f"    x-axis [{names}]", '    y-axis "seconds"', f"    bar [{bars}]", "```")


def _counts(sides: Sequence[Load]) -> Iterator[str]:
    """What shows that the sides did the same."""
    for load in (load for load in sides if "compared_survey" in load.counts):
        found = load.counts
        shares = (
            f"{found[f'same_{basis}']:,.0f} of {found[f'compared_{basis}']:,.0f} on the basis `{basis}`"
            for basis in ("survey", "integrated")
        )
        yield from ("", f"Families with our index, to nine decimals, on the side “{load.side}”: {', '.join(shares)}.")


def _aims(results: Results) -> Iterator[str]:
    """The aims of the issue beside what was measured, each at the greatest size whose loads it compares."""
    head = ["at the greatest size that has both", "families", "by the clock", "by the processor", "aim"]
    rows = [
        *_against(results, "naive side against ours, without linkage", NAIVE, OURS, "15 or more"),
        *_against(results, "naive side against the limit, without linkage", NAIVE, LIMIT, "–"),
        *_against(results, "ours against the limit, without linkage", OURS, LIMIT, "3 or less"),
        *_share(results, "unchanged", "under 3 %"),
        *_share(results, "changed", "under 15 %"),
        *_tenfold(results),
    ]
    yield from _table(head, rows)


def _against(results: Results, name: str, above: _Kind, below: _Kind, aim: str) -> Iterator[list[str]]:
    """How many times the one side takes what the other takes."""
    for families, upper, lower in _pairs(results, above, below):
        ratios = [f"{_without_link(upper, what) / _without_link(lower, what):.1f}" for what in MEASURES]
        yield [name, f"{families:,}", *ratios, aim]


def _share(results: Results, case: str, aim: str) -> Iterator[list[str]]:
    """What a night takes of the full one."""
    for families, night, full in _pairs(results, ("kampungkb", case), OURS):
        for counted, part in (_sum, "all stages"), (_without_link, "without linkage"):
            shares = [f"{counted(night, what) / counted(full, what):.1%}" for what in MEASURES]
            yield [f"night, {NIGHTS[case]}, {part}", f"{families:,}", *shares, aim]


def _pairs(results: Results, one: _Kind, other: _Kind) -> list[tuple[int, Load, Load]]:
    """The two whole loads of the greatest size that has both; nothing where none has."""
    loads = [(size, results.find(*one, size), results.find(*other, size)) for size in results.sizes]
    return [(size, a, b) for size, a, b in loads if a and b and a.share == b.share == 1][-1:]


def _tenfold(results: Results) -> Iterator[list[str]]:
    """What ten times the data take, in time and memory."""
    for families in results.sizes:
        once, tenfold = (results.find(*OURS, size) for size in (families, 10 * families))
        if once and tenfold:
            sizes = f"{families:,} and {10 * families:,}"
            times = [f"{_sum(tenfold, what) / _sum(once, what):.1f}" for what in MEASURES]
            yield ["ten times the data, all stages", sizes, *times, "11 or less"]
            memory = tenfold.counts["peak_program_mib"] / once.counts["peak_program_mib"]
            yield ["ten times the data, peak memory", sizes, f"{memory:.2f}", "", "1.25 or less"]
    for families, full, _ in _pairs(results, OURS, OURS):
        peak = f"{full.counts['peak_program_mib'] / GIB:.1f} GiB"
        yield ["peak memory of the full night", f"{families:,}", peak, "", "under 4 GiB, linkage 6"]


def _without_link(load: Load, what: str) -> float:
    """The stages that the limit covers, too; its publication into tables with the same keys."""
    return sum(getattr(s, what) or 0.0 for s in load.stages if s.stage in WITHOUT_LINK and s.part != "no keys")


def _sum(load: Load, what: str) -> float:
    return sum(getattr(stage, what) or 0.0 for stage in load.stages)
