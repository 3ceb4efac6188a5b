"""The hour of the load, for tests that start the scheduler and the load themselves."""

# Airflow makes a run of its own where it starts within minutes of the hour at which a load is due.
HARDLY_EVER = {"KAMPUNGKB_NIGHTLY_SCHEDULE": "0 0 29 2 *"}
