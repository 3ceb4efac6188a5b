"""The linkage at size: a full night, one with 1 % of the names changed, and one in which nothing changed.

The inputs are accepted tables. A sample is made and validated once and then repeated with other identities until there
are enough persons: copy n has other digits in all keys, identity numbers and villages, and everybody in it is n
years older, in the birth date and inside the NIK. So copies stand for further regencies of the same make: their records
share no number, no village and no birth date with their originals, and names and birth dates meet by chance as often as
in a population of that size.

    python -m benchmarks.linkage --persons 2100000
"""

import argparse
import json
import math
import os
import platform
import resource
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from benchmarks.linkage_evaluation.measures import validated
from benchmarks.linkage_evaluation.samples import accept
from kampungkb.errors import KampungkbError
from kampungkb.lake import private_folder
from kampungkb.linkage import link
from kampungkb.run import Run, today
from kampungkb.settings import PROJECT_ROOT, Settings

FIRST_REGION = 11
MOST_COPIES = 99 - FIRST_REGION

# Text functions of one value and the number of the copy. A NIK keeps its region, whose digits are not the same for
# all, and gets another serial number instead: those of the sample start with 00.
_FUNCTIONS = f"""
create macro other_region(code, copy) as
    lpad(cast({FIRST_REGION} + copy as varchar), 2, '0') || substr(cast(code as varchar), 3);
create macro other_nik(nik, copy) as case
    when regexp_matches(nik, '^[0-9]{{16}}$') then
        substr(nik, 1, 10) || lpad(cast((cast(substr(nik, 11, 2) as integer) - copy + 100) % 100 as varchar), 2, '0')
        || lpad(cast((cast(substr(nik, 13, 2) as integer) + copy) % 100 as varchar), 2, '0') || substr(nik, 15)
    else nik
end;
create macro older(born, copy) as cast(born - to_years(cast(copy as integer)) as date);
"""

# What differs in a copy, by table; every other column stays. {changed} marks rows that differ in the second night.
_COPIED = {
    "keluarga": """* replace (
        other_region("KODE_KELUARGA", copy) as "KODE_KELUARGA", other_region("NO_KK", copy) as "NO_KK",
        other_region(source_key, copy) as source_key, other_region(village_code, copy) as village_code)""",
    "anggota": """* replace (
        other_region("KODE_KELUARGA", copy) as "KODE_KELUARGA", other_nik("K.01", copy) as "K.01",
        "K.02" || {changed} as "K.02", older("K.04", copy) as "K.04",
        other_region(source_key, copy) as source_key, other_region(village_code, copy) as village_code)""",
    "biodata_wni": """* replace (
        other_nik(nik, copy) as nik, other_region(no_kk, copy) as no_kk, other_nik(nik_ibu, copy) as nik_ibu,
        other_nik(nik_ayah, copy) as nik_ayah, older(tgl_lhr, copy) as tgl_lhr, nama_lgkp || {changed} as nama_lgkp,
        other_nik(source_key, copy) as source_key, other_region(village_code, copy) as village_code)""",
    "peserta": """* replace (
        other_region("noKartu", copy) as "noKartu", other_nik(nik, copy) as nik, nama || {changed} as nama,
        older("tglLahir", copy) as "tglLahir", other_region(source_key, copy) as source_key,
        other_region(village_code, copy) as village_code)""",
}
_CHANGED = "case when hash(source_key, copy) % 100 = 0 then 'A' else '' end"

# What a night is called, whether its accepted tables have the changed names, and the share of records that is new.
_NIGHTS = (("full", False, 1.0), ("1 % changed", True, 0.01), ("nothing changed", True, 0.0))


@dataclass(frozen=True)
class Night:
    """One link step: `records` went in, of which `changed` since the night before."""

    night: str
    records: int
    changed: int
    seconds: float
    processor_seconds: float
    records_per_second: float
    peak_mib: float
    persons: int


