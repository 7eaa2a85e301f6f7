"""A TCP relay on loopback that misbehaves on demand: latency, one-byte segments, a stall, a reset, a cut after n bytes. Threads, one per direction.

    with FaultRelay(port) as relay: …  # relay.port; relay.stall.set() and .clear() while it runs
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Faults:
    """Of every connection. Bytes are counted from the server to the client, or the other way with `of_client`."""

    latency_s: float = 0.0         # before each piece
    segment: int = 65536           # the longest piece
    cut_after: int | None = None   # bytes, then an orderly close of both sides
    reset_after: int | None = None # bytes, then RST to both sides
    of_client: bool = False


class FaultRelay:
    """REQUIRES: something listens on 127.0.0.1:`target` when a client connects; if not, that client is reset."""

    def __init__(self, target: int, faults: Faults = Faults()) -> None:
        self.target, self.faults = target, faults
        self.stall = threading.Event()  # set: nothing moves, either way; connections stay open
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._sockets: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> FaultRelay:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._listener.close()
        for open_socket in list(self._sockets):
            _shut(open_socket)

    def reset_all(self) -> None:
        for open_socket in list(self._sockets):
            _reset(open_socket)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
            except OSError:
                _reset(client)
                continue
            server.settimeout(None)
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets.add(side)
            threading.Thread(target=self._copy, args=(client, server, self.faults.of_client), daemon=True).start()
            threading.Thread(target=self._copy, args=(server, client, not self.faults.of_client), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        passed = 0
        limit = self.faults.cut_after if self.faults.cut_after is not None else self.faults.reset_after
        end = _reset if self.faults.reset_after is not None else _shut
        try:
            while piece := source.recv(self.faults.segment):
                while self.stall.is_set() and not self._closing.is_set():
                    time.sleep(0.01)
                if self.faults.latency_s:
                    time.sleep(self.faults.latency_s)
                if counted and limit is not None and passed + len(piece) >= limit:
                    sink.sendall(piece[: limit - passed])
                    if end is _shut:
                        time.sleep(0.05)  # what was sent arrives before the end
                    end(source)
                    end(sink)
                    return
                sink.sendall(piece)
                passed += len(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            _shut(source)
            _shut(sink)


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    end.close()


def _reset(end: socket.socket) -> None:
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RD)  # wakes the thread that reads
    except OSError:
        pass
    end.close()
