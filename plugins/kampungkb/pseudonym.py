"""Keyed pseudonyms: HMAC-SHA256 (RFC 2104) over a kind and a value, 32 hex digits."""

import hashlib
import hmac

_BLOCK = 64


def pseudonym(key: bytes, kind: str, value: str) -> str:
    """The pseudonym of `value` within `kind` (`family`, `person`, `row`); equal to the macro's below."""
    return hmac.new(key, f"{kind}|{value}".encode(), hashlib.sha256).hexdigest()[:32]


def key_check(key: bytes) -> str:
    """What tells a key from another one, and nothing else about it."""
    return pseudonym(key, "key", "check")[:8]


def duckdb_macro(key: bytes) -> str:
    """SQL that defines `pseudonym(kind, value)`, so that bulk data never passes through Python.

    HMAC(K, m) = H((K ⊕ opad) ‖ H((K ⊕ ipad) ‖ m)); the padded keys stand in the macro as blobs.
    """
    padded = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner = bytes(byte ^ 0x36 for byte in padded).hex()
    outer = bytes(byte ^ 0x5C for byte in padded).hex()
    return (
        "create or replace macro pseudonym(kind, value) as left(sha256("
        f"unhex('{outer}') || unhex(sha256(unhex('{inner}') || encode(kind || '|' || value)))), 32)"
    )
