"""Publication at size; run it as `python -m benchmarks.publication`."""
