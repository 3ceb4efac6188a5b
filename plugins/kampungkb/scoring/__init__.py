"""Scoring: the indicators and the index of every accepted family, on the bases `survey` and `integrated`.

The method is data (`include/methodology/`, models in `methodology.py`, reading in `reading.py`); `statements.py` makes
SQL from it, and `score` is the step that runs it.
"""

from kampungkb.scoring.reading import load_methodology
from kampungkb.scoring.step import score

__all__ = ["load_methodology", "score"]
