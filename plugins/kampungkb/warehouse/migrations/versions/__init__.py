"""One module a revision, forward only on data that exists."""
