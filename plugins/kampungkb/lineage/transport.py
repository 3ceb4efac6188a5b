"""Where OpenLineage events go unless the configuration names a server: a file a day under `<home>/openlineage`."""

import os
from datetime import datetime
from pathlib import Path

from openlineage.client.client import Event
from openlineage.client.serde import Serde
from openlineage.client.transport.transport import Config, Transport

from kampungkb.lake import private_folder
from kampungkb.run import JAKARTA
from kampungkb.settings import Settings, load_settings

TRANSPORT = {"type": "kampungkb.lineage.transport.DailyFile"}
"""As Airflow's option `[openlineage] transport` takes it."""


def events_folder(settings: Settings) -> Path:
    """The folder of the files of events, `YYYY-MM-DD.jsonl` by the day in Asia/Jakarta."""
    return settings.root / "openlineage"


class DailyFile(Transport):
    """Appends each event as one line, at once, so that those of tasks that run side by side do not mix.

    OpenLineage's own file transport writes a file an event, or appends in pieces; both with the rights of the umask.
    """

    kind = "daily_file"

    def __init__(self, config: Config) -> None:
        self._folder = events_folder(load_settings())

    def emit(self, event: Event) -> None:
        """Write the event; the file is readable by the owner alone."""
        path = private_folder(self._folder) / f"{datetime.now(JAKARTA).date()}.jsonl"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, (Serde.to_json(event) + "\n").encode())
        finally:
            os.close(descriptor)
