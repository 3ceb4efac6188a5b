"""Data Docs behind the page: Great Expectations' site in `KAMPUNGKB_HOME`, for readers of the whole warehouse."""

from pathlib import Path

from kampungkb.settings import load_settings
from kampungkb.ui.access import Reader
from kampungkb.validation.results import site_folder

PAGES_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'self'"
INDEX = "index.html"


def page_for(reader: Reader, name: str) -> Path | None:
    """A page of the site by its relative name; None where there is none, or a region bounds what the reader sees."""
    site = site_folder(load_settings()).resolve()
    path = (site / name).resolve()
    served = path.is_relative_to(site) and path.suffix == ".html" and path.is_file()
    return path if served and not reader.region else None


def index_for(reader: Reader) -> str | None:
    """The name of the site's index, where there is a site for this reader."""
    return INDEX if page_for(reader, INDEX) else None
