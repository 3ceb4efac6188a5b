"""The load a user would write from the same packages: pandas, openpyxl, Great Expectations on frames, `to_sql`.

It reads the same workbooks, database and web service and writes families, members, scores, villages and the failing
rows. It does less: no landing, no history, no gates, no pseudonyms, no rules for registry and insurance (their rows are
taken as they are), a link only where the NIK is equal, and every night starts from nothing. Where pandas allows it, it
is written for speed: whole columns, and every distinct cell read once.

    python -m benchmarks.whole.naive --as-of 2026-11-26 --share 1 --out FOLDER

Connections come from `AIRFLOW_CONN_*`, the database to write from `BENCH_DATABASE`. The last line of standard output
holds the stages as JSON.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Engine, create_engine, text

from benchmarks.gx_on_pandas import Judged, Survey, judge_frames, number_of
from kampungkb.connections import (
    CIVIL_REGISTRY,
    FAMILY_WORKBOOKS,
    HEALTH_INSURANCE,
    connections_from_environment,
)
from kampungkb.contracts import contract
from kampungkb.run import FAMILY_SURVEY
from kampungkb.settings import EXPECTATIONS, load_settings
from kampungkb.sources.cells import is_footer, text_of
from kampungkb.sources.insurance_api import Client, Service
from kampungkb.validation.suites import read_suite
from kampungkb.warehouse.connect import url

SHEETS = ("KELUARGA", "ANGGOTA")
MARK = "KODE_KELUARGA"
DECENT = {"P.19": 5, "P.20": 3, "P.21": 3, "P.22": 2, "P.23": 3, "P.24": 2, "P.25": 1, "P.26": 1}
KETENTRAMAN = ("worship", "marriage_document", "birth_certificate", "health_insurance", "no_conflict", "no_divorce")
KEMANDIRIAN = ("income", "varied_food", "decent_house", "savings", "schooling", "health", "online_media")
KEBAHAGIAAN = ("family_interaction", "shared_parenting", "family_recreation", "social_participation")
CELL_KINDS = {str: "text", int: "number", float: "number", datetime: "date", bool: "boolean"}
ROWS_A_BATCH = 10_000

STAGES: list[dict[str, Any]] = []


@contextmanager
def stage(name: str, part: str | None = None) -> Iterator[dict[str, Any]]:
    """Time a stage; what the block adds (rows) is kept with it."""
    begun, at, found = time.monotonic(), datetime.now(UTC).isoformat(), dict[str, Any]()
    yield found
    seconds = time.monotonic() - begun
    STAGES.append({"stage": name, "part": part, "at": at, "seconds": seconds, **found})


# ── extract ──────────────────────────────────────────────────────────────────────────────────────────────────────


def read_workbooks(folder: Path, share: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both sheets of all workbooks (or of the first ones), cell by cell as text."""
    files = sorted(folder.rglob("*.xlsx"))
    chosen = files[: max(1, round(len(files) * share))]
    parts: dict[str, list[pd.DataFrame]] = {sheet: [] for sheet in SHEETS}
    for path in chosen:
        book = pd.read_excel(
            path,
            sheet_name=list(SHEETS),
            header=None,
            dtype=object,
            engine="openpyxl",
            keep_default_na=False,
            na_values=[""],
        )
        for sheet in SHEETS:
            parts[sheet].append(_below_header(book[sheet], sheet).assign(file=str(path.relative_to(folder))))
    families, members = (_as_text(pd.concat(parts[sheet], ignore_index=True), sheet) for sheet in SHEETS)
    return families, members


def _below_header(cells: pd.DataFrame, sheet: str) -> pd.DataFrame:
    """The data rows under their official names; titles, empty rows and the footer are left out."""
    names = cells.astype("string").apply(lambda column: column.str.strip().str.upper())
    header = int(names.eq(MARK).any(axis=1).idxmax())
    official = {name.upper(): name for name in contract(FAMILY_SURVEY).table(sheet).names}
    known = {place: official[name] for place, name in names.loc[header].items() if name in official}
    rows = cells.loc[header + 1 :].dropna(how="all")
    rows = rows[~rows.bfill(axis=1)[0].map(is_footer)]
    frame = rows[list(known)].rename(columns=known)
    return frame.assign(sheet=sheet, row_number=rows.index + 1)


