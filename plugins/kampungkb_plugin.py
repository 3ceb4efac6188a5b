"""What Airflow's plugin manager loads: the page "Kampung KB". The library beside it is hidden by `.airflowignore`."""

from airflow.plugins_manager import AirflowPlugin

from kampungkb.ui.app import create_app


class KampungkbPlugin(AirflowPlugin):
    """The page under `/kampungkb`, shown inside Airflow's UI at `/plugin/kampungkb`."""

    name = "kampungkb"
    fastapi_apps = [{"app": create_app(), "url_prefix": "/kampungkb", "name": "Kampung KB"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "Kampung KB",
            "href": "/kampungkb/",
            "destination": "nav",
            "url_route": "kampungkb",
            "icon": "/kampungkb/assets/icon.svg",
            "icon_dark_mode": "/kampungkb/assets/icon-dark.svg",
            "nav_top_level": True,
        }
    ]
