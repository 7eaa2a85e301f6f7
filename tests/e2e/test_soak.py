"""Hours of connections that come and go, shortened: nothing may grow, neither memory nor descriptors.

In scripts/test a short form; in --all 1 000 connections at a time and 10 000 reconnects a minute for ten minutes.
"""

from __future__ import annotations

import random
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Proxy, running_proxy, wait_until
from private_postgres import NoServer, PrivatePostgres
from test_faults import EVERYTHING, MEBIBYTE, ask, descriptors, family, plain_memory, recorder_of, relay_of, resident  # noqa: F401
from test_relay import assert_bytes_accounted_for
from wire_client import Wire, sqlstate


@dataclass(frozen=True)
class Pace:
    connections: int
    reconnects_per_s: float
    seconds: float
    warm_up_s: float  # until the allocators have what they need


PACE = Pace(1000, 10_000 / 60, 600, 120) if EVERYTHING else Pace(60, 100, 8, 3)
RELAY_GROWS_AT_MOST = MEBIBYTE
RECORDER_HAS_AT_MOST = 40 * MEBIBYTE  # its page cache of 16 MiB fills up as the trace grows; the sessions that are open come on top


@dataclass(frozen=True)
class Sizes:
    """Memory and descriptors of the relay and of the recorder."""

    relay: int
    recorder: int
    files: int


def sizes(proxy: Proxy) -> Sizes:
    relay, recorder = relay_of(proxy), recorder_of(proxy)
    return Sizes(resident(relay), resident(recorder), sum(map(descriptors, family(proxy))))


def churn(server: PrivatePostgres, proxy: Proxy, alive: deque[Wire], pace: Pace, seconds: float) -> int:
    """Ends the oldest connection and opens another, at the given rate; one in ten goes without a word, one by a reset of an open transaction."""
    chance = random.Random(11)
    begun, done = time.monotonic(), 0
    while (now := time.monotonic()) - begun < seconds:
        if done >= (now - begun) * pace.reconnects_per_s:
            time.sleep(0.002)
            continue
        leaving = alive.popleft()
        how = chance.randrange(10)
        if how == 0:
            leaving.socket.close()
        else:
            if how == 1:
                leaving.send(b"Q\0\0\0\x0aBEGIN\0")
            leaving.close()
        alive.append(to := Wire(proxy.port, server.user, server.dbname, application_name=f"soak {done % 50}"))
        assert sqlstate(to.extended("SELECT $1::int + 1", [str(done).encode()])) == ""
        done += 1
    return done


def test_connections_that_come_and_go_leave_nothing(pgassay_binary: Path, tmp_path: Path, plain_memory: None) -> None:  # noqa: F811
    server = PrivatePostgres(settings={"max_connections": str(PACE.connections + 200)})
    try:
        server.start()
    except NoServer as error:
        pytest.skip(str(error))
    try:
        with running_proxy(pgassay_binary, server, tmp_path / "trace.db", "--max-connections", str(PACE.connections + 100)) as proxy:
            idle = sizes(proxy)
            alive = deque(Wire(proxy.port, server.user, server.dbname) for _ in range(PACE.connections))
            total = churn(server, proxy, alive, PACE, PACE.warm_up_s)
            course = [sizes(proxy)]
            for _ in range(10):
                total += churn(server, proxy, alive, PACE, PACE.seconds / 10)
                course.append(sizes(proxy))
            before, after = course[0], course[-1]
            print(f"{total} reconnects of {PACE.reconnects_per_s * (PACE.seconds + PACE.warm_up_s):.0f} that were due among {PACE.connections} connections; idle: {idle}", *course, sep="\n")
            assert after.relay - before.relay < RELAY_GROWS_AT_MOST, (before, after)
            assert after.recorder < RECORDER_HAS_AT_MOST, (before, after)
            assert abs(after.files - before.files) < 20, (before, after)
            for to in alive:
                to.close()
            wait_until("all descriptors are back", lambda: sizes(proxy).files <= idle.files + 2, patience_s=60)
            assert proxy.stop() == 0
    finally:
        server.stop()
    assert ask(tmp_path / "trace.db", "SELECT count(*), count(*) = count(end_ns) FROM session") == [(total + PACE.connections, 1)]
    assert_bytes_accounted_for(tmp_path / "trace.db")
