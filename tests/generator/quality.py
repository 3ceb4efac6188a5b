"""How often each rule is checked and broken in each village, worked out from the cells as they were written.

Written from the description of the sources alone, in plain Python over the rows of a scenario, rejected ones included:
N and W rules are checked on every landed row. R rules are taken from where the scenario planted them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from tests.generator import cells
from tests.generator.cells import Cell
from tests.generator.expectation import INSURANCE, REGISTRY, SURVEY, Row
from tests.generator.registry import CODES
from tests.generator.scenario import Scenario
from tests.generator.survey import Workbook

JAKARTA = timezone(timedelta(hours=7))
UNKNOWN = "unknown"
Check = tuple[str, str, str]  # source, rule, village
BLANK_COUNTED = {
    "F07": ("NO_KK", *(column for column in cells.FAMILY_CODES if column not in {f"P.{n}" for n in range(14, 19)})),
    "M11": ("K.01", "K.03", "K.04", "K.07", "K.09", "K.13", "K.15"),
    "R08": ("tgl_lhr", "jenis_klmin", "stat_kwn", "akta_lhr"),
    "J08": ("nik", "tglLahir", "kodeDesa"),
}


class Tally:
    """Checks and failures by source, rule and village."""

    def __init__(self) -> None:
        self.checked: Counter[Check] = Counter()
        self.failed: Counter[Check] = Counter()

    def add(self, source: str, rule: str, village: str, failed: bool, applies: bool = True) -> None:
        if applies:
            self.checked[source, rule, village] += 1
            self.failed[source, rule, village] += failed

    def found(self) -> dict[Check, tuple[int, int]]:
        return {check: (count, self.failed[check]) for check, count in self.checked.items()}


def checks(scenario: Scenario, villages: set[str]) -> dict[Check, tuple[int, int]]:
    """(checked, failed) by source, rule and village of the region reference, `unknown` for any other."""
    tally = Tally()
    for book in scenario.books:
        _survey(tally, book, villages, scenario.as_of)
    _registry(tally, scenario.registry, villages, scenario.as_of)
    for row in scenario.entries:
        _entry(tally, row, villages, scenario.as_of)
    return tally.found()


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────


def shown(cell: Any, writer: str = "") -> str | None:
    """The text of a cell without the white space around it; None where nothing else is in it."""
    if not isinstance(cell, Cell):
        return None if cell is None else str(cell).strip() or None
    match cell.kind:
        case "blank":
            return None
        case "number":
            value = float(f"{cell.value:.16G}") if writer == "xlsxwriter" else float(cell.value)
            return str(int(value)) if value.is_integer() else repr(value)
        case "date":
            return f"{cell.value:%Y-%m-%d}" if cell.value.year >= 1000 else cell.value.isoformat()[:10]
        case _:
            return str(cell.value).strip() or None


def code(answer: str | None, labels: dict[int, list[str]]) -> str | None:
    """An answer as its code where it is a number or a label of the question, else as it stands."""
    if answer is None:
        return None
    for number, names in labels.items():
        if answer.lower() in {name.lower() for name in names}:
            return str(number)
    if match := re.fullmatch(r"0*([0-9]+)(\.0+)?", answer, re.ASCII):
        return match[1]
    return answer


def day(answer: str | None) -> date | None:
    if answer is None:
        return None
    for pattern in (r"(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)", r"(?P<d>\d\d)([-/])(?P<m>\d\d)\2(?P<y>\d{4})"):
        if match := re.fullmatch(pattern, answer, re.ASCII):
            try:
                return date(int(match["y"]), int(match["m"]), int(match["d"]))
            except ValueError:
                return None
    return None


def digits(answer: str | None, count: int) -> bool:
    return answer is not None and re.fullmatch(rf"[0-9]{{{count}}}", answer) is not None


def older(years: int, then: date, on: date) -> bool:
    """Whether more than that many years have passed, to the day."""
    return (on.year - years, on.month, on.day) > (then.year, then.month, then.day)


def _known(code_of_village: str | None, villages: set[str]) -> str:
    return code_of_village if code_of_village in villages else UNKNOWN


def _blanks(tally: Tally, rule: str, source: str, village: str, answers: dict[str, str | None]) -> None:
    for column in BLANK_COUNTED[rule]:
        tally.add(source, rule, village, answers.get(column) is None)


# ── survey ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _survey(tally: Tally, book: Workbook, villages: set[str], as_of: date) -> None:
    writer = book.style["writer"]
    families: dict[str | None, list[tuple[Row, date | None, str]]] = defaultdict(list)
    for row in (row for unit in book.families for row in unit):
        answers = _answers(row, book, cells.FAMILY_COLUMNS, cells.FAMILY_CODES)
        village, surveyed = _known(answers["KODE_DESA"], villages), day(answers["TGL_PENDATAAN"])
        families[answers["KODE_KELUARGA"]].append((row, surveyed, village))
        _family(tally, row, answers, village, surveyed, as_of)
    heads: Counter[str | None] = Counter()
    for row in (row for unit in book.members for row in unit):
        answers = _answers(row, book, cells.MEMBER_COLUMNS, cells.MEMBER_CODES)
        own = _own_family(families.get(shown(row.cells.get("KODE_KELUARGA"), writer), []))
        _member(tally, row, answers, own[2] if own else UNKNOWN, own[1] if own else None)
        heads[answers["KODE_KELUARGA"]] += row.accepted and answers["K.10"] == "1"
    for family_code, rows in families.items():
        for row, _, village in rows:
            tally.add(SURVEY, "M09", village, heads[family_code] != 1, applies=row.accepted)


def _answers(
    row: Row, book: Workbook, columns: Iterable[str], codes: dict[str, dict[int, list[str]]]
) -> dict[str, str | None]:
    written = {column: row.cells.get(column) for column in columns if column not in book.style["without"]}
    read = {column: shown(written.get(column), book.style["writer"]) for column in columns}
    return {column: code(answer, codes[column]) if column in codes else answer for column, answer in read.items()}


def _own_family(rows: list[tuple[Row, date | None, str]]) -> tuple[Row, date | None, str] | None:
    """The accepted row of the code, else the one that would have stayed: the latest, on a tie the last."""
    order = lambda one: (one[0].accepted, one[1] or date.min, one[0].row_number)  # noqa: E731
    return max(rows, key=order, default=None)


def _family(
    tally: Tally, row: Row, answers: dict[str, str | None], village: str, surveyed: date | None, as_of: date
) -> None:
    for rule in ("F01", "F02", "F04", "F05"):
        tally.add(SURVEY, rule, village, rule in row.rejects)
    card = answers["NO_KK"]
    tally.add(SURVEY, "F03", village, card is not None and not digits(card, 16))
    for column, codes in cells.FAMILY_CODES.items():
        answer = answers[column]
        tally.add(SURVEY, "F06", village, answer not in set(map(str, codes)), applies=answer is not None)
    _blanks(tally, "F07", SURVEY, village, answers)
    tally.add(SURVEY, "F08", village, digits(card, 16) and row.cells["NO_KK"].kind == "number")
    tally.add(SURVEY, "F09", village, surveyed is not None and (as_of - surveyed).days > 365)


def _member(tally: Tally, row: Row, answers: dict[str, str | None], village: str, surveyed: date | None) -> None:
    for rule in ("M01", "M02", "M04", "M08"):
        tally.add(SURVEY, rule, village, rule in row.rejects)
    nik, sex, born = answers["K.01"], answers["K.03"], day(answers["K.04"])
    tally.add(SURVEY, "M03", village, nik is not None and not digits(nik, 16))
    tally.add(SURVEY, "M05", village, sex is not None and sex not in {"1", "2"})
    possible = born is not None and (surveyed is None or (born <= surveyed and not older(120, born, surveyed)))
    tally.add(SURVEY, "M06", village, answers["K.04"] is not None and not possible)
    for column in ("K.07", "K.09", "K.12", "K.13", "K.14", "K.15"):
        answer, codes = answers[column], _M07[column]
        tally.add(SURVEY, "M07", village, answer not in set(map(str, codes)), applies=answer is not None)
    mother = answers["K.11"]
    number = mother is not None and re.fullmatch(r"-?[0-9]+(\.0+)?", mother) is not None
    tally.add(SURVEY, "M07", village, not number, applies=mother is not None)
    if digits(nik, 16) and sex in {"1", "2"} and born is not None and possible:
        first = born.day + 40 if sex == "2" else born.day
        tally.add(SURVEY, "M10", village, str(nik)[6:12] != f"{first:02d}{born:%m%y}")
    _blanks(tally, "M11", SURVEY, village, answers)
    tally.add(SURVEY, "M12", village, digits(nik, 16) and row.cells["K.01"].kind == "number")


_M07 = {column: codes for column, codes in cells.MEMBER_CODES.items() if column not in {"K.03", "K.10"}}


# ── registry and insurance ───────────────────────────────────────────────────────────────────────────────────────


def _registry(tally: Tally, tables: dict[str, list[Row]], villages: set[str], as_of: date) -> None:
    cards = {shown(card.cells["no_kk"]) for card in tables["data_keluarga"]}
    for row in tables["biodata_wni"]:
        answers = {column: shown(value) for column, value in row.cells.items()}
        code_of_village = row.typed["village_code"]
        village = _known(code_of_village, villages)
        for rule in ("R01", "R02", "R03"):
            tally.add(REGISTRY, rule, village, rule in row.rejects)
        born = day(answers["tgl_lhr"])
        possible = born is not None and born <= as_of and not older(120, born, as_of)
        tally.add(REGISTRY, "R04", village, answers["tgl_lhr"] is not None and not possible)
        for column, codes in _registry_codes():
            answer = code(answers[column], {})
            tally.add(REGISTRY, "R05", village, answer not in codes, applies=answer is not None)
        card = answers["no_kk"]
        tally.add(REGISTRY, "R06", village, card is not None and card not in cards)
        tally.add(REGISTRY, "R07", village, code_of_village is not None and village == UNKNOWN)
        _blanks(tally, "R08", REGISTRY, village, answers)
        changed = row.cells["tgl_ubah"]
        tally.add(REGISTRY, "R09", village, changed is not None and older(5, _in_jakarta(changed), as_of))


def _registry_codes() -> Iterator[tuple[str, set[str]]]:
    for column, last in CODES.items():
        if column != "akta_crai":
            yield column, {str(number) for number in range(1, last + 1)}
    yield "flag_status", {"0", "1"}


def _in_jakarta(moment: datetime) -> date:
    return moment.astimezone(JAKARTA).date()


def _entry(tally: Tally, row: Row, villages: set[str], as_of: date) -> None:
    answers = {column: shown(value) for column, value in row.cells.items() if not isinstance(value, dict)}
    village = _known(answers["kodeDesa"], villages)
    for rule in ("J01", "J02", "J03"):
        tally.add(INSURANCE, rule, village, rule in row.rejects)
    tally.add(INSURANCE, "J04", village, answers["nik"] is not None and not digits(answers["nik"], 16))
    updated = _instant(answers["updatedAt"])
    begun, ends = _iso(answers["tglTMT"]), _iso(answers["tglTAT"])
    readings: dict[str, Callable[[], bool]] = {
        "sex": lambda: answers["sex"] in {"L", "P"},
        "tglLahir": lambda: _iso(answers["tglLahir"]) is not None,
        "tglTMT": lambda: begun is not None,
        "tglTAT": lambda: ends is not None,
        "updatedAt": lambda: updated is not None,
    }
    for column, valid in readings.items():
        tally.add(INSURANCE, "J05", village, not valid(), applies=answers[column] is not None)
    tally.add(INSURANCE, "J06", village, begun is not None and ends is not None and begun > ends)
    tally.add(INSURANCE, "J07", village, answers["kodeDesa"] is not None and village == UNKNOWN)
    _blanks(tally, "J08", INSURANCE, village, answers)
    tally.add(INSURANCE, "J09", village, updated is not None and (as_of - _in_jakarta(updated)).days > 365)


def _iso(answer: str | None) -> date | None:
    return day(answer) if answer and re.fullmatch(r"\d{4}-\d\d-\d\d", answer, re.ASCII) else None


def _instant(answer: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(answer or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
