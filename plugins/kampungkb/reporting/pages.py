"""Pages that reports consist of beside workbooks: the templates of `include/reports/pages`, complete in one file each.

Every value is escaped; a page loads nothing and runs nothing (its own content security policy forbids both).
"""

from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from kampungkb.reporting.messages import long_date, message, number
from kampungkb.reporting.report import REPORTS

PAGES = REPORTS / "pages"


def page(name: str, **values: Any) -> str:
    """The page `include/reports/pages/<name>.html.j2` with the values that it names."""
    return _environment().get_template(f"{name}.html.j2").render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(message=message, long_date=long_date, number=number, signed=_signed)
    return environment


def _signed(value: float | None, decimals: int = 0) -> str:
    """A difference with its sign, as Indonesian writes numbers."""
    if value is None:
        return number(None)
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return sign + number(abs(value), decimals)
