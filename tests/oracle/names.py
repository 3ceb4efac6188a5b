"""Names for tests in which a name stands for a number."""

_SYLLABLES = ("KAKA", "LULU", "MIMI", "RORO", "SESE", "TUTU", "BIBI", "DODO", "GAGA", "PEPE")


def name_of(number: int) -> str:
    """A name for a number below 100,000; no two are alike or sound alike."""
    return " ".join(_SYLLABLES[int(digit)] for digit in reversed(f"{number:05d}"))
