"""The page "Kampung KB" inside Airflow's UI: a FastAPI application over the warehouse, and the page it serves.

`session.py` is the only module here that knows Airflow: it says who asks (:class:`kampungkb.ui.access.Reader`) and
where the warehouse is. `app.py` holds the routes, each one call of a function of `queries.py`, whose statements stand
in `include/sql/ui`. `static/` is the page: ES modules and a style sheet, as they are, without a build and without a
request to anywhere else.
"""
