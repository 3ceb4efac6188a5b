"""`python -m kampungkb`: the same as the command `kampungkb`."""

from kampungkb.cli import app

app(prog_name="kampungkb")
