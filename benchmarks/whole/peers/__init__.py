"""The same load with dlt and dbt, in an environment of its own: see `__main__`."""
