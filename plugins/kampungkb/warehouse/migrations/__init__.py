"""Alembic's environment of the warehouse; :func:`kampungkb.warehouse.migrate.migrate` runs it."""
