"""What publication reads, at any size: the lake of a sample night, with every family and person copied.

Each copy has keys of its own and stays in its village, so villages grow and their number does not; counts by village
and counts of rules are as many times greater. Codes, names, answers and scores are those of the sample.
"""

from pathlib import Path

import duckdb

from kampungkb.refs import Linked, Scored, Validated

# A pseudonym keeps its form; a key of a source gets the number of its copy.
_PSEUDONYMS = {"family_key", "person_key"}
_KEYS = {"source_key", "KODE_KELUARGA", "row_key", "review_key", "left_key", "right_key"}
_MULTIPLIED = {
    *("checked", "failed", "families", "persons", "insured", "insurance_known", "rentan_families", "eligible"),
    *("participating", "unanswered", "families_surveyed", "family_cards", "cards_surveyed"),
}
_COUNTED = ("checks.parquet", "village_*.parquet")
_ONCE = ("indicator.parquet",)

References = tuple[list[Validated], Linked, Scored]


def repeat(references: References, copies: int, target: Path) -> References:
    """Write the night `copies` times into `target`; the references to it."""
    validated, linked, scored = references
    return (
        [_validated(source, copies, target / source.source) for source in validated],
        linked.model_copy(
            update={
                "path": _folder(linked.path, copies, target / "persons"),
                "records": _times(linked.records, copies),
                "linked": _times(linked.linked, copies),
                "persons": linked.persons * copies,
            }
        ),
        scored.model_copy(
            update={
                "path": _folder(scored.path, copies, target / "scores"),
                "families": scored.families * copies,
                "rows": scored.rows * copies,
            }
        ),
    )


def _validated(source: Validated, copies: int, target: Path) -> Validated:
    counts = {name: _times(getattr(source, name), copies) for name in ("read", "accepted", "rejected", "nulled")}
    return source.model_copy(update={"path": _folder(source.path, copies, target), **counts})


def _times(counts: dict[str, int], copies: int) -> dict[str, int]:
    return {name: count * copies for name, count in counts.items()}


def _folder(source: Path, copies: int, target: Path) -> Path:
    target.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute("set memory_limit = '3GiB'")
        connection.execute("set enable_progress_bar = false")
        for file in sorted(source.glob("*.parquet")):
            connection.execute(f"copy ({_copied(connection, file, copies)}) to '{target / file.name}' (format parquet)")
    return target


def _copied(connection: duckdb.DuckDBPyConnection, file: Path, copies: int) -> str:
    rows = f"from read_parquet('{file}')"
    columns = [name for name, *_ in connection.execute(f"describe select * {rows}").fetchall()]
    if file.match(_ONCE[0]):
        return f"select * {rows}"
    if any(file.match(pattern) for pattern in _COUNTED):
        changed = [f'"{name}" * {copies} as "{name}"' for name in columns if name in _MULTIPLIED]
        return f"select * replace ({', '.join(changed)}) {rows}" if changed else f"select * {rows}"
    changed = [f'md5("{name}" || copy) as "{name}"' for name in columns if name in _PSEUDONYMS]
    changed += [f'"{name}" || \'-\' || copy as "{name}"' for name in columns if name in _KEYS]
    replaced = f"replace ({', '.join(changed)})" if changed else ""
    return f"select * exclude (copy) {replaced} {rows} cross join range({copies}) as numbers (copy)"
