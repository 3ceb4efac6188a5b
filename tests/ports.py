"""A port for a server that cannot choose one by itself."""

import socket
from random import SystemRandom

# Below the range from which Linux takes the near end of every connection, so that none can take it meanwhile.
PORTS = range(20_000, 32_768)


def free_port() -> int:
    for port in SystemRandom().sample(PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"Of 100 ports from {PORTS.start} to {PORTS.stop - 1} none is free.")
