"""The family data warehouse for Kampung KB: a library of steps, importable without Airflow.

extract → validate → inspect → settle → link → score → publish. Each step is one public function that takes a
:class:`~kampungkb.run.Run` and small references to what earlier steps wrote, and returns such a reference.
"""

__version__ = "0.1.0"
