"""Evaluate the linkage: samples with known truth, and FEBRL. Writes `index.html`, `results.json` and `tables.md`.

python -m benchmarks.linkage_evaluation --families 32000 --seeds 2104 7 --scales 1 2
python -m benchmarks.linkage_evaluation --home var
"""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.linkage_evaluation import febrl, report
from benchmarks.linkage_evaluation.samples import evaluate, evaluate_home
from kampungkb.errors import KampungkbError
from kampungkb.settings import PROJECT_ROOT


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", type=int, default=8_000)
    parser.add_argument("--seeds", type=int, nargs="+", help="default: 2104 and 7, none where a home is given")
    parser.add_argument("--scales", type=float, nargs="+", default=[1.0, 2.0])
    parser.add_argument("--home", type=Path, help="measure the latest links of this home, before new samples")
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "var" / "linkage-evaluation")
    parser.add_argument("--cache", type=Path, default=PROJECT_ROOT / "var" / "cache", help="where FEBRL is kept")
    parser.add_argument("--no-febrl", action="store_true")
    return parser.parse_args()


def main() -> int:
    """Measure everything asked for and write the report; return the exit code."""
    given = _arguments()
    given.out.mkdir(parents=True, exist_ok=True)
    try:
        samples = [evaluate_home(given.home)] if given.home else []
        seeds = given.seeds or ([] if given.home else [2104, 7])
        for seed, scale in ((seed, scale) for scale in given.scales for seed in seeds):
            home = Path(tempfile.mkdtemp(prefix="home-", dir=given.out))
            try:
                samples.append(evaluate(home, families=given.families, seed=seed, error_scale=scale))
            finally:
                shutil.rmtree(home, ignore_errors=True)
        folder = None if given.no_febrl else febrl.fetch(given.cache)
        scored = [febrl.score(folder, data_set) for data_set in febrl.DATA_SETS] if folder else []
    except KampungkbError as fault:
        print(fault, file=sys.stderr)
        return 1
    tables = report.markdown(samples, scored)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    results = {"machine": machine, "samples": [asdict(each) for each in samples], "febrl": [asdict(s) for s in scored]}
    (given.out / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (given.out / "tables.md").write_text(tables, encoding="utf-8")
    (given.out / "index.html").write_text(report.page(samples, scored), encoding="utf-8")
    print(tables)
    print(given.out / "index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
