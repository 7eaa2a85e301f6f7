"""The golden conversations marked `live`, with real servers: the server says what the file says, and the same bytes come through pgassay.

PostgreSQL 15 is Debian's; the others are what `scripts/setup servers` installs, for `scripts/test --all` only.
"""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import REPOSITORY, running_proxy
from conversation_text import ASYNCHRONOUS, Conversation, Step, live_conversations
from private_postgres import NoServer, PrivatePostgres

PATIENCE_S = 10
FIRST_OWN_OID = 16384  # of what users create: numbered anew in each run
MAX_BYTEWISE = 4096
DEBIANS = 15
OTHER_SERVERS = REPOSITORY / "build" / "servers" / "node_modules"
GOLDEN = live_conversations(REPOSITORY / "tests" / "golden")

Frame = tuple[bytes, bytes]  # type and body; an unframed rest has no type


@dataclass(frozen=True)
class Address:
    host: str
    port: int


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
    with socket.create_connection((address.host, address.port), timeout=PATIENCE_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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


def _send(connection: socket.socket, data: bytes, piece: int) -> None:
    try:
        for at in range(0, len(data), piece):
            connection.sendall(data[at : at + piece])
    except ConnectionError:
        pass  # the server went away: what it said before is still read


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_WR)
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
    return [(kind, "masked") if kind in masked else gist(kind, body) for kind, body in frames if kind != b"S"]


def written(conversation: Conversation) -> list[Frame]:
    return [
        (b"answer", step.data) if step.kind == "answer" else (step.data[:1], step.data[5:])
        for step in conversation.steps
        if step.kind in ("expect", "answer")
    ]


@dataclass(frozen=True)
class Pair:
    direct: Address
    through: Address


def other_server(major: int) -> Path | None:
    programs = OTHER_SERVERS / f"postgresql-{major}" / "native" / "bin"
    return programs if (programs / "postgres").exists() else None


def why_not(major: int) -> str:
    """Why this version is left out; empty if it is not."""
    if major == DEBIANS:
        return ""
    if os.environ.get("PGASSAY_E2E_ALL") != "1":
        return f"PostgreSQL {major} takes part in scripts/test --all"
    return "" if other_server(major) else f"missing runtime: PostgreSQL {major} (scripts/setup servers)"


def cases() -> list[object]:
    found: list[object] = []
    for major in (DEBIANS, 14, 16, 17, 18):
        if reason := why_not(major):
            found.append(pytest.param(major, None, id=str(major), marks=pytest.mark.skip(reason)))
            continue
        spoken = [one for one in GOLDEN if one.since <= major <= one.until]
        found += [pytest.param(major, one, id=f"{major}-{one.name}") for one in spoken]
    return found


@contextmanager
def running_pair(major: int, binary: Path, folder: Path) -> Iterator[Pair]:
    """A server of this major version with pgassay before it, and alice as the golden files know her."""
    with PrivatePostgres(None if major == DEBIANS else other_server(major)) as server:
        server.psql("create role alice superuser login")
        with running_proxy(binary, server, folder / "live.db") as proxy:
            yield Pair(Address(server.host, server.port), Address(proxy.host, proxy.port))


class Pairs:
    """One pair at a time; the cases come in the order of their versions."""

    def __init__(self, start: Callable[[int], AbstractContextManager[Pair]]) -> None:
        self._start = start
        self._open = ExitStack()
        self._major = 0
        self._pair: Pair | None = None

    def of(self, major: int) -> Pair:
        if self._pair is None or self._major != major:
            self.close()
            self._pair = self._open.enter_context(self._start(major))
            self._major = major
        return self._pair

    def close(self) -> None:
        self._pair = None
        self._open.close()


@pytest.fixture(scope="module")
def pairs(pgassay_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pairs]:
    started = Pairs(lambda major: running_pair(major, pgassay_binary, tmp_path_factory.mktemp("golden")))
    yield started
    started.close()


@pytest.mark.parametrize(("major", "conversation"), cases())
def test_conversation(pairs: Pairs, major: int, conversation: Conversation) -> None:
    try:
        pair = pairs.of(major)
    except NoServer as error:
        pytest.skip(str(error))
    direct = comparable(play(pair.direct, conversation.steps), conversation.masked)
    if not any(step.kind == "raw" for step in conversation.steps):
        assert said(direct.frames, conversation.masked) == said(written(conversation), conversation.masked)
    assert direct.end in ("closed", "reset", "reset by us")
    assert comparable(play(pair.through, conversation.steps), conversation.masked) == direct
    if sum(len(step.data) for step in conversation.steps if step.kind == "send") <= MAX_BYTEWISE:
        bytewise = comparable(play(pair.through, conversation.steps, 1), conversation.masked)
        assert bytewise.frames == direct.frames, "sent byte by byte"  # how it ends depends on what the server left unread