def _as_text(frame: pd.DataFrame, sheet: str) -> pd.DataFrame:
    table = contract(FAMILY_SURVEY).table(sheet)
    frame = frame.reindex(columns=["file", "sheet", "row_number", *table.names])
    for column in table.of_kind("identity"):
        cells = frame[column.name]
        frame[f"{column.name}__cell"] = cells.map(type).map(CELL_KINDS).where(cells.notna())
    for name in table.names:
        frame[name] = frame[name].map({cell: text_of(cell) for cell in frame[name].dropna().unique()}).astype("str")
    return frame


def read_registry(engine: Engine) -> pd.DataFrame:
    """All residents (and, as the load needs it, all family cards)."""
    cards = pd.read_sql("select * from data_keluarga", engine)
    residents = pd.read_sql("select * from biodata_wni", engine)
    return residents.assign(card_known=residents["no_kk"].isin(cards["no_kk"]))


def read_insurance(service: Service) -> pd.DataFrame:
    """All entries, page by page, each once."""
    pages: list[pd.DataFrame] = []
    with Client(service) as client:
        number, total = 1, 1
        while sum(map(len, pages)) < total:
            body, page = client.page(number)
            if not page.entries:
                break
            pages.append(pd.json_normalize(json.loads(body)["response"]["list"]))
            number, total = number + 1, page.total or 0
    return pd.concat(pages, ignore_index=True).drop_duplicates()


# ── validate ─────────────────────────────────────────────────────────────────────────────────────────────────────


def accept(frame: pd.DataFrame, judged: Judged, table: str) -> pd.DataFrame:
    """The rows that no rule rejects, without the values that a rule makes null."""
    suite = read_suite(EXPECTATIONS, table)
    for number, rows in judged.failures.groupby("expectation")["row_id"] if len(judged.failures) else ():
        meta = suite.expectations[int(str(number))].meta
        if meta.effect == "null":
            named = [name for column in meta.columns for name in (column, f"{column}__text") if name in frame]
            frame.loc[rows, named] = None
    return frame[~frame.index.isin(judged.rejected)]


def accept_survey(survey: Survey) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Accepted families and members; the members of rejected families are rejected by a rule."""
    families = accept(survey.families, survey.of_families, "keluarga")
    members = accept(survey.members, survey.of_members, "anggota")
    return families, members


def failures_of(survey: Survey) -> pd.DataFrame:
    """Every failing row and rule, with its place."""
    judged = {"keluarga": (survey.families, survey.of_families), "anggota": (survey.members, survey.of_members)}
    places = [
        found.failures.assign(source_table=table).join(frame[["file", "row_number"]], on="row_id")
        for table, (frame, found) in judged.items()
    ]
    return pd.concat(places, ignore_index=True)


# ── link ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def link(members: pd.DataFrame, registry: pd.DataFrame, insurance: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Members with what the registry and the insurance say of the person with the same NIK."""
    alive = registry[(registry["stat_hidup"] == 1) & (registry["flag_status"] == 0)]
    evidence = alive.drop_duplicates("nik")[["nik", "akta_lhr", "stat_kwn", "akta_kwn"]]
    day = as_of.isoformat()
    begun = ~(insurance["tglTMT"].fillna("") > day)
    over = insurance["tglTAT"].fillna("9999") < day
    cards = insurance.assign(insured=(insurance["statusPeserta.kode"] == "0") & begun & ~over)
    insured = cards.dropna(subset=["statusPeserta.kode", "nik"]).groupby("nik")["insured"].max()
    linked = members.merge(evidence, how="left", left_on="K.01", right_on="nik")
    return linked.merge(insured, how="left", left_on="K.01", right_index=True)


# ── score ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _yes(codes: pd.Series, yes: tuple[int, ...], no: tuple[int, ...]) -> pd.Series:
    """1 or 0; nothing where it is neither."""
    return codes.map({**dict.fromkeys(yes, 1.0), **dict.fromkeys(no, 0.0)})


def _of_all(answers: pd.Series, families: pd.Series) -> pd.Series:
    """By family: one 0 decides, else one missing answer leaves it open, else 1."""
    return answers.fillna(0.5).groupby(families).min().replace(0.5, None).astype("float64")


