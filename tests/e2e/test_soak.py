"""Hours of connections that come and go, shortened: nothing may grow, neither memory nor descriptors.

In scripts/test a short form; in --all 1 000 connections at a time and 10 000 reconnects a minute for ten minutes before PostgreSQL, and
before a server of ours that forks no process enough of them to fill what the recorder keeps of ended sessions.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Proxy, running_proxy, wait_until
from private_postgres import NoServer, PrivatePostgres
from test_faults import EVERYTHING, MEBIBYTE, Behind, ask, descriptors, family, plain_memory, recorder_of, relay_of, resident  # noqa: F401
from test_relay import assert_bytes_accounted_for


@dataclass(frozen=True)
class Pace:
    connections: int
    reconnects_per_s: float
    seconds: float
    warm_up_s: float  # until the allocators have what they need


STEPS = 10
POSTGRES = Pace(1000, 10_000 / 60, 600, 120) if EVERYTHING else Pace(60, 100, 5, 3)
# The recorder keeps the ids of 100 000 ended sessions, and SQLite 16 MiB of pages; after that it has all that it will ever have.
NO_PROCESSES = Pace(1000, 600, 300, 300) if EVERYTHING else Pace(200, 300, 3, 3)
RELAY_GROWS_AT_MOST = MEBIBYTE
RECORDER_GROWS_AT_MOST = MEBIBYTE if EVERYTHING else 8 * MEBIBYTE  # in the short form its caches fill up all the while
RECORDER_HAS_AT_MOST = 40 * MEBIBYTE


@dataclass(frozen=True)
class Sizes:
    """Memory and descriptors of the relay and of the recorder."""

    relay: int
    recorder: int
    files: int


def sizes(proxy: Proxy) -> Sizes:
    relay, recorder = relay_of(proxy), recorder_of(proxy)
    return Sizes(resident(relay), resident(recorder), sum(map(descriptors, family(proxy))))


class Churn:
    """churn_client: see there."""

    def __init__(self, program: Path, server: PrivatePostgres | Behind, port: int, pace: Pace) -> None:
        words = [program, port, server.user, server.dbname, pace.connections, pace.reconnects_per_s]
        self._process = subprocess.Popen(list(map(str, words)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._heard("ready")

    def _heard(self, what: str) -> str:
        assert self._process.stdout and self._process.stderr
        line = self._process.stdout.readline()
        assert line, f"{what}: {self._process.stderr.read()}"
        return line

    def run(self, seconds: float) -> int:
        assert self._process.stdin
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        return int(self._heard("reconnects"))

    def end(self) -> None:
        assert self._process.communicate(timeout=60)[1] == ""
        assert self._process.returncode == 0


@pytest.fixture
def churn_client(pgassay_binary: Path) -> Path:
    client = pgassay_binary.parent / "churn_client"
    assert client.is_file(), f"{client} is not built (target churn_client)"
    return client


@contextmanager
def server_without_processes(program: Path) -> Iterator[int]:
    process = subprocess.Popen([program, "serve"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def come_and_go(binary: Path, client: Path, server: PrivatePostgres | Behind, trace: Path, pace: Pace) -> None:
    with running_proxy(binary, server, trace, "--max-connections", str(pace.connections + 100)) as proxy:
        idle = sizes(proxy)
        churn = Churn(client, server, proxy.port, pace)
        total = churn.run(pace.warm_up_s)
        course = [sizes(proxy)]
        for _ in range(STEPS):
            total += churn.run(pace.seconds / STEPS)
            course.append(sizes(proxy))
        due = pace.reconnects_per_s * (pace.seconds + pace.warm_up_s)
        print(f"{total} reconnects of {due:.0f} that were due among {pace.connections} connections; idle: {idle}", *course, sep="\n")
        before, after = course[0], course[-1]
        assert after.relay - before.relay < RELAY_GROWS_AT_MOST, (before, after)
        assert after.recorder < RECORDER_HAS_AT_MOST, (before, after)
        assert abs(after.files - before.files) < 20, (before, after)
        if pace is NO_PROCESSES:
            assert after.recorder - before.recorder < RECORDER_GROWS_AT_MOST, (before, after)
        churn.end()
        wait_until("all descriptors are back", lambda: sizes(proxy).files <= idle.files + 2, patience_s=60)
        assert proxy.stop() == 0
    assert ask(trace, "SELECT count(*), count(*) = count(end_ns) FROM session") == [(total + pace.connections, 1)]
    assert_bytes_accounted_for(trace)


def test_connections_that_come_and_go_leave_nothing(pgassay_binary: Path, churn_client: Path, tmp_path: Path, plain_memory: None) -> None:  # noqa: F811
    server = PrivatePostgres(settings={"max_connections": str(POSTGRES.connections + 200)})
    try:
        server.start()
    except NoServer as error:
        pytest.skip(str(error))
    try:
        come_and_go(pgassay_binary, churn_client, server, tmp_path / "trace.db", POSTGRES)
    finally:
        server.stop()


def test_what_is_kept_of_ended_sessions_has_an_end(
    pg: PrivatePostgres, pgassay_binary: Path, churn_client: Path, tmp_path: Path, plain_memory: None  # noqa: F811
) -> None:
    with server_without_processes(churn_client) as port:
        come_and_go(pgassay_binary, churn_client, Behind(pg, port), tmp_path / "trace.db", NO_PROCESSES)
