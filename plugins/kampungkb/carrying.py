"""What a folder of the lake was made of, so that a later night takes it over where it would come out the same.

`made_of.json` stands in the folder: a digest of the recipe, the date, and SHA-256 of every file that was read and
written. A folder is usable where recipe and inputs are tonight's and its files are the written ones to the byte:
after damage, an erasure or a rotation of the key they are not. What follows from the date is for the step to see to.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from kampungkb.lake import sha256_of

MADE_OF = "made_of.json"

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
    """A folder that tonight's inputs and recipe would have given on its date."""

    path: Path
    as_of: date


def recipe(parts: Iterable[str], files: Iterable[Path]) -> str:
    """A digest of all that makes a result from its inputs: texts, and files by content."""
    contents = [hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)]
    return hashlib.sha256("\0".join([*parts, *contents]).encode()).hexdigest()


def digests(files: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of files by name."""
    return {file.name: sha256_of(file) for file in sorted(files)}


def sign(folder: Path, recipe: str, as_of: date, inputs: Digests) -> None:
    """Write `made_of.json` beside the files of a finished folder."""
    made = MadeOf(recipe=recipe, as_of=as_of, inputs=dict(inputs), files=digests(folder.iterdir()))
    (folder / MADE_OF).write_text(made.model_dump_json(indent=1), encoding="utf-8")


def earlier(folders: Iterable[Path], recipe: str, inputs: Digests, not_after: date) -> Earlier | None:
    """The usable folder of the greatest date up to `not_after`, None where there is none."""
    found = [(made, folder) for folder in folders if (made := _read(folder)) is not None and made.as_of <= not_after]
    for made, folder in sorted(found, key=lambda each: each[0].as_of, reverse=True):
        if (made.recipe, made.inputs) == (recipe, inputs) and _is_whole(folder, made):
            return Earlier(folder, made.as_of)
    return None


def _read(folder: Path) -> MadeOf | None:
    try:
        return MadeOf.model_validate_json((folder / MADE_OF).read_bytes())
    except (OSError, ValidationError):
        return None


def _is_whole(folder: Path, made: MadeOf) -> bool:
    written = [folder / name for name in made.files]
    return all(file.is_file() for file in written) and digests(written) == made.files
