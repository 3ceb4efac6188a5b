"""YAML text as plain data, read by libyaml: what the files of `include` take in Python is half a second a process."""

from typing import Any

import yaml

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML was built without libyaml: the same data, later
    from yaml import SafeLoader  # type: ignore[assignment]


def load_yaml(text: str) -> Any:
    """What a YAML text says; raises :class:`yaml.YAMLError`."""
    return yaml.load(text, Loader=SafeLoader)
