"""Training on an installation's own records: `kampungkb linkage train`."""

from pathlib import Path

from kampungkb import lake
from kampungkb.engine.accepted import SOURCE_OF_PERSONS, attach_folders
from kampungkb.engine.duckdb import engine
from kampungkb.errors import ConfigurationError
from kampungkb.linkage.model import PARAMETERS, Model, read_definition, write_parameters
from kampungkb.linkage.records import read_records
from kampungkb.linkage.training import train
from kampungkb.run import SOURCES
from kampungkb.settings import Settings


def train_installation(settings: Settings, seed: int | None = None) -> tuple[Model, Path]:
    """Train `model.yaml` on the newest accepted records; return the model and the file that keeps its parameters.

    They are written to `<home>/reference/linkage_model.json`, which the nights prefer to the project's own. Raises
    :class:`~kampungkb.errors.ConfigurationError` where nothing was accepted yet or the records cannot teach it.
    """
    folder = max((settings.lake / "accepted").glob("????-??-??"), default=None)
    if folder is None:
        raise ConfigurationError(
            "There are no accepted records to train the linkage on. Load once with `kampungkb run`, then train."
        )
    present = {source: folder / source for source in SOURCES if (folder / source).is_dir()}
    definition = read_definition()
    with engine(settings) as connection:
        attach_folders(connection, present, "keluarga", *SOURCE_OF_PERSONS)
        read_records(connection)
        model = train(connection, definition, "person_fact", seed)
    path = lake.private_folder(settings.root / "reference") / PARAMETERS
    write_parameters(model.parameters, path)
    return model, path
