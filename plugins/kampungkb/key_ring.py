"""The keys of a lake: the one in force is a setting, those before it lie sealed under it beside the data.

`lake/key.<real|sample>.check` holds eight hex digits that tell whether a key is the lake's, and after a rotation a
second line with the earlier keys, encrypted under the one in force (Fernet). So a deployment has one secret to keep,
and whoever holds an earlier one can neither open that line nor make a pseudonym.
"""

import base64
import hashlib
import hmac
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from kampungkb.connections import FAMILY_WORKBOOKS, is_sample
from kampungkb.errors import ConfigurationError
from kampungkb.lake import private_folder
from kampungkb.pseudonym import Keys, key_check
from kampungkb.run import Run
from kampungkb.settings import Settings


def is_of_sample(run: Run) -> bool:
    """Whether the run goes by the key of the sample."""
    connection = run.connections.get(FAMILY_WORKBOOKS)
    return connection is None or is_sample(connection)


def check_file(settings: Settings, *, sample: bool) -> Path:
    """Where the check of the key stands; the sample and real data have keys of their own."""
    return settings.lake / f"key.{'sample' if sample else 'real'}.check"


def keys_of(run: Run) -> Keys:
    """The chain of keys, oldest first.

    Raises :class:`ConfigurationError` for a missing key, and for another one than the lake's.
    """
    key = run.pseudonym_key
    path = check_file(run.settings, sample=is_of_sample(run))
    check, _, sealed = path.read_text(encoding="ascii").partition("\n") if path.exists() else ("", "", "")
    keys = (*unseal(run, sealed), key)
    if check and check != key_check(keys):
        raise another_key(run.settings)
    return keys


def seal(keys: Keys, key: bytes) -> str:
    """Earlier keys as text that only the key in force opens."""
    return _fernet(key).encrypt(json.dumps([each.hex() for each in keys]).encode()).decode()


def unseal(run: Run, sealed: str) -> Keys:
    """The keys before the run's; none where nothing is sealed. Raises :class:`ConfigurationError` for another key."""
    if not sealed:
        return ()
    try:
        return tuple(map(bytes.fromhex, json.loads(_fernet(run.pseudonym_key).decrypt(sealed))))
    except InvalidToken:
        raise another_key(run.settings) from None


def another_key(settings: Settings) -> ConfigurationError:
    """What a run under another key is told."""
    return ConfigurationError(
        f"KAMPUNGKB_PSEUDONYM_KEY is not the key of {settings.lake}: every family and person would get another name, "
        "and erased persons would come back. Nothing was landed. Set the key in force (after a rotation the new one); "
        "where it is lost, see docs/how-to/keep-the-key.md."
    )


@contextmanager
def written_aside(target: Path) -> Iterator[Path]:
    """A private file beside `target`, gone at the end unless it was renamed."""
    descriptor, name = tempfile.mkstemp(prefix=".key-", dir=private_folder(target.parent))
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _fernet(key: bytes) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hmac.digest(key, b"seal of the earlier keys", hashlib.sha256)))
