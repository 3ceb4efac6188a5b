"""Data contracts: what a source must look like, read from `include/contracts/<source>.yaml` (ODCS v3).

Every reader, staging statement and drift report takes column names, kinds and codes from here, never from code.
"""

from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kampungkb.errors import ConfigurationError
from kampungkb.settings import INCLUDE
from kampungkb.yaml_text import load_yaml

Kind = Literal["identity", "text", "date", "timestamp", "code", "integer", "label"]
_PRESENCE = {"needed": True, "optional": False}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Frozen):
    """One column of a source table.

    `kind` says how its text is read: an identity number of `digits` digits, a date, a timestamp, a whole number,
    a `code` (whole number, or one of the labels listed with it), a `label` (one of the keys of `codes`, as
    written) or text. `needed` columns must be there, others may be absent.
    """

    name: str
    kind: Kind
    needed: bool
    description: str
    classification: str
    digits: int | None = Field(default=None, ge=1)
    codes: dict[int | str, tuple[str, ...]] | None = None

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if (self.digits is not None) != (self.kind == "identity"):
            raise ValueError(f"{self.name}: an identity column, and no other, states its digits")
        if bool(self.codes) != (self.kind in ("code", "label")):
            raise ValueError(f"{self.name}: a code or label column, and no other, states its codes")
        labels = [label.casefold() for labels in (self.codes or {}).values() for label in labels]
        if len(labels) != len(set(labels)):
            raise ValueError(f"{self.name}: a label stands for two codes")
        return self


class Table(_Frozen):
    """One sheet, database table or list of a source; the order of `columns` is the contract's order."""

    name: str
    description: str
    columns: tuple[Column, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [column.name.casefold() for column in self.columns]
        if len(names) != len(set(names)):
            raise ValueError(f"{self.name}: two columns have the same name")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in the contract's order."""
        return tuple(column.name for column in self.columns)

    @property
    def needed(self) -> tuple[str, ...]:
        """Names of the columns without which the table cannot be used."""
        return tuple(column.name for column in self.columns if column.needed)

    def of_kind(self, *kinds: Kind) -> tuple[Column, ...]:
        """The columns of the given kinds, in the contract's order."""
        return tuple(column for column in self.columns if column.kind in kinds)


class Contract(_Frozen):
    """The contract of one source. `version` is stored with every snapshot made under it."""

    source: str
    version: str
    tables: tuple[Table, ...]

    def table(self, name: str) -> Table:
        """The table of that name, whatever its case; raises :class:`KeyError` where there is none."""
        for table in self.tables:
            if table.name.lower() == name.lower():
                return table
        raise KeyError(name)


def _column(declared: dict[str, Any]) -> Column:
    own = {entry["property"]: entry["value"] for entry in declared["customProperties"]}
    return Column(
        name=declared["name"],
        needed=_PRESENCE[own.pop("presence")],
        description=declared["description"],
        classification=declared["classification"],
        **own,
    )


def _unusable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(f"The data contract {path} cannot be used: {why}. Correct the file and start again.")


def read_contract(path: Path) -> Contract:
    """Read one contract file; raises :class:`ConfigurationError` that names the file and the fault."""
    try:
        declared = load_yaml(path.read_text(encoding="utf-8"))
        tables = tuple(
            Table(
                name=table["name"],
                description=table["description"],
                columns=tuple(_column(column) for column in table["properties"]),
            )
            for table in declared["schema"]
        )
        return Contract(source=declared["id"], version=declared["version"], tables=tables)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))} {fault['msg']}".strip() for fault in error.errors())
        raise _unusable(path, "; ".join(faults)) from None
    except (OSError, yaml.YAMLError, TypeError) as fault:
        raise _unusable(path, str(fault)) from None
    except KeyError as fault:
        raise _unusable(path, f"{fault} is missing or not known") from None


@cache
def contract(source: str) -> Contract:
    """The contract of a source (`family_survey`, `civil_registry`, `health_insurance`)."""
    return read_contract(INCLUDE / "contracts" / f"{source}.yaml")
