"""The client of pgassay's control socket (docs/control-protocol.md): one connection, one acknowledged line at a time."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlencode

PATIENCE_S = 10  # for a reply; a proxy that says nothing for so long is gone


class ControlError(Exception):
    """The socket cannot be reached, or said no."""


class Control:
    """REQUIRES: one thread. `address`: PGASSAY_CONTROL, a socket's path or HOST:PORT."""

    def __init__(self, address: str, token: str = "", worker: str = "") -> None:
        try:
            self._socket = _connect(address)
        except (OSError, ValueError) as error:
            raise ControlError(f"cannot reach pgassay at PGASSAY_CONTROL={address}: {error}") from error
        self._received = b""
        try:
            self.say("hello", version="1", pid=str(os.getpid()), worker=worker, token=token)
        except ControlError:
            self.end()
            raise

    def say(self, command: str, **fields: str) -> None:
        """Returns once pgassay has taken it: queries sent from then on are counted so."""
        line = f"{command} {urlencode({name: value for name, value in fields.items() if value})}\n"
        try:
            self._socket.sendall(line.encode())
            while b"\n" not in self._received:
                got = self._socket.recv(4096)
                if not got:
                    raise ControlError("pgassay has closed the control socket")
                self._received += got
        except OSError as error:
            raise ControlError(f"pgassay does not answer on the control socket: {error}") from error
        reply, _, self._received = self._received.partition(b"\n")
        if reply.split(b" ", 1)[0] != b"ok":
            raise ControlError(f"pgassay refused {command}: {reply.decode(errors='replace')}")

    def end(self) -> None:
        self._socket.close()


def _connect(address: str) -> socket.socket:
    if "/" in address:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(PATIENCE_S)
        connection.connect(address)
        return connection
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE_S)
