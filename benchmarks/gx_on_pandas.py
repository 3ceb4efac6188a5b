"""The rules of the family survey with Great Expectations on pandas frames, as a user would run them.

The same suites (`expectations/*.json`), the same landed Parquet. What those suites say in SQL is said in pandas: as a
regular expression where it is one, else as a column of true and false computed beforehand. Written for speed where
pandas allows it: answers, dates and codes are read once a distinct value, and frames hold only the columns that a rule
looks at. `COMPLETE` results give the failing rows, which a quarantine needs.

It does less than the product: no accepted rows are written, no key is made, and no check is counted by village.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.core.expectation_suite import ExpectationSuite
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from kampungkb.contracts import Column, contract
from kampungkb.run import FAMILY_SURVEY
from kampungkb.settings import EXPECTATIONS
from kampungkb.validation.suites import Expectation, Suite, read_suite

_NUMBER = re.compile(r"0*([0-9]+)(\.0+)?")
_YEAR_FIRST = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_DAY_FIRST = re.compile(r"([0-9]{2})([-/])([0-9]{2})\2([0-9]{4})")
_SIXTEEN = "[0-9]{16}"


@dataclass(frozen=True)
class Judged:
    """Failing rows a rule in the suite's order, which rows were rejected, and each failure.

    `failures` has one row a failing row and expectation: `row_id`, `expectation` (its number), `rule`.
    """

    unexpected: list[int]
    rejected: "pd.Index[int]"
    failures: pd.DataFrame


@dataclass(frozen=True)
class Survey:
    """The clean frames of the survey and what was found in them."""

    families: pd.DataFrame
    of_families: Judged
    members: pd.DataFrame
    of_members: Judged
    of_heads: Judged

    @property
    def unexpected(self) -> dict[str, list[int]]:
        """Failing rows, a table and rule."""
        return {
            "keluarga": self.of_families.unexpected,
            "anggota": self.of_members.unexpected,
            "family_heads": self.of_heads.unexpected,
        }


def _per_distinct(cells: pd.Series, read: Callable[[str], Any]) -> pd.Series:
    return cells.map({cell: read(cell) for cell in cells.dropna().unique()})


def _code_reader(column: Column) -> Callable[[str], str]:
    labels = {label.lower(): str(code) for code, names in (column.codes or {}).items() for label in names}

    def read(cell: str) -> str:
        number = _NUMBER.fullmatch(cell)
        return labels.get(cell.lower()) or (number.group(1) if number else cell)

    return read


def _day(cell: str) -> pd.Timestamp | None:
    if match := _YEAR_FIRST.fullmatch(cell):
        year, month, day = match.groups()
    elif match := _DAY_FIRST.fullmatch(cell):
        day, _, month, year = match.groups()
    else:
        return None
    try:
        return pd.Timestamp(date(int(year), int(month), int(day))).as_unit("s")
    except ValueError:
        return None


def _whole(cell: str) -> float | None:
    match = re.fullmatch(r"(-?[0-9]+)(\.0+)?", cell)
    return float(match.group(1)) if match and abs(int(match.group(1))) < 2**31 else None


def _clean(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """The landed table with clean text, codes (`X__text`), dates and whole numbers (`X`, `X__text`)."""
    for column in contract(FAMILY_SURVEY).table(table).columns:
        clean = frame[column.name].str.strip()
        clean = clean.mask(clean == "")
        match column.kind:
            case "code":
                frame[f"{column.name}__text"] = _per_distinct(clean, _code_reader(column))
                frame = frame.drop(columns=column.name)
            case "date":
                frame[f"{column.name}__text"] = clean
                frame[column.name] = _per_distinct(clean, _day).astype("datetime64[s]")
            case "integer":
                frame[f"{column.name}__text"] = clean
                frame[column.name] = _per_distinct(clean, _whole).astype("float64")
            case _:
                frame[column.name] = clean
    return frame


def _number_cell(frame: pd.DataFrame, column: str) -> pd.Series:
    """Whether an identity number of sixteen digits stood in a number cell."""
    return (frame[f"{column}__cell"] == "number") & frame[column].str.fullmatch(_SIXTEEN).fillna(False)


def _families(landed: pd.DataFrame, villages: "pd.Index[str]") -> pd.DataFrame:
    frame = _clean(landed, "keluarga")
    frame["village_code"] = frame["KODE_DESA"].where(frame["KODE_DESA"].isin(villages))
    frame["code_of_text"] = frame["KODE_KELUARGA"].mask(frame["KODE_KELUARGA__cell"] == "number", "number")
    frame["card_stood_in_text"] = ~_number_cell(frame, "NO_KK")
    return frame.drop(columns=["KODE_DESA", "RT", "RW", "ALAMAT", "sheet"])


def _members(landed: pd.DataFrame, families: pd.DataFrame, rejected: "pd.Index[int]") -> pd.DataFrame:
    frame = _clean(landed, "anggota").drop(columns=["K.05", "sheet"])
    own = families.assign(accepted=~families.index.isin(rejected)).sort_values(
        ["accepted", "TGL_PENDATAAN", "row_number"], na_position="first"
    )
    own = own.drop_duplicates(["file", "KODE_KELUARGA"], keep="last")[
        ["file", "KODE_KELUARGA", "accepted", "TGL_PENDATAAN"]
    ].dropna(subset="KODE_KELUARGA")
    frame = frame.merge(own, how="left", on=["file", "KODE_KELUARGA"])
    frame["family_accepted"] = frame.pop("accepted").fillna(False).astype(bool) & (
        frame["KODE_KELUARGA__cell"] != "number"
    )
    born, surveyed = frame["K.04"], frame["TGL_PENDATAAN"]
    plausible = born.notna() & (surveyed.isna() | ((born <= surveyed) & ~_over_120_years(born, surveyed)))
    frame["birth_plausible"] = plausible
    frame["mother_is_a_number"] = frame["K.11"].notna()
    frame["nik_stood_in_text"] = ~_number_cell(frame, "K.01")
    sex = frame["K.03__text"]
    frame["nik_compared"] = frame["K.01"].str.fullmatch(_SIXTEEN).fillna(False) & sex.isin(["1", "2"]) & plausible
    day = born.dt.day + 40 * (sex == "2")
    digits = day * 10000 + born.dt.month * 100 + born.dt.year % 100
    frame["nik_agrees"] = pd.to_numeric(frame["K.01"].where(frame["nik_compared"]).str[6:12]) == digits
    return frame


def _over_120_years(born: pd.Series, on: pd.Series) -> pd.Series:
    return number_of(on) - number_of(born) > 120 * 10000


def number_of(days: pd.Series) -> pd.Series:
    """Dates as numbers: yyyymmdd."""
    number: pd.Series = days.dt.year * 10000 + days.dt.month * 100 + days.dt.day
    return number


# What the suites say in SQL, by rule and column: the type, the column to look at, and further arguments.
_IN_PANDAS: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    ("F01", "KODE_KELUARGA"): ("match_regex", {"column": "code_of_text", "regex": "^[0-9]{18}$"}),
    ("F03", "NO_KK"): ("match_regex", {"column": "NO_KK", "regex": f"^{_SIXTEEN}$"}),
    ("F08", "NO_KK"): ("be_in_set", {"column": "card_stood_in_text", "value_set": [True]}),
    ("M01", "KODE_KELUARGA"): (
        "be_in_set",
        {"column": "family_accepted", "value_set": [True], "row_condition": "KODE_KELUARGA.notna()"},
    ),
    ("M03", "K.01"): ("match_regex", {"column": "K.01", "regex": f"^{_SIXTEEN}$"}),
    ("M06", "K.04__text"): (
        "be_in_set",
        {"column": "birth_plausible", "value_set": [True], "row_condition": "`K.04__text`.notna()"},
    ),
    ("M07", "K.11__text"): (
        "be_in_set",
        {"column": "mother_is_a_number", "value_set": [True], "row_condition": "`K.11__text`.notna()"},
    ),
    ("M10", "K.01"): (
        "be_in_set",
        {"column": "nik_agrees", "value_set": [True], "row_condition": "nik_compared"},
    ),
    ("M12", "K.01"): ("be_in_set", {"column": "nik_stood_in_text", "value_set": [True]}),
}


def _of_gx(number: int, expectation: Expectation, as_of: date) -> Any:
    kind, kwargs = expectation.type, dict(expectation.kwargs)
    if expectation.meta.rule == "F09":
        kind = "expect_column_values_to_be_between"
        kwargs = {"column": "TGL_PENDATAAN", "min_value": pd.Timestamp(as_of - timedelta(days=365))}
    elif kind == "expect_column_values_to_satisfy_sql":
        short, kwargs = _IN_PANDAS[expectation.meta.rule, expectation.column]
        kind = f"expect_column_values_to_{short}"
    elif expectation.meta.rule == "F05" and "max_value" in kwargs:
        kwargs |= {"min_value": pd.Timestamp(kwargs["min_value"]), "max_value": pd.Timestamp(as_of)}
    if "row_condition" in kwargs:
        kwargs["condition_parser"] = "pandas"
    return ExpectationConfiguration(type=kind, kwargs=kwargs, meta={"number": number}).to_domain_obj()


def _run(frame: pd.DataFrame, name: str, expectations: Mapping[int, Expectation], as_of: date) -> dict[int, Any]:
    """The result of each expectation, by number; `unexpected_index_list` holds the index of each failing row."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    batch = (
        context.data_sources.add_pandas("frames")
        .add_dataframe_asset(name)
        .add_batch_definition_whole_dataframe("whole")
        .get_batch({"dataframe": frame})
    )
    suite = ExpectationSuite(name=name, expectations=[_of_gx(n, e, as_of) for n, e in expectations.items()])
    found = batch.validate(suite, result_format={"result_format": "COMPLETE", "partial_unexpected_count": 0})
    broken = [result for result in found.results if "unexpected_count" not in result.result]
    if broken:
        raise SystemExit(f"{name}: {broken[0].expectation_config} {broken[0].exception_info}")
    return {result.expectation_config.meta["number"]: result.result for result in found.results}  # type: ignore[union-attr]


