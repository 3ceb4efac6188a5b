"""YAML text as plain data, read by libyaml where it is there, which takes a ninth of the time of Python."""

from typing import Any

import yaml

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML was built without libyaml: the same data, later
    from yaml import SafeLoader  # type: ignore[assignment]


def load_yaml(text: str) -> Any:
    """What a YAML text says; raises :class:`yaml.YAMLError`."""
    return yaml.load(text, Loader=SafeLoader)
