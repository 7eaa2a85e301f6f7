"""Holds a conversation of tests/golden with a server, and says what came back."""

from __future__ import annotations

import re
import socket
import ssl
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from conversation_text import ASYNCHRONOUS, FRONTEND, Conversation, Step

PATIENCE_S = 10
FIRST_OWN_OID = 16384  # of what users create: numbered anew in each run
SSL_REQUEST = FRONTEND["SSLRequest"]([])

Frame = tuple[bytes, bytes]  # type and body; an unframed rest has no type


@dataclass(frozen=True)
class Address:
    host: str
    port: int
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True)
class Heard:
    frames: list[Frame]
    end: str  # closed, reset, silent


class Listener:
    """Reads what a server says, message by message."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._unread = b""
        self.frames: list[Frame] = []
        self.end = ""

    def hear_answer(self) -> None:
        """The one byte that answers SSLRequest, or a message instead of it."""
        while not self._unread and self._more():
            pass
        if self._unread and self._unread[:1] != b"E":
            self.frames.append((b"answer", self._unread[:1]))
            self._unread = self._unread[1:]

    def hear(self, count: int) -> None:
        """Until `count` messages more that are no asynchronous ones, or the end."""
        while count > 0:
            kind = self._take()
            if kind is not None:
                count -= kind not in ASYNCHRONOUS
            elif not self._more():
                return

    def hear_all(self) -> Heard:
        while self._more():
            pass
        while self._take() is not None:
            pass
        if self._unread:
            self.frames.append((b"", self._unread))
        return Heard(self.frames, self.end)

    def _more(self) -> bool:
        if self.end:
            return False
        try:
            read = self._connection.recv(1 << 16)
        except TimeoutError:
            self.end = "silent"
        except ssl.SSLError:
            self.end = "closed"
        except ConnectionError:
            self.end = "reset"
        else:
            self._unread += read
            self.end = "" if read else "closed"
        return not self.end

    def _take(self) -> bytes | None:
        if len(self._unread) < 5:
            return None
        size = 1 + struct.unpack_from(">I", self._unread, 1)[0]
        if len(self._unread) < size:
            return None
        kind = self._unread[:1]
        self.frames.append((kind, self._unread[5:size]))
        self._unread = self._unread[size:]
        return kind


def play(address: Address, steps: Sequence[Step], piece: int = 1 << 20) -> Heard:
    """Says the client's part, in writes of `piece` bytes; the server's part is waited for where the file has it."""
    with _connected(address) as connection:
        listener = Listener(connection)
        due = 0
        for step, following in zip(steps, [*steps[1:], Step("close")], strict=True):
            if step.kind == "send":
                _send(connection, step.data, piece)
            elif step.kind == "answer":
                listener.hear_answer()
            elif step.kind == "expect":
                due += step.data[:1] not in ASYNCHRONOUS
                if following.kind != "expect":
                    listener.hear(due)
                    due = 0
            elif step.kind == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return Heard(listener.frames, "reset by us")
            elif step.kind in ("half-close", "close"):
                _shut(connection)
        return listener.hear_all()


def _connected(address: Address) -> socket.socket:
    plain = socket.create_connection((address.host, address.port), timeout=PATIENCE_S)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if address.tls is None:
        return plain
    plain.sendall(SSL_REQUEST)
    answer = plain.recv(1)
    assert answer == b"S", answer
    return address.tls.wrap_socket(plain, server_hostname="localhost")


def _send(connection: socket.socket, data: bytes, piece: int) -> None:
    try:
        for at in range(0, len(data), piece):
            connection.sendall(data[at : at + piece])
    except (ConnectionError, ssl.SSLError):
        pass  # the server went away: what it said before is still read


def _shut(connection: socket.socket) -> None:
    try:
        socket.socket.shutdown(connection, socket.SHUT_WR)  # SSLSocket's own would give up decrypting
    except OSError:
        pass


def comparable(heard: Heard, masked: bytes) -> Heard:
    """Without what differs between any two sessions of one server: process ids, keys, numbers of new tables, names of temporary schemas."""
    return Heard([(kind, b"" if kind and kind in masked else _comparable_body(kind, body)) for kind, body in heard.frames], heard.end)


def _comparable_body(kind: bytes, body: bytes) -> bytes:
    if kind == b"K":
        return bytes(len(body))
    if kind == b"A":
        return bytes(4) + body[4:]
    if kind == b"E":
        return re.sub(rb"\0spg_temp_\d+\0", b"\0spg_temp\0", body)
    if kind == b"T":
        for at in _table_oids(body):
            if struct.unpack_from(">I", body, at)[0] >= FIRST_OWN_OID:
                body = body[:at] + bytes(4) + body[at + 4 :]
    return body


def _table_oids(description: bytes) -> list[int]:
    found, at = [], 2
    for _ in range(struct.unpack_from(">H", description)[0]):
        at = description.index(b"\0", at) + 1
        found.append(at)
        at += 18
    return found


def gist(kind: bytes, body: bytes) -> object:
    """What a golden file states of a message: no texts of errors, no sizes of types, no versions."""
    if kind in (b"E", b"N"):
        fields = {part[:1]: part[1:] for part in body.split(b"\0")}
        return kind, fields.get(b"V"), fields.get(b"C")
    if kind == b"T":
        return kind, [(body[start:oid], body[oid + 6 : oid + 10], body[oid + 16 : oid + 18]) for start, oid in _names(body)]
    if kind == b"K":
        return kind, len(body)
    if kind == b"A":
        return kind, body[4:]
    if kind == b"v":
        return kind, body[4:]
    return kind, body


def _names(description: bytes) -> list[tuple[int, int]]:
    starts = [2, *(at + 18 for at in _table_oids(description))]
    return list(zip(starts, _table_oids(description), strict=False))


def said(frames: Sequence[Frame], masked: bytes) -> list[object]:
    return [(kind, "masked") if kind and kind in masked else gist(kind, body) for kind, body in frames if kind != b"S"]


def written(conversation: Conversation) -> list[Frame]:
    return [
        (b"answer", step.data) if step.kind == "answer" else (step.data[:1], step.data[5:])
        for step in conversation.steps
        if step.kind in ("expect", "answer")
    ]
