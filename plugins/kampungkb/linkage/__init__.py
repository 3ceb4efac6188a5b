"""Linkage: which records of the three sources are the same person, under keys that last from night to night.

Rules (`rules.py`) say which records belong together, clustering (`clusters.py`) makes persons of them, and the
crosswalk (`crosswalk.py`) gives each person its key; linked records are then held against the registry
(`accuracy.py`). `link` is the step that calls them in this order.
"""

from kampungkb.linkage.step import link

__all__ = ["link"]