def score(families: pd.DataFrame, members: pd.DataFrame) -> pd.DataFrame:
    """Dimensions and index of every family on both bases."""
    code = {name: pd.to_numeric(families[f"{name}__text"], errors="coerce") for name in _questions(families)}
    members = members.merge(families[[MARK, "TGL_PENDATAAN"]], on=MARK, suffixes=("_own", ""))
    answer = {name: pd.to_numeric(members[f"{name}__text"], errors="coerce") for name in _questions(members)}
    age = (number_of(members["TGL_PENDATAAN"]) - number_of(members["K.04"])) // 10000
    heads = members[answer["K.10"] == 1].sort_values("NO_URUT").drop_duplicates(MARK)
    survey = _of_families(code) | _of_members(members, answer, age, families[MARK])
    frames = []
    for basis in ("survey", "integrated"):
        said = survey if basis == "survey" else survey | _evidence(members, heads, answer, age, code, families, survey)
        variables = pd.DataFrame({name: values.to_numpy() for name, values in said.items()}, index=families.index)
        scores = {
            name: 100 * variables[list(columns)].mean(axis=1)
            for name, columns in (
                ("ketentraman", KETENTRAMAN),
                ("kemandirian", KEMANDIRIAN),
                ("kebahagiaan", KEBAHAGIAAN),
            )
        }
        frame = families[[MARK, "village_code"]].assign(basis=basis, **scores)
        frame["ibangga"] = frame[list(scores)].mean(axis=1, skipna=False)
        index = frame["ibangga"].round(9)
        frame["category"] = pd.cut(index, [-1, 40 - 1e-12, 70, 100], labels=["rentan", "berkembang", "tangguh"])
        frames.append(frame.astype({"category": "object"}))
    return pd.concat(frames, ignore_index=True)


def _questions(frame: pd.DataFrame) -> list[str]:
    named = (str(name).removesuffix("__text") for name in frame if str(name).endswith("__text"))
    return [name for name in named if name.startswith(("P.", "K."))]


def _of_families(code: dict[str, pd.Series]) -> dict[str, pd.Series]:
    """The variables that one question of the family, or several, answer."""
    simple = {
        "worship": "P.01", "marriage_document": "P.02", "income": "P.04", "varied_food": "P.05", "savings": "P.06",
        "online_media": "P.08", "family_interaction": "P.09", "shared_parenting": "P.10",
        "family_recreation": "P.11", "social_participation": "P.12",
    }  # fmt: skip
    said = {variable: _yes(code[question], (1,), (2,)) for variable, question in simple.items()}
    said["health"] = _yes(code["P.07"], (2,), (1,))
    conflicts = pd.DataFrame({form: code[f"P.03{form}"] for form in "ABCD"})
    open_or_none = conflicts.isna().any(axis=1) | conflicts.eq(3).all(axis=1)
    said["no_conflict"] = conflicts.eq(1).any(axis=1).map({True: 0.0, False: 1.0})
    said["no_conflict"] = said["no_conflict"].mask(open_or_none & ~conflicts.eq(1).any(axis=1))
    items = pd.DataFrame({name: code[name].le(best).where(code[name].notna()) for name, best in DECENT.items()})
    decent, indecent = items.eq(True).sum(axis=1), items.eq(False).sum(axis=1)
    said["decent_house"] = pd.Series(float("nan"), index=items.index).mask(indecent > 2, 0.0).mask(decent >= 6, 1.0)
    return said


def _of_members(
    members: pd.DataFrame, answer: dict[str, pd.Series], age: pd.Series, families: pd.Series
) -> dict[str, pd.Series]:
    """The variables that the members answer together, in the order of the families."""
    own = members[MARK]
    child, pupil = (answer["K.10"] == 3) & (age < 18), age.between(7, 18)
    schooled = _yes(answer["K.13"], (2, 4, 6, 7, 8, 9), (1, 3, 5, 10))
    heads = members.assign(status=answer["K.07"])[answer["K.10"] == 1].sort_values("NO_URUT").drop_duplicates(MARK)
    by_family = {
        "birth_certificate": _of_all(_yes(answer["K.09"], (1,), (2,))[child], own[child]),
        "health_insurance": _of_all(_yes(answer["K.15"], (1, 2, 3), (4,)), own),
        "schooling": _of_all(schooled[pupil], own[pupil]),
        "no_divorce": _yes(heads.set_index(MARK)["status"], (2, 4), (3,)),
    }
    return {variable: families.map(values) for variable, values in by_family.items()}


