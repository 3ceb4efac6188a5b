"""The region reference and the Kampung KB register, as Arrow text; what their values mean stands in the marts' SQL."""

from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from kampungkb.errors import ConfigurationError
from kampungkb.settings import Settings

REGIONS = "regions.csv"
KAMPUNG_KB = "kampung_kb.csv"


def regions(settings: Settings) -> pa.Table:
    """Every region of the reference in force; raises :class:`ConfigurationError` where the file cannot be used."""
    return _read(settings.reference(REGIONS), ("code", "name", "level", "parent", *_VALIDITY))


def kampung_kb(settings: Settings) -> pa.Table:
    """The register in force: villages that are, were or will be Kampung KB; raises :class:`ConfigurationError`."""
    return _read(settings.reference(KAMPUNG_KB), ("village_code", *_VALIDITY))


_VALIDITY = ("valid_from", "valid_to", "successor_code")


def _read(path: Path, names: tuple[str, ...]) -> pa.Table:
    text = csv.ConvertOptions(
        column_types={name: pa.string() for name in names}, strings_can_be_null=True, null_values=[""]
    )
    try:
        table = csv.read_csv(path, convert_options=text)
    except (OSError, pa.ArrowInvalid) as fault:
        raise ConfigurationError(f"The reference file {path} cannot be read: {fault}. Correct or restore it.") from None
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise ConfigurationError(
            f"The reference file {path} lacks the column {missing[0]}; needed are {', '.join(names)}. Add it."
        )
    return table.select(names)
