"""Who may see what on the page: Airflow's users mapped to the warehouse's roles and regions.

`KAMPUNGKB_HOME/access.yaml`, where it exists, says so (docs/reference/access.md); without it Airflow's admins are
stewards and its viewers analysts. A role opens views, a region bounds every row.
"""

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kampungkb.declared import read_declared
from kampungkb.errors import KampungkbError

Role: TypeAlias = Literal["steward", "analyst", "viewer", "village"]
View: TypeAlias = Literal["overview", "villages", "quality", "quarantine", "sources", "actions", "review"]

VIEWS: dict[Role, tuple[View, ...]] = {
    "steward": ("overview", "villages", "quality", "quarantine", "sources", "actions", "review"),
    "analyst": ("overview", "villages", "quality", "quarantine", "sources"),
    "village": ("overview", "villages", "quality", "quarantine", "sources", "actions"),
    "viewer": ("overview", "villages"),
}
FILE = "access.yaml"


class NotAllowed(KampungkbError):
    """A user asks for what their role or region does not open."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Grant(_Frozen):
    """A role and the region that bounds it: a prefix of the village code (2, 4, 6 or 10 digits); empty: everywhere."""

    role: Role
    region: str = Field(default="", pattern=r"^(\d{2}|\d{4}|\d{6}|\d{10})?$")

    @model_validator(mode="after")
    def _a_village_office_has_a_region(self) -> "Grant":
        if self.role == "village" and not self.region:
            raise ValueError("the role village needs a region")
        return self


class Access(_Frozen):
    """The file: `users` by their Airflow name come first, then `airflow_roles`; nobody else gets in."""

    users: dict[str, Grant] = {}
    airflow_roles: dict[str, Grant] = {}


DEFAULT = Access(airflow_roles={"admin": Grant(role="steward"), "viewer": Grant(role="analyst")})


class Reader(_Frozen):
    """Somebody who asks: the name Airflow knows, the role and the region."""

    name: str
    role: Role
    region: str = ""

    @property
    def views(self) -> tuple[View, ...]:
        """What this reader may open."""
        return VIEWS[self.role]

    def require(self, view: View) -> None:
        """Raise :class:`NotAllowed` where the role does not open the view."""
        if view not in self.views:
            raise NotAllowed(
                f"Your role {self.role} does not open {view}: ask whoever keeps {FILE} if your work needs it."
            )


def read_access(home: Path) -> Access:
    """The file under `home`, or the default; raises :class:`ConfigurationError` that names every fault."""
    return read_declared(home / FILE, Access, "docs/reference/access.md") or DEFAULT


def reader_of(access: Access, name: str, airflow_roles: tuple[str, ...]) -> Reader:
    """The reader behind an Airflow user; of several roles the first in the file's order counts.

    Raises :class:`NotAllowed` where the file does not know the user or any of the roles.
    """
    held = {role.lower() for role in airflow_roles}
    by_role = (grant for role, grant in access.airflow_roles.items() if role.lower() in held)
    grant = access.users.get(name) or next(by_role, None)
    if grant is None:
        raise NotAllowed(f"{FILE} gives you no role: ask whoever keeps it to add you.")
    return Reader(name=name, role=grant.role, region=grant.region)
