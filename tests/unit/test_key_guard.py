"""One lake, one key: the first one counts, the sample and real data each have their own."""

import dataclasses
import stat

import pytest
from pydantic import SecretStr

from kampungkb import lake
from kampungkb.connections import FAMILY_WORKBOOKS, Connection
from kampungkb.errors import ConfigurationError, KampungkbError
from kampungkb.key_guard import guard_key
from kampungkb.key_ring import keys_of, seal, unseal
from kampungkb.run import Run
from kampungkb.settings import Settings

pytestmark = pytest.mark.unit


def under(run: Run, key: str, **extra: object) -> Run:
    """The same run with another key, on real workbooks (or with `sample`, on those of the sample)."""
    settings = Settings(home=run.settings.home, pseudonym_key=SecretStr(key))
    workbooks = Connection(conn_type="fs", extra={"path": "/workbooks", **extra})
    return dataclasses.replace(run, settings=settings, connections={FAMILY_WORKBOOKS: workbooks})


def test_the_first_key_of_a_lake_is_its_key(run: Run) -> None:
    guard_key(under(run, "first"))
    guard_key(under(run, "first"))
    with pytest.raises(ConfigurationError, match="KAMPUNGKB_PSEUDONYM_KEY is not the key"):
        guard_key(under(run, "second"))


def test_a_key_that_changes_during_a_load_makes_no_pseudonyms(run: Run) -> None:
    guard_key(under(run, "first"))
    assert keys_of(under(run, "first")) == (b"first",)
    with pytest.raises(ConfigurationError, match="KAMPUNGKB_PSEUDONYM_KEY is not the key"):
        keys_of(under(run, "second"))


def test_the_sample_has_a_key_of_its_own(run: Run) -> None:
    guard_key(under(run, "of the sample", sample=True))
    guard_key(under(run, "of real data"))
    for wrong in (under(run, "of real data", sample=True), under(run, "of the sample")):
        with pytest.raises(ConfigurationError):
            guard_key(wrong)


def test_what_is_kept_of_the_key_does_not_give_it_away(run: Run) -> None:
    guard_key(under(run, "a secret"))
    (kept,) = run.settings.lake.iterdir()
    assert len(kept.read_text(encoding="ascii")) == 8
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_missing_key_is_named(run: Run) -> None:
    with pytest.raises(ConfigurationError, match="KAMPUNGKB_PSEUDONYM_KEY is not set"):
        guard_key(under(run, ""))


def test_while_a_rotation_has_not_ended_nothing_begins(run: Run) -> None:
    guarded = under(run, "first")
    guard_key(guarded)
    (run.settings.lake / lake.ROTATION).touch()
    with pytest.raises(KampungkbError, match="has not ended"):
        guard_key(guarded)


def test_the_earlier_keys_are_opened_by_the_key_in_force_alone(run: Run) -> None:
    sealed = seal((b"first", b"second"), b"third")
    assert unseal(under(run, "third"), sealed) == (b"first", b"second")
    for wrong in ("first", "second", "fourth"):
        with pytest.raises(ConfigurationError, match="is not the key of"):
            unseal(under(run, wrong), sealed)
