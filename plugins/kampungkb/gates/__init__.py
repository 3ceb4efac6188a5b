"""Gates on a delivery: what is broken is held back, what is suspicious a person decides, before anything is used.

`inspect` judges what was validated, by the thresholds of `include/gates/<source>.yaml` and the figures of published
loads; `settle` takes the answers and lets the last good snapshot stand in for what is held back.
"""

from kampungkb.gates.step import inspect, settle

__all__ = ["inspect", "settle"]
