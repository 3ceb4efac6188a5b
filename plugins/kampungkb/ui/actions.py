"""Action lists on the page: how much each holds, and the workbook by name for stewards and village offices."""

from sqlalchemy import Engine

from kampungkb.reporting.action_lists import ActionList, action_lists, read_recipients
from kampungkb.settings import load_settings
from kampungkb.ui.access import Reader
from kampungkb.ui.reading import Page, Reading, Row, reading

COLUMNS = ("village_code", "village", "district", "sector", "needs")


def choices(view: Reading, page: Page, **filters: str) -> Row:
    """One page of the lists there are, with how many needs each holds; filters: `sector`, `search`."""
    return view.page("action_choice", page, "village_code, sector", **filters)


def action_list(
    engine: Engine, reader: Reader, *, village: str, sector: str, purpose: str, password: str
) -> ActionList | None:
    """The list of a village and sector, None where it is empty or the reader may not see it; the read is recorded.

    Encrypted with `password`, else with its recipient's where one is set.
    """
    recipients, reason = read_recipients(load_settings()), f"{purpose} (page Kampung KB, user {reader.name})"
    with reading(engine, reader, personal=True) as view:
        found = action_lists(
            view.connection,
            recipients,
            reason,
            region=reader.region,
            village=village,
            sector=sector,
            password=password,
        )
        return next(found, None)
