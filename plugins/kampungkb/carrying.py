"""What a folder of the lake was made of, so that a later night takes it over where it would come out the same.

`made_of.json` stands in the folder: a digest of the recipe, the date, and SHA-256 of every file that was read and
written. A folder is usable where recipe and inputs are tonight's and its files are the written ones to the byte:
after damage, an erasure or a rotation of the key they are not. What follows from the date is for the step to see to.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from kampungkb.lake import sha256_of
from kampungkb.run import Run
from kampungkb.settings import INCLUDE

MADE_OF = "made_of.json"
_LIBRARIES = {"duckdb": ("duckdb",), "spark": ("pyspark", "sqlglot")}

Digests = Mapping[str, str]


class MadeOf(BaseModel):
    """The recipe, the date, and the checksums of what was read and written, by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str
    as_of: date
    inputs: dict[str, str]
    files: dict[str, str]


@dataclass(frozen=True)
class Earlier:
    """A folder of another night or of tonight's date: what it was made of, and what was written."""

    path: Path
    made: MadeOf

    @property
    def as_of(self) -> date:
        """The date of the night."""
        return self.made.as_of

    def digests(self, files: Iterable[Path]) -> Digests:
        """The checksums of some of its files by name, as they were written."""
        return {file.name: self.made.files[file.name] for file in files}

    def is_whole(self) -> bool:
        """Are its files those that were written, to the byte?"""
        written = [self.path / name for name in self.made.files]
        return all(file.is_file() for file in written) and digests(written) == self.made.files


def recipe(run: Run, package: Path, statements: Iterable[str], parts: Iterable[str], files: Iterable[Path] = ()) -> str:
    """A digest of all that makes a result from its inputs.

    That is the code of a package and of what all packages share, SQL (`statements`: patterns of names), the engine with
    its libraries, and what else the caller names, as texts (`parts`) and as files.
    """
    shared = Path(__file__).parent
    contents = [
        *files,
        *(path for folder in (package, shared, shared / "engine") for path in folder.glob("*.py")),
        *(path for pattern in statements for path in (INCLUDE / "sql" / "transform").glob(f"{pattern}.sql")),
    ]
    engine = run.settings.engine
    told = [engine, *(f"{library} {version(library)}" for library in _LIBRARIES[engine]), *parts]
    told += [sha256_of(path) for path in sorted(contents)]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()


def digests(files: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of files by name."""
    return _of_each(sha256_of, files)


def digests_told(files: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of files by name, as :func:`digest_told`."""
    return _of_each(digest_told, files)


def _of_each(digest: Callable[[Path], str], files: Iterable[Path]) -> dict[str, str]:
    """A digest of each file by name, of two at a time."""
    ordered = sorted(files)
    with ThreadPoolExecutor(2) as pool:
        return dict(zip((file.name for file in ordered), pool.map(digest, ordered), strict=True))


def digest_told(file: Path) -> str:
    """SHA-256 of a file as the step that wrote it signed it; where it did not, or it was replaced since, as it is."""
    made = read(file.parent)
    if made is None or file.stat().st_mtime_ns > file.with_name(MADE_OF).stat().st_mtime_ns:
        return sha256_of(file)
    return made.files.get(file.name) or sha256_of(file)


def sign(
    folder: Path,
    recipe: str,
    as_of: date,
    inputs: Digests,
    files: Iterable[Path] | None = None,
    known: Digests | None = None,
) -> None:
    """Write `made_of.json` beside the files of a finished folder, with the checksums of all of them or of some.

    Of what is `known` by its name, because it was carried over, the checksum is not made again.
    """
    told = known or {}
    signed = folder.iterdir() if files is None else files
    written = _of_each(lambda file: told.get(file.name) or sha256_of(file), signed)
    made = MadeOf(recipe=recipe, as_of=as_of, inputs=dict(inputs), files=written)
    (folder / MADE_OF).write_text(made.model_dump_json(indent=1), encoding="utf-8")


def earlier(folders: Iterable[Path], recipe: str, inputs: Digests, not_after: date) -> Earlier | None:
    """The whole folder of the greatest date up to `not_after` with this recipe and these inputs, if there is one."""
    return next(
        (each for each in candidates(folders, recipe, not_after) if each.made.inputs == inputs and each.is_whole()),
        None,
    )


def candidates(folders: Iterable[Path], recipe: str, not_after: date) -> list[Earlier]:
    """The folders with this recipe up to `not_after`, the latest first; whether they are whole is not looked at."""
    found = [Earlier(folder, made) for folder in folders if (made := read(folder)) is not None]
    usable = [each for each in found if each.made.recipe == recipe and each.as_of <= not_after]
    return sorted(usable, key=lambda each: each.as_of, reverse=True)


def read(folder: Path) -> MadeOf | None:
    """What stands in `made_of.json` of a folder, None where there is none."""
    try:
        return MadeOf.model_validate_json((folder / MADE_OF).read_bytes())
    except (OSError, ValidationError):
        return None
