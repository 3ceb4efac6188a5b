"""Engines that run the transform SQL: DuckDB in process (the default)."""
