"""Modules that take seconds to import, imported while others work."""

import os
import threading
from importlib import import_module


def import_beforehand(module: str) -> None:
    """Begin to import a module; whoever imports it meanwhile waits for it."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # Great Expectations reads it as it is imported
    threading.Thread(target=import_module, args=(module,), daemon=True).start()
