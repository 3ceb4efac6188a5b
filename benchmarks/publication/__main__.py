"""Publication at size: rows a second beside `psql \\copy` and pandas `to_sql` of the same rows, and an unchanged night.

A sample is extracted, validated, linked and scored once and then repeated (`repeated.py`). Publication runs in a
process of its own on an empty embedded warehouse, then for the next date with nothing changed. The rows that stand in
its tables then are loaded again, into empty tables like them: by our way of loading from Parquet, by psql from text and
by pandas from Parquet with the same keys and indexes, by psql into tables without any. pandas loads a stated part.

    python -m benchmarks.publication --families 580000
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.publication.measures import OURS, PANDAS, PANDAS_PART, PSQL, measure
from kampungkb.settings import PROJECT_ROOT

AIMS = {PSQL: "0.8", f"{PANDAS}, {PANDAS_PART:.0%} of the rows": "10"}
UNCHANGED_AIM = 0.05


def report(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    loads, unchanged = figures["loads"], figures["unchanged"]
    speed = {name: load["rows"] / load["seconds"] for name, load in loads.items()}
    full = loads["whole publication"]
    heads = ("load", "seconds", "processor, s", "rows", "rows/s", "our load against it", "aim")
    return "\n".join(
        [
            *("# Publication, measured", "", figures["machine"], ""),
            f"{figures['families']:,} families, {figures['persons']:,} persons, {figures['rows']:,} rows in tables.",
            *("", f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"),
            *(
                f"| {name} | {load['seconds']:,.1f} | {load['processor']:,.1f} | {load['rows']:,} | {speed[name]:,.0f}"
                f" | {speed[OURS] / speed[name]:.2f} | {AIMS.get(name, '')} |"
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
