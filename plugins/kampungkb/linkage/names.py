"""Indonesian names as the linkage compares them: two functions on a DuckDB connection, text in and text out.

`name_clean(text)` is the name in upper case without titles and particles, abbreviations written in full, spellings
unified, null where the text is blank, never else; `name_key(name)` how such a name sounds.

What they know stands in `include/linkage/name_*.csv`, which anybody can read and extend (docs/reference/names.md);
how they use it in `include/sql/transform/link_name_*.sql`. No row leaves the engine.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from duckdb import DuckDBPyConnection

from kampungkb.engine.duckdb import sql_text
from kampungkb.errors import ConfigurationError
from kampungkb.settings import INCLUDE

FOLDER = INCLUDE / "linkage"
MACROS = ("text", "words", "clean", "key")
_Rows = list[dict[str, str]]
_NEVER = r"\z\A."
"""A pattern that matches nothing."""


def create_macros(connection: DuckDBPyConnection, folder: Path = FOLDER) -> None:
    """Create `name_clean` and `name_key` from the tables in `folder`.

    Raises :class:`~kampungkb.errors.ConfigurationError` that names the file where one cannot be read, lacks a column
    or holds a row that cannot be used.
    """
    for name, definition in _definitions(folder).items():
        connection.execute(f"create or replace macro {name} as {definition}")
    for name in MACROS:
        connection.execute(sql_text(f"link_name_{name}"))


def _definitions(folder: Path) -> dict[str, str]:
    titles = _rows(folder / "name_titles.csv", "title", "position", "joined")
    particles = _rows(folder / "name_particles.csv", "particle", "role")
    short = _rows(folder / "name_abbreviations.csv", "abbreviation", "name", "position")
    spellings = _rows(folder / "name_spellings.csv", "name", "written")
    before = _alternatives(_title(row) for row in _where(titles, "position", "before", "both"))
    after = _alternatives(_title(row) for row in _where(titles, "position", "after", "both"))
    between, newborn, joined = (
        _alternatives(_words(row["particle"]) for row in _where(particles, "role", role))
        for role in ("between", "newborn", "joined")
    )
    words = [(row["abbreviation"], row["name"]) for row in _where(short, "position", "any")]
    words += [(written, row["name"]) for row in spellings for written in row["written"].split()]
    openings = {row["name"]: list[str]() for row in _where(short, "position", "first")}
    for row in _where(short, "position", "first"):
        openings[row["name"]].append(_words(row["abbreviation"]))
    nicknames = _rows(folder / "name_nicknames.csv", "nickname", "name", "strength")
    letters = _rows(folder / "name_letters.csv", "written", "becomes")
    sounds = _rows(folder / "name_sounds.csv", "letters", "sound")
    return {
        "name_between_pattern()": _text(f" (?:{between})(?: (?:{between}|{before}))* "),
        "name_before_pattern()": _text(f"^(?:(?:{before}) )+"),
        "name_after_pattern()": _text(f"(?: (?:{after}))+$"),
        "name_newborn_pattern()": _text(f"^(?:{newborn}) (?:(?:{before}) )*"),
        "name_newborn_after_pattern()": _text(f"^(.+) (?:{newborn})(?: (?:{before}))*$"),
        "name_joined_pattern()": _text(rf"\b({joined}) ([\pL\pN]{{2}})"),
        "name_word()": _map(words),
        "name_nickname()": _map((row["nickname"], row["name"]) for row in nicknames),
        "name_letters(name)": _chain(
            "regexp_replace({}, {}, {}, 'g')", ((row["written"], row["becomes"]) for row in letters)
        ),
        "name_sounds(name)": _chain(
            "replace({}, {}, {})",
            ((row["letters"].replace("_", " "), row["sound"].replace("_", " ")) for row in sounds),
        ),
        "name_openings(name)": _chain(
            r"regexp_replace({}, {}, {})",
            ((rf"^(?:{_alternatives(found)}) ([\pL\pN])", rf"{name} \1") for name, found in openings.items()),
        ),
    }


def _rows(path: Path, *columns: str) -> _Rows:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise ConfigurationError(
            f"The table of names {path.name} cannot be read ({type(fault).__name__}). Restore or correct the file."
        ) from None
    for line, row in enumerate(rows, start=2):
        wrong = [column for column in columns if not (row.get(column) or "").strip()]
        if wrong or None in row:
            raise ConfigurationError(
                f"The table of names {path.name}, line {line}: {wrong[0] if wrong else 'a value'} "
                f"{'is empty' if wrong else 'is one too many'}. It needs the columns {', '.join(columns)}."
            )
    return rows


def _where(rows: _Rows, column: str, *values: str) -> _Rows:
    return [row for row in rows if row[column] in values]


def _words(written: str) -> str:
    return " ".join(re.findall(r"\w+", written.upper()))


def _title(row: dict[str, str]) -> str:
    return _words(row["title"]).replace(" ", " ?" if row["joined"] == "yes" else " ")


def _alternatives(patterns: Iterable[str]) -> str:
    # The longest first: of two titles that begin alike the whole one goes.
    return "|".join(sorted(set(patterns), key=lambda pattern: (-len(pattern), pattern))) or _NEVER


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _map(pairs: Iterable[Sequence[str]]) -> str:
    # As one text: a map expression of hundreds of parts is planned anew, slowly, by every statement.
    entries = {_words(key): _words(value) for key, value in pairs}
    inside = ", ".join(f"{key}={value}" for key, value in sorted(entries.items()))
    return f"cast({_text('{' + inside + '}')} as map(varchar, varchar))"


def _chain(call: str, pairs: Iterable[Sequence[str]]) -> str:
    expression = "name"
    for key, value in pairs:
        expression = call.format(expression, _text(key), _text(value))
    return expression