def _judge(frame: pd.DataFrame, suite: Suite, as_of: date) -> Judged:
    results = _run(frame, suite.name, suite.of_single_rows, as_of)
    rejected = _rejected(suite, results)
    for number, expectation in suite.of_repetition.items():
        repetition = expectation.meta.repetition
        if repetition is None:
            continue
        terms = [term.replace('"', "").split() for term in repetition.stays_first]
        candidates = frame[~frame.index.isin(rejected)]
        ordered = candidates.sort_values([term[0] for term in terms], ascending=[len(term) == 1 for term in terms])
        place = ordered.groupby(list(repetition.key), dropna=False).cumcount() + 1
        results |= _run(candidates.assign(place=place)[["place"]], suite.name, {number: expectation}, as_of)
        rejected = rejected.union(pd.Index(results[number]["unexpected_index_list"]))
    failures = [
        pd.DataFrame(
            {
                "row_id": result["unexpected_index_list"],
                "expectation": number,
                "rule": suite.expectations[number].meta.rule,
            }
        )
        for number, result in results.items()
        if result["unexpected_count"]
    ]
    counts = [int(results[number]["unexpected_count"]) for number in sorted(results)]
    return Judged(counts, rejected, pd.concat(failures) if failures else pd.DataFrame())


def _rejected(suite: Suite, results: Mapping[int, Any]) -> "pd.Index[int]":
    rows: pd.Index[int] = pd.Index([], dtype="int64")
    for number, result in results.items():
        if suite.expectations[number].meta.effect == "reject" and result["unexpected_count"]:
            rows = rows.union(pd.Index(result["unexpected_index_list"]))
    return rows


