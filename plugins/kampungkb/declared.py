"""Small YAML files that people keep in `KAMPUNGKB_HOME`: read, checked, and refused with every fault named."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from kampungkb.errors import ConfigurationError
from kampungkb.yaml_text import load_yaml

Declared = TypeVar("Declared", bound=BaseModel)


def read_declared(path: Path, model: type[Declared], shown_in: str) -> Declared | None:
    """The file as `model`, None where there is none; an empty file is an empty mapping.

    Raises :class:`ConfigurationError` that names every fault, no value, and the page `shown_in` that shows such a file.
    """
    try:
        return model.model_validate(load_yaml(path.read_text(encoding="utf-8")) or {})
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise ConfigurationError(
            f"{path} cannot be read: {fault.strerror}. Give its owner the right to read."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigurationError(f"{path} is not YAML: correct it ({shown_in} shows one).") from None
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'file'}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(f"{path} cannot be used: {faults}. {shown_in} shows one.") from None
