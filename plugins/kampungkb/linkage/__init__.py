"""Linkage: which records of the three sources are the same person, under keys that last from night to night.

Exact rules (`rules.py`) and a probabilistic model (`model.py`, `prediction.py`, `incremental.py`) say which records
belong together, the decision (`decision.py`, `clusters.py`, `conflicts.py`) makes persons of them, and the crosswalk
(`crosswalk.py`) gives each person its key; linked records are then held against the registry (`accuracy.py`). `link`
is the step that calls them in this order. `training.py` estimates the model's parameters, outside any night.
"""

from kampungkb.linkage.step import link

__all__ = ["link"]
