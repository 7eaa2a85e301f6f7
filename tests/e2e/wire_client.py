"""A PostgreSQL client of a few lines, for what drivers will not do: any message, in any order, with any bytes."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping, Sequence
from types import TracebackType


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack(">i", len(body) + 4) + body


def startup(parameters: Mapping[str, str], version: int = 3 << 16) -> bytes:
    body = struct.pack(">i", version)
    body += b"".join(f"{key}\0{value}\0".encode() for key, value in parameters.items()) + b"\0"
    return struct.pack(">i", len(body) + 4) + body


def query(sql: str | bytes) -> bytes:
    return message(b"Q", _text(sql))


def parse(sql: str | bytes, name: str = "", types: Sequence[int] = ()) -> bytes:
    return message(b"P", _text(name) + _text(sql) + struct.pack(f">h{len(types)}I", len(types), *types))


def bind(
    values: Sequence[bytes | None] = (), formats: Sequence[int] = (), *, portal: str = "", name: str = "", binary_result: bool = False
) -> bytes:
    body = _text(portal) + _text(name) + struct.pack(f">h{len(formats)}h", len(formats), *formats)
    body += struct.pack(">h", len(values))
    for value in values:
        body += struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
    return message(b"B", body + struct.pack(">hh", 1, int(binary_result)))


def describe(what: bytes = b"P", name: str = "") -> bytes:
    return message(b"D", what + _text(name))


def execute(portal: str = "", rows: int = 0) -> bytes:
    return message(b"E", _text(portal) + struct.pack(">i", rows))


def close(what: bytes, name: str) -> bytes:
    return message(b"C", what + _text(name))


def send_cancel(port: int, key: bytes) -> None:
    """Returns once the server has closed the connection, which it does when it has passed the signal on."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(struct.pack(">ii", 8 + len(key), 80877102) + key)
        assert connection.recv(1) == b""


SYNC, FLUSH, TERMINATE, COPY_DONE = message(b"S"), message(b"H"), message(b"X"), message(b"c")


def _text(text: str | bytes) -> bytes:
    return (text.encode() if isinstance(text, str) else text) + b"\0"


class Wire:
    """One connection, logged in. Replies are lists of (type, body)."""

    def __init__(
        self, port: int, user: str, database: str, *, password: str = "", timeout: float = 20, version: int = 3 << 16, **parameters: str
    ) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""
        self.key = b""  # of BackendKeyData: the process's id, then the secret
        self.negotiated = b""  # NegotiateProtocolVersion, if there was one
        self.send(startup({"user": user, "database": database, **parameters}, version))
        while True:
            kind, body = self.receive()
            if kind == b"R" and body[:4] == struct.pack(">i", 3):
                self.send(message(b"p", _text(password)))
            elif kind == b"K":
                self.key = body
            elif kind == b"v":
                self.negotiated = body
            elif kind == b"Z":
                return
            elif kind == b"E":
                self.socket.close()
                raise ConnectionRefusedError(body.decode(errors="replace"))

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        try:
            self.socket.sendall(TERMINATE)
        except OSError:
            pass
        self.socket.close()

    def send(self, *messages: bytes) -> None:
        self.socket.sendall(b"".join(messages))

    def receive(self) -> tuple[bytes, bytes]:
        while len(self._read) < 5 or len(self._read) < 1 + struct.unpack(">i", self._read[1:5])[0]:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionAbortedError(f"the stream ended after {self._read!r}")
            self._read += more
        length = 1 + struct.unpack(">i", self._read[1:5])[0]
        frame, self._read = self._read[:length], self._read[length:]
        return frame[:1], frame[5:]

    def replies(self, ends: int = 1) -> list[tuple[bytes, bytes]]:
        """Everything up to the `ends`-th ReadyForQuery."""
        seen = []
        while ends:
            seen.append(self.receive())
            ends -= seen[-1][0] == b"Z"
        return seen

    def ask(self, *messages: bytes) -> list[tuple[bytes, bytes]]:
        self.send(*messages)
        return self.replies()

    def simple(self, sql: str | bytes) -> list[tuple[bytes, bytes]]:
        return self.ask(query(sql))

    def extended(
        self, sql: str | bytes, values: Sequence[bytes | None] = (), formats: Sequence[int] = (), *, types: Sequence[int] = (),
        binary_result: bool = False,
    ) -> list[tuple[bytes, bytes]]:  # fmt: skip
        return self.ask(parse(sql, types=types), bind(values, formats, binary_result=binary_result), describe(), execute(), SYNC)


def sqlstate(replies: Sequence[tuple[bytes, bytes]]) -> str:
    """Of the first ErrorResponse; "" if there is none."""
    for kind, body in replies:
        if kind == b"E":
            return next(field[1:].decode() for field in body.split(b"\0") if field[:1] == b"C")
    return ""
