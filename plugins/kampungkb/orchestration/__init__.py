"""Running the load on this machine: Airflow as a subprocess, the journal of a run, the sample sources.

Nothing here imports Airflow; the DAG files do, and call the library.
"""
