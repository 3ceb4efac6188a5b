"""The steward's tool for doubtful pairs of records: list, show, decide, undo, export. It shows personal data."""
