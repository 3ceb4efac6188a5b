"""Whole nightly loads against what others would do with the same sources: see `__main__`."""
