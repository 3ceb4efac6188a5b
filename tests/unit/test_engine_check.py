"""Whether the engine that is asked for is there, before a load begins."""

import sys

import pytest

from kampungkb import engine
from kampungkb.engine import interface
from kampungkb.errors import ConfigurationError
from kampungkb.settings import Settings


def test_without_pyspark_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.delitem(sys.modules, "pyspark.sql", raising=False)
    monkeypatch.delitem(sys.modules, "kampungkb.engine.spark", raising=False)
    monkeypatch.delattr(engine, "spark", raising=False)
    with pytest.raises(ConfigurationError, match=r"needs the package pyspark: install requirements/spark\.txt"):
        interface.check(Settings(engine="spark"))
