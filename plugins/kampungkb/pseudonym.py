"""Keyed pseudonyms: HMAC-SHA256 (RFC 2104) over a kind and a value, 32 hex digits.

The key is a chain: after a rotation the pseudonym of the earlier keys is made a pseudonym once more, under the new one.
So stored pseudonyms follow without the text they were made from, and without the new key nobody can make any.
"""

import hashlib
import hmac
from collections.abc import Sequence

Keys = Sequence[bytes]
"""The chain, oldest first; the last one is the secret in force."""

AGAIN = "again"
"""The kind under which a pseudonym of the earlier keys goes through the next one."""
_BLOCK = 64


def pseudonym(keys: Keys, kind: str, value: str) -> str:
    """The pseudonym of `value` within `kind` (`family`, `person`, `row`); equal to the macro's below."""
    for key in keys:
        kind, value = AGAIN, hmac.new(key, f"{kind}|{value}".encode(), hashlib.sha256).hexdigest()[:32]
    return value


def key_check(keys: Keys) -> str:
    """What tells a chain of keys from another one, and nothing else about it."""
    return pseudonym(keys, "key", "check")[:8]


def duckdb_macro(keys: Keys) -> str:
    """SQL that defines `pseudonym(kind, value)`, so that bulk data never passes through Python."""
    made = "kind || '|' || value"
    for number, key in enumerate(keys):
        made = _hmac(key, made if number == 0 else f"'{AGAIN}|' || {made}")
    return f"create or replace macro pseudonym(kind, value) as {made}"


def _hmac(key: bytes, text: str) -> str:
    """HMAC(K, m) = H((K ⊕ opad) ‖ H((K ⊕ ipad) ‖ m)); the padded keys stand in the SQL as blobs."""
    padded = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner = bytes(byte ^ 0x36 for byte in padded).hex()
    outer = bytes(byte ^ 0x5C for byte in padded).hex()
    return f"left(sha256(unhex('{outer}') || unhex(sha256(unhex('{inner}') || encode({text})))), 32)"
