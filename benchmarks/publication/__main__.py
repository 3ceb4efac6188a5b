"""Publication at size: rows a second beside `psql \\copy` and pandas `to_sql` of the same rows, and an unchanged night.

A sample is extracted, validated, linked and scored once and then repeated (`repeated.py`). Publication runs in a
process of its own on an empty embedded warehouse, then for the next date with nothing changed. The rows that stand in
its tables then are loaded again, into empty tables with the same keys and indexes and into tables without any: by our
way of loading from Parquet, by psql from text, by pandas from Parquet. pandas loads a stated part, and so
do we beside it.

    python -m benchmarks.publication --families 580000
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.publication.measures import BARELY, OURS, PANDAS, PARTLY, PSQL, measure
from kampungkb.settings import PROJECT_ROOT

# A load of others and that of ours which it is held against, with the least ratio of rows a second that is aimed at.
BESIDE = {PSQL + where: (OURS + where, "0.8") for where in ("", BARELY)} | {
    PANDAS + PARTLY + where: (OURS + PARTLY + where, "10") for where in ("", BARELY)
}
UNCHANGED_AIM = 0.05


def report(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    loads, unchanged = figures["loads"], figures["unchanged"]
    full = loads["whole publication"]
    heads = ("load", "seconds", "processor, s", "rows", "rows/s", "our rows/s against it", "by processor", "aim")
    return "\n".join(
        [
            *("# Publication, measured", "", figures["machine"], ""),
            f"{figures['families']:,} families, {figures['persons']:,} persons, {figures['rows']:,} rows in tables.",
            *("", f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"),
            *(
                f"| {name} | {load['seconds']:,.1f} | {load['processor']:,.1f} | {load['rows']:,}"
                f" | {load['rows'] / load['seconds']:,.0f} | {_beside(name, loads)} |"
                for name, load in loads.items()
            ),
            "",
            f"Unchanged night: {unchanged['seconds']:.1f} s, {unchanged['seconds'] / full['seconds']:.1%} of the full"
            f" one (aim: under {UNCHANGED_AIM:.0%}), by processor {unchanged['processor'] / full['processor']:.1%};"
            f" {unchanged['rows']:,} rows written.",
            f"Peak of the process: {full['peak_mib']:,.0f} MiB, unchanged {unchanged['peak_mib']:,.0f} MiB.",
            "",
        ]
    )


def _beside(name: str, loads: dict[str, Any]) -> str:
    """How many times the rows a second of a load ours reaches, by the clock and by the processor, and the aim."""
    if name not in BESIDE:
        return " | | "
    ours, aim = BESIDE[name]
    ratios = (
        loads[ours]["rows"] / loads[ours][unit] / (loads[name]["rows"] / loads[name][unit])
        for unit in ("seconds", "processor")
    )
    return " | ".join((*(f"{ratio:.2f}" for ratio in ratios), aim))


def main() -> int:
    """Measure and write `publication.md` and `publication.json` to the output folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", type=int, default=580_000)
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "var" / "bench")
    given = parser.parse_args()
    if shutil.which("psql") is None:
        sys.exit("psql is needed to compare with (on Debian: apt-get install postgresql-client).")
    given.out.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="publication-", dir=given.out))

    def note(figures: dict[str, Any]) -> None:
        (given.out / "publication.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")

    try:
        figures = measure(given.families, work, note)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    text = report(figures)
    (given.out / "publication.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
