"""Conversations with bytes changed at random, through the live proxy between a client and a server of the test's own: whatever either side says,
the other hears exactly that. The decoder may give up on a session; the relay may not.

In scripts/test a few rounds; in --all many. A failure names its seed.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import REPOSITORY, running_proxy
from conversation_text import live_conversations
from test_relay import assert_bytes_accounted_for, counters

ROUNDS = 100 if os.environ.get("PGASSAY_E2E_ALL") == "1" else 2
PROTOCOL_3_0 = struct.pack(">i", 3 << 16)
CLASSIFIED = 8  # the first bytes of a connection say what it is: those stay


class FakeServer:
    """Takes connections one by one; it speaks and hears nothing by itself."""

    user = dbname = "shop"

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def dsn(self) -> str:
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{self.dbname}"

    def env(self) -> dict[str, str]:
        return {key: value for key, value in os.environ.items() if not key.startswith(("PG", "PGASSAY_"))}

    def discard_what_the_proxy_asks_at_its_start(self) -> threading.Event:
        """Until the event is set, connections are answered as one that knows no TLS would, and closed."""
        done = threading.Event()

        def serve() -> None:
            self.listener.settimeout(0.05)
            while not done.is_set():
                try:
                    visitor = self.listener.accept()[0]
                except TimeoutError:
                    continue
                with visitor:
                    visitor.settimeout(2)
                    visitor.recv(8)
                    visitor.sendall(b"N")

        self.thread = threading.Thread(target=serve, daemon=True)
        self.thread.start()
        return done


@contextmanager
def proxy_before(binary: Path, server: FakeServer, trace: Path) -> Iterator[int]:
    started = server.discard_what_the_proxy_asks_at_its_start()
    with running_proxy(binary, server, trace) as proxy:  # type: ignore[arg-type]
        started.set()
        server.thread.join()
        server.listener.settimeout(20)
        yield proxy.port


def mutated(data: bytes, chance: random.Random, spared: int = 0) -> bytes:
    """Bytes changed, left out, doubled or cut off; sometimes none."""
    changed = bytearray(data)
    for _ in range(chance.choice((0, 1, 1, 2, 5, 20))):
        if len(changed) <= spared:
            break
        at = chance.randrange(spared, len(changed))
        how = chance.randrange(5)
        if how == 0:
            changed[at] = chance.randrange(256)
        elif how == 1:
            changed[at] ^= 1 << chance.randrange(8)
        elif how == 2:
            del changed[at : at + chance.choice((1, 1, 4, 50))]
        elif how == 3:
            changed[at:at] = changed[at : at + chance.choice((1, 4, 50))]
        elif chance.randrange(4) == 0:
            del changed[at:]
    return bytes(changed)


def say(to: socket.socket, data: bytes, seed: int) -> None:
    chance, at = random.Random(seed), 0
    while at < len(data):
        size = chance.choice((1, 3, 17, 1000, 70_000))
        to.sendall(data[at : at + size])
        at += size
    to.shutdown(socket.SHUT_WR)


def hear_all(of: socket.socket) -> bytes:
    heard = bytearray()
    while piece := of.recv(1 << 16):
        heard += piece
    return bytes(heard)


def exchanged(port: int, server: FakeServer, asked: bytes, answered: bytes, seed: int) -> tuple[bytes, bytes]:
    """What the server heard and what the client heard, when both speak at once."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(asked[:CLASSIFIED])
        peer = server.listener.accept()[0]
        with peer:
            peer.settimeout(20)
            speakers = [
                threading.Thread(target=say, args=(client, asked[CLASSIFIED:], seed)),
                threading.Thread(target=say, args=(peer, answered, seed + 1)),
            ]
            for speaker in speakers:
                speaker.start()
            heard: list[bytes] = []
            listener = threading.Thread(target=lambda: heard.append(hear_all(peer)))
            listener.start()
            got = hear_all(client)
            for thread in (*speakers, listener):
                thread.join(20)
            return heard[0], got


def recorded() -> list[tuple[str, bytes, bytes]]:
    """Of each golden conversation what the client and what the server says, from the start-up on."""
    found = []
    for one in live_conversations(REPOSITORY / "tests" / "golden"):
        if any(step.kind == "answer" for step in one.steps):
            continue  # those are about the stage before
        said = {kind: b"".join(step.data for step in one.steps if step.kind == kind) for kind in ("send", "expect")}
        if said["send"][4:8] != PROTOCOL_3_0:  # not a start-up: something that the stage before answers
            continue
        found.append((one.name, said["send"], said["expect"]))
    return found


def test_changed_bytes_arrive_as_they_were_sent(pgassay_binary: Path, tmp_path: Path) -> None:
    conversations = recorded()
    assert len(conversations) > 80
    server, sessions, relayed = FakeServer(), 0, 0
    with proxy_before(pgassay_binary, server, tmp_path / "trace.db") as port:
        for round_no in range(ROUNDS):
            for number, (name, asks, answers) in enumerate(conversations):
                seed = round_no * 10_000 + number
                chance = random.Random(seed)
                asked, answered = mutated(asks, chance, CLASSIFIED), mutated(answers, chance)
                heard, got = exchanged(port, server, asked, answered, seed)
                assert heard == asked, f"{name}, seed {seed}: the server heard something else"
                assert got == answered, f"{name}, seed {seed}: the client heard something else"
                sessions += 1
                relayed += len(asked) + len(answered)
    server.listener.close()
    total = counters(tmp_path / "trace.db")
    assert total["relayed_bytes"] == relayed
    assert_bytes_accounted_for(tmp_path / "trace.db")
    assert 0 < total["opaque_sessions"] < sessions, "some are to be understood and some not"
    print(f"{sessions} sessions, {relayed} bytes, {total['opaque_sessions']} not understood to the end")