def _evidence(
    members: pd.DataFrame,
    heads: pd.DataFrame,
    answer: dict[str, pd.Series],
    age: pd.Series,
    code: dict[str, pd.Series],
    families: pd.DataFrame,
    survey: dict[str, pd.Series],
) -> dict[str, pd.Series]:
    """The variables of which linked records know more than the survey."""
    own = members[MARK]
    child = (answer["K.10"] == 3) & (age < 18)
    certified = _yes(members["akta_lhr"], (2,), (1,)).fillna(_yes(answer["K.09"], (1,), (2,)))
    cover = members["insured"].astype("float64").mask(answer["K.15"] == 3)
    insured = cover.fillna(_yes(answer["K.15"], (1, 2, 3), (4,)))
    head = heads.set_index(MARK).reindex(families[MARK]).set_axis(families.index)
    married, single = head["stat_kwn"] == 2, head["stat_kwn"] == 1
    document = _yes(head["akta_kwn"], (2,), (1,)).where(married)
    divorce = _yes(head["stat_kwn"], (2, 4), (3,))
    return {
        "birth_certificate": families[MARK].map(_of_all(certified[child], own[child])),
        "health_insurance": families[MARK].map(_of_all(insured, own)),
        "marriage_document": document.fillna(_yes(code["P.02"], (1,), (2,))).mask(single),
        "no_divorce": divorce.fillna(survey["no_divorce"]).mask(single),
    }


# ── publish ──────────────────────────────────────────────────────────────────────────────────────────────────────


def publish(engine: Engine, tables: dict[str, pd.DataFrame]) -> int:
    """Write the tables with `to_sql`; returns the rows."""
    with engine.begin() as connection:
        connection.execute(text("drop schema if exists naive cascade"))
        connection.execute(text("create schema naive"))
        for name, frame in tables.items():
            frame.to_sql(name, connection, schema="naive", index=False, chunksize=ROWS_A_BATCH)
    return sum(map(len, tables.values()))


def load(as_of: date, share: float, out: Path) -> dict[str, Any]:
    """The whole load; the counts by which it can be held against ours."""
    sources = connections_from_environment(os.environ)
    with stage("extract", "family_survey") as found:
        landed = read_workbooks(Path(str(sources[FAMILY_WORKBOOKS].extra["path"])), share)
        found["rows"] = sum(map(len, landed))
    with stage("extract", "civil_registry") as found:
        registry = read_registry(create_engine(url(sources[CIVIL_REGISTRY])))
        found["rows"] = len(registry)
    with stage("extract", "health_insurance") as found:
        insurance = read_insurance(Service.of(sources[HEALTH_INSURANCE]))
        found["rows"] = len(insurance)
    with stage("validate", "family_survey") as found:
        survey = judge_frames(*landed, load_settings().reference("regions.csv"), as_of)
        families, members = accept_survey(survey)
        failures = failures_of(survey)
        found["rows"] = sum(map(len, landed))
    with stage("link") as found:
        linked = link(members, registry, insurance, as_of)
        found["rows"] = len(linked) + len(registry) + len(insurance)
    with stage("score") as found:
        scores = score(families, linked)
        villages = scores.groupby(["village_code", "basis"], as_index=False).agg(
            families=(MARK, "size"), ibangga=("ibangga", "mean")
        )
        found["rows"] = len(families)
    with stage("publish") as found:
        tables = {"family": families, "member": linked, "family_score": scores, "village": villages}
        found["rows"] = publish(create_engine(os.environ["BENCH_DATABASE"]), {**tables, "quarantine": failures})
    scores.to_parquet(out / "family_score.parquet")
    return {
        "families": len(families),
        "members": len(members),
        "failures": len(failures),
        "linked": int(linked["nik"].notna().sum()),
    }


def main() -> None:
    """Load once and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--as-of", type=date.fromisoformat, required=True)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    counts = load(given.as_of, given.share, given.out)
    print(json.dumps({"stages": STAGES, "counts": counts}), file=sys.stdout)


if __name__ == "__main__":
    main()