def repeat(source: Path, target: Path, copies: int, *, changed: bool) -> None:
    """Write the accepted tables in `source` into `target`, `copies` times; `changed` changes 1 % of the names."""
    with duckdb.connect() as connection:
        connection.execute("set threads = 2")
        connection.execute("set memory_limit = '1500MiB'")
        connection.execute(_FUNCTIONS)
        for file in sorted(source.glob("*/*.parquet")):
            columns = _COPIED.get(file.stem)
            if columns is None:
                continue
            folder = private_folder(target / file.parent.name)
            made = columns.format(changed=_CHANGED if changed else "''")
            connection.execute(
                f"copy (select * exclude (copy) from (select {made} from read_parquet('{file}') "
                f"cross join range({copies}) as numbers(copy))) to '{folder / file.name}' (format parquet)"
            )
    for result in source.glob("*/result.json"):
        reference = json.loads(result.read_text(encoding="utf-8"))
        reference["accepted"] = {table: rows * copies for table, rows in reference["accepted"].items()}
        (target / result.parent.name / "result.json").write_text(json.dumps(reference), encoding="utf-8")


def link_once(home: Path, as_of: date) -> tuple[float, float, float, int, int]:
    """Link one night in this process; return seconds by clock and processor, peak MiB, records and persons."""
    settings = Settings(home=home, pseudonym_key=os.environ.get("KAMPUNGKB_PSEUDONYM_KEY", "benchmark"))
    run = Run("bench-link", as_of, settings)
    started, worked = time.monotonic(), time.process_time()
    linked = link(run, validated(settings, as_of))
    seconds, processor = time.monotonic() - started, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return seconds, processor, peak, sum(linked.records.values()), linked.persons


def measure(home: Path, as_of: date, night: str, changed_share: float) -> Night:
    """Link one night in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        seconds, processor, peak, records, persons = pool.submit(link_once, home, as_of).result()
    changed = round(records * changed_share)
    return Night(
        night, records, changed, round(seconds, 1), round(processor, 1), round(records / seconds), round(peak), persons
    )


def report(nights: list[Night], machine: str) -> str:
    """The figures as Markdown."""
    lines = ["# Linkage, measured", "", machine, ""]
    lines += [
        "| night | records | changed | seconds | records/s | processor, s | of the full one | peak MiB | persons |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {each.night} | {each.records:,} | {each.changed:,} | {each.seconds:.1f} | {each.records_per_second:,.0f} "
        f"| {each.processor_seconds:.1f} | {100 * each.processor_seconds / nights[0].processor_seconds:.1f} % "
        f"| {each.peak_mib:,.0f} | {each.persons:,} |"
        for each in nights
    ]
    return "\n".join([*lines, "", "The share is one of processor seconds."]) + "\n"


def main() -> int:
    """Measure the nights and write `linkage.md` and `linkage.json` to the output folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=2_100_000, help="accepted survey members, and as many elsewhere")
    parser.add_argument("--families", type=int, default=32_000, help="size of the sample that is repeated")
    parser.add_argument("--accepted", type=Path, help="repeat these accepted tables instead of making a sample")
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "var" / "bench")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="home-link-", dir=given.out))
    try:
        source = given.accepted or accept(home / "base", families=given.families, seed=2104, error_scale=1.0)
        members = pq.read_metadata(source / "family_survey" / "anggota.parquet").num_rows
        copies = min(max(math.ceil(given.persons / members), 1), MOST_COPIES)
        first = today()
        nights = []
        for offset, (night, changed, share) in enumerate(_NIGHTS):
            as_of = first + timedelta(days=offset)
            repeat(source, home / "lake" / "accepted" / as_of.isoformat(), copies, changed=changed)
            nights.append(measure(home, as_of, night, share))
            print(nights[-1], file=sys.stderr, flush=True)
    except KampungkbError as fault:
        print(fault, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(home, ignore_errors=True)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    text = report(nights, machine)
    (given.out / "linkage.md").write_text(text, encoding="utf-8")
    figures = {"machine": machine, "nights": [asdict(night) for night in nights]}
    (given.out / "linkage.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