def judge_frames(families: pd.DataFrame, members: pd.DataFrame, regions: Path, as_of: date) -> Survey:
    """Judge the two landed tables: text cells, the place of each row, and for identity numbers what the cell was."""
    reference = pd.read_csv(regions, dtype=str)
    villages = pd.Index(reference.loc[reference["level"].isin(["desa", "kelurahan"]), "code"].str.replace(".", ""))
    suites = {name: read_suite(EXPECTATIONS, name) for name in ("keluarga", "anggota", "family_heads")}
    families = _families(families, villages)
    of_families = _judge(families, suites["keluarga"], as_of)
    placed = families[["file", "KODE_KELUARGA", "TGL_PENDATAAN", "row_number"]]
    members = _members(members, placed, of_families.rejected)
    of_members = _judge(members, suites["anggota"], as_of)
    heads = members[~members.index.isin(of_members.rejected) & (members["K.10__text"] == "1")]
    count = heads.groupby(["file", "KODE_KELUARGA"]).size().rename("heads")
    accepted = placed[~placed.index.isin(of_families.rejected)].join(count, on=["file", "KODE_KELUARGA"])
    of_heads = _judge(accepted.fillna({"heads": 0})[["heads"]], suites["family_heads"], as_of)
    return Survey(families, of_families, members, of_members, of_heads)


def judge(path: Path, regions: Path, as_of: date, out: Path) -> dict[str, list[int]]:
    """Judge a landed snapshot; writes the failing rows under `out` and returns failing rows, a table and rule."""
    families, members = (
        pd.read_parquet(path / f"{table}.parquet").drop(columns="extra") for table in ("keluarga", "anggota")
    )
    survey = judge_frames(families, members, regions, as_of)
    survey.of_families.failures.to_parquet(out / "keluarga.parquet")
    survey.of_members.failures.to_parquet(out / "anggota.parquet")
    return survey.unexpected
