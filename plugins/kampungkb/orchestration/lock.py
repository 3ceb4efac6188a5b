"""One Airflow a home at a time: two would run the same tasks twice on one metadata database."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from kampungkb.errors import ConfigurationError
from kampungkb.file_lock import held
from kampungkb.lake import private_folder
from kampungkb.orchestration.environment import airflow_home
from kampungkb.settings import Settings


@contextmanager
def alone(settings: Settings, purpose: str) -> Iterator[None]:
    """Hold this home's lock; the kernel lets it go when the process ends, however it ends.

    Raises :class:`ConfigurationError` where another process holds it, saying what that one does.
    """
    path = private_folder(airflow_home(settings)) / "lock"
    path.touch(mode=0o600)
    with ExitStack() as until_the_end:
        try:
            descriptor = until_the_end.enter_context(held(path, wait=0))
        except BlockingIOError:
            holder = path.read_text(encoding="utf-8", errors="replace").strip() or "another process"
            raise ConfigurationError(
                f"{settings.root} is in use by {holder}. Wait until it ends, or stop it; where it is Airflow's UI, "
                "start the load there (nightly_load, Trigger)."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"`kampungkb {purpose}` (process {os.getpid()})".encode(), 0)
        yield
