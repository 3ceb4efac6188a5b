"""Reading a methodology: YAML to models, every fault with its file, indicator and key."""

from functools import cache
from pathlib import Path

import yaml
from pydantic import ValidationError

from kampungkb.errors import ConfigurationError
from kampungkb.scoring.coherence import faults
from kampungkb.scoring.methodology import Methodology
from kampungkb.settings import INCLUDE
from kampungkb.yaml_text import load_yaml


def parse_methodology(text: str, file: str) -> Methodology:
    """The methodology in `text`; raises :class:`ConfigurationError` naming `file`, indicator and key."""
    try:
        declared = load_yaml(text)
        methodology = Methodology.model_validate(declared)
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ConfigurationError(f"The methodology {file} is not valid YAML{where}. Correct the file.") from None
    except ValidationError as error:
        found = [f"{_place(fault['loc'], declared)}: {fault['msg']}" for fault in error.errors(include_input=False)]
        raise _wrong(file, found) from None
    if found := list(faults(methodology)):
        raise _wrong(file, found)
    return methodology


def read_methodology(path: Path) -> Methodology:
    """Read one methodology file; raises :class:`ConfigurationError` that names file, indicator and key."""
    try:
        return parse_methodology(path.read_text(encoding="utf-8"), path.name)
    except OSError as fault:
        raise ConfigurationError(f"The methodology {path.name} cannot be read: {fault.strerror}.") from None


@cache
def load_methodology(name: str = "ibangga_2021") -> Methodology:
    """The methodology `include/methodology/<name>.yaml`."""
    return read_methodology(INCLUDE / "methodology" / f"{name}.yaml")


def _wrong(file: str, found: list[str]) -> ConfigurationError:
    return ConfigurationError(f"The methodology {file} cannot be used. Correct the file: {'; '.join(found)}")


def _place(location: tuple[int | str, ...], declared: object) -> str:
    """A location such as ('indicators', 2, 'members', 'members', 'age') in words.

    List entries go by their id. The first part below an entry with a `kind` is that kind (pydantic names the chosen
    model there) and no key.
    """
    words: list[str] = []
    here = declared
    kind: object = None
    for part in location:
        if kind is not None and part == kind:
            kind = None
            continue
        if isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
            words.append(str(here.get("id", part + 1)) if isinstance(here, dict) else str(part + 1))
        else:
            here = here.get(part) if isinstance(here, dict) else None
            words.append(str(part))
        kind = here.get("kind") if isinstance(here, dict) else None
    return " → ".join(words) or "file"
