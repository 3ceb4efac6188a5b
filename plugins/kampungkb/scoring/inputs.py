"""What scores are made of: the accepted tables and the links, of tonight and of an earlier night."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kampungkb import carrying, lake
from kampungkb.engine.accepted import SOURCE_OF_TABLE, attach_files, files_in
from kampungkb.engine.interface import Engine, view
from kampungkb.refs import Linked, Validated
from kampungkb.run import SOURCES, Run

LINKS = ("person_link", "family_link")
TABLES = (*SOURCE_OF_TABLE, *LINKS)

Files = Mapping[str, Path]
"""The files of :data:`TABLES`, those of absent sources left out."""


@dataclass(frozen=True)
class EarlierNight:
    """The scores of an earlier night, and the files of which they were made: tonight's where the bytes are the same."""

    scores: Path
    as_of: date
    files: Files


def files_of(validated: Sequence[Validated], linked: Linked) -> Files:
    """The files of tonight."""
    return _files({reference.source: reference.path for reference in validated}, linked.path)


def show(connection: Engine, files: Files, prefix: str = "") -> None:
    """Make all tables visible on the connection, as `<prefix><name>`."""
    attach_files(connection, files, *SOURCE_OF_TABLE, prefix=prefix)
    for name in LINKS:
        view(connection, f"{prefix}{name}", files[name])


def earlier_night(run: Run, recipe: str, tonight: Files, digests: carrying.Digests) -> EarlierNight | None:
    """The latest night up to tonight's date whose scores this recipe made, and whose files all still stand."""
    nights = run.settings.lake.glob("scores/????-??-??")
    for earlier in carrying.candidates(nights, recipe, run.as_of):
        files = _files_then(run, earlier, tonight, digests)
        if files is not None and earlier.is_whole():
            return EarlierNight(earlier.path, earlier.as_of, files)
    return None


def _files_then(run: Run, earlier: carrying.Earlier, tonight: Files, digests: carrying.Digests) -> Files | None:
    made = earlier.made.inputs
    folders = {source: lake.accepted(run.settings, earlier.as_of, source) for source in SOURCES}
    found = _files(folders, lake.persons(run.settings, earlier.as_of))
    then = {name: path for name, path in found.items() if path.name in made}
    same = {name for name, path in then.items() if made[path.name] == digests.get(path.name)}
    others = [path for name, path in then.items() if name not in same]
    if not all(path.is_file() and lake.sha256_of(path) == made[path.name] for path in others):
        return None
    return {name: tonight[name] if name in same else path for name, path in then.items()}


def _files(folders: Mapping[str, Path], links: Path) -> Files:
    return {**files_in(folders, *SOURCE_OF_TABLE), **{name: links / f"{name}.parquet" for name in LINKS}}
