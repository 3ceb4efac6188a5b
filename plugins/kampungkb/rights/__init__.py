"""The rights of a person (UU 27/2022): everything held is handed out, or erased for good.

`person_traces.yaml` says where a person leaves traces. `subject` finds a person and what names it there, `files` and
`tables` remove it, `blocking` keeps it out of later extractions, `erasure` does these in an order that can be resumed,
`export` hands everything out.
"""
