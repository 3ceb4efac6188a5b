"""A proxy before PostgreSQL that counts the statements passing through and can act in front of the n-th.

It understands as much of the protocol as that takes (version 3, without TLS): a statement is a simple query, the
execution of a prepared one, or the end of the data of a COPY. All connections share one count.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

STATEMENTS = {b"Q", b"E", b"c"}
PROTOCOL_3 = 196_608


@dataclass
class StatementProxy:
    """Forwards connections to `server`; `before` is called with the number of each statement, counted from 1.

    A statement for which `before` returns False never reaches the server, nor does anything after it. Connections break
    off when `cut_at` bytes of answers have come from the server since `reset`; `answered` counts them.
    """

    server: tuple[str, int]
    before: Callable[[int], bool] = lambda _: True
    passed: list[str] = field(default_factory=list)
    answered: int = 0
    cut_at: int | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def reset(self, before: Callable[[int], bool]) -> None:
        """Count anew from 1."""
        with self._turn:
            self.before, self.passed, self.answered, self.cut_at = before, [], 0, None

    def admit(self, text: str) -> bool:
        """Count a statement; False where it is to be held back."""
        with self._turn:
            self.passed.append(text)
            return self.before(len(self.passed))

    @contextmanager
    def listening(self) -> Iterator[int]:
        """The port on 127.0.0.1 on which it listens."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
            yield listener.getsockname()[1]
            listener.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                try:
                    server = socket.create_connection(self.server)
                except OSError:
                    client.close()
                    continue
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._to_server, args=(client, server), daemon=True).start()
                threading.Thread(target=self._to_client, args=(server, client), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with _ending(server), suppress(EOFError):
            _start(client, server)
            parsed = ""
            while True:
                kind = _exactly(client, 1)
                length = _exactly(client, 4)
                body = _exactly(client, int.from_bytes(length) - 4)
                if kind == b"P":
                    parsed = body.split(b"\0")[1].decode()
                text = body[:-1].decode() if kind == b"Q" else parsed if kind == b"E" else "end of COPY"
                if kind in STATEMENTS and not self.admit(text):
                    return
                server.sendall(kind + length + body)

    def _to_client(self, server: socket.socket, client: socket.socket) -> None:
        with client, server, _ending(client):
            while data := server.recv(4_096):
                self.answered += len(data)
                if self.cut_at is not None and self.answered >= self.cut_at:
                    client.sendall(data[: len(data) // 2])
                    return
                client.sendall(data)


@contextmanager
def _ending(peer: socket.socket) -> Iterator[None]:
    """End the connection to the other side when one side has ended."""
    with suppress(OSError):
        try:
            yield
        finally:
            peer.shutdown(socket.SHUT_RDWR)


def _start(client: socket.socket, server: socket.socket) -> None:
    """Pass the packets before the first message on; those without a kind end with the start-up packet."""
    while True:
        length = _exactly(client, 4)
        body = _exactly(client, int.from_bytes(length) - 4)
        server.sendall(length + body)
        if int.from_bytes(body[:4]) == PROTOCOL_3:
            return


def _exactly(source: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = source.recv(size - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
