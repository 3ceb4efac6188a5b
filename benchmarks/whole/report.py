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
        + [["the whole command", *(f"{load.seconds:,.1f}" for load in sides)]],
    )
    yield from _table(
        ["night", "stages, s", "of the full one", *STAGES],
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
    share = f"{load.library_seconds / full.library_seconds:.1%}"
    return [f"{load.library_seconds:,.1f}", share, *(f"{load.of(stage):,.1f}" for stage in STAGES)]


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
    """The aims of the issue beside what was measured, at the greatest size."""
    families = results.sizes[-1]
    full, naive, limit = (results.find(side, "full", families) for side in ("kampungkb", "naive", "limit"))
    rows = []
    if full and naive:
        rows.append(["naive side against ours, without linkage", _ratio(naive.of(*WITHOUT_LINK), full), "15 or more"])
    if full and limit:
        ratio = full.of(*WITHOUT_LINK) / _limit_seconds(limit)
        rows.append(["ours against the limit", f"{ratio:.1f}", "3 or less"])
    if full:
        rows.append(["peak memory of the program, GiB", f"{full.counts['peak_program_mib'] / GIB:.1f}", "under 4"])
    for case, aim in (("unchanged", "under 3 %"), ("changed", "under 15 %")):
        night = results.find("kampungkb", case, families)
        if full and night:
            rows.append([f"night, {NIGHTS[case]}", f"{night.library_seconds / full.library_seconds:.1%}", aim])
    yield from _table([f"at {families:,} families", "measured", "aim"], rows)


def _ratio(seconds: float, ours: Load) -> str:
    return f"{seconds / ours.of(*WITHOUT_LINK):.1f}"


def _limit_seconds(limit: Load) -> float:
    """The limit of the stages it covers; of publication, into tables with the same keys."""
    covered = (stage for stage in limit.stages if stage.stage in WITHOUT_LINK and stage.part != "no keys")
    return sum(stage.seconds for stage in covered)
