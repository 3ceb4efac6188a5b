"""Another pseudonym key takes over, and every stored pseudonym is renamed with it, so that all links stay.

`person_traces.yaml` says where pseudonyms stand. `files` writes the lake's files anew beside the old ones and swaps
them, `tables` renames within one transaction, `rotation` does both so that a killed one goes on where it was.
"""
