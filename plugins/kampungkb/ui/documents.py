"""Data Docs behind the page: Great Expectations' site in `KAMPUNGKB_HOME`, for readers of the whole warehouse."""

from pathlib import Path

from kampungkb.settings import load_settings
from kampungkb.ui.access import Reader
from kampungkb.validation.results import INDEX, site_folder

PAGES_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'self'"


def page_for(reader: Reader, name: str) -> Path | None:
    """A page of the site; None where there is none, or a region bounds what the reader sees.

    The name is looked up among the pages that stand there, never joined to a path.
    """
    site = site_folder(load_settings())
    pages = {} if reader.region else {path.relative_to(site).as_posix(): path for path in site.rglob("*.html")}
    return pages.get(name)


def index_for(reader: Reader) -> str | None:
    """The name of the site's index, where there is a site for this reader."""
    return INDEX if page_for(reader, INDEX) else None
