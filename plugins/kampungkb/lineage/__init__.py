"""Lineage for OpenLineage: which datasets a step reads and writes, and what each of their columns is made of.

A dataset has an id of this product, such as `accepted/family_survey/anggota` or `mart.village_index`; `places` gives it
the namespace and name under which other programs know it, `columns` what its columns are made of, `events` what a step
tells of it. The events hold names and counts, never a row.
"""
