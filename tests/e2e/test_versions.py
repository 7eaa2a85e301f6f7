"""What differs between PostgreSQL 14 and 18, with each of them: protocol 3.2 and its longer keys, cancels by a real key, replication streams.

PostgreSQL 15 is Debian's; the others take part in scripts/test --all, as in test_golden_live.py.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Proxy, running_proxy, wait_until
from private_postgres import NoServer, PrivatePostgres
from test_golden_live import DEBIANS, other_server, why_not
from test_relay import ask, assert_bytes_accounted_for, counters
from wire_client import Wire, message, query, send_cancel, sqlstate

psycopg = pytest.importorskip("psycopg")

MAJORS = [pytest.param(major, marks=pytest.mark.skipif(bool(why_not(major)), reason=why_not(major) or "-")) for major in (14, 15, 16, 17, 18)]
FIRST_WITH_3_2 = 18
PROTOCOL_3_2 = 3 << 16 | 2
Sides = tuple[PrivatePostgres, Proxy, int]


@pytest.fixture(scope="module", params=MAJORS)
def sides(request: pytest.FixtureRequest, pgassay_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    major = int(request.param)
    server = PrivatePostgres(None if major == DEBIANS else other_server(major), settings={"wal_level": "logical"})
    trace = tmp_path_factory.mktemp("versions") / "trace.db"
    try:
        server.start()
    except NoServer as error:
        pytest.skip(str(error))
    with running_proxy(pgassay_binary, server, trace) as proxy:
        yield server, proxy, major
    server.stop()
    assert_bytes_accounted_for(trace)
    assert counters(trace)["opaque_bytes"] == 0


def dsn(server: PrivatePostgres, port: int, **more: str) -> str:
    return " ".join([f"host=127.0.0.1 port={port} user={server.user} dbname={server.dbname}", *(f"{k}={v}" for k, v in more.items())])


def session(server: PrivatePostgres, port: int, **more: str) -> list[object]:
    """What libpq 18 gets to see of a bit of everything."""
    seen: list[object] = []
    notices: list[str] = []
    with psycopg.connect(dsn(server, port, **more), autocommit=True) as to:
        to.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        seen.append(to.execute("SELECT %s::int, %s::text, NULL", (7, "seven")).fetchall())
        with to.pipeline(), to.cursor() as cursor:
            for n in range(50):
                cursor.execute("SELECT %s::int * 2", (n,))
            seen.append(cursor.fetchall())
        with to.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE t (id int, name text)")
            with cursor.copy("COPY t FROM STDIN") as copy:
                for n in range(2000):
                    copy.write_row((n, f"name {n}"))
            with cursor.copy("COPY t TO STDOUT") as copy:
                seen.append(b"".join(map(bytes, copy)))
        with pytest.raises(psycopg.Error) as error:
            to.execute("SELECT 1 / 0")
        seen.append(error.value.sqlstate)
        to.execute("DO $$ BEGIN RAISE NOTICE 'noticed'; END $$")
        threading.Timer(0.3, to.cancel_safe).start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            to.execute("SELECT pg_sleep(30)")
        seen.append(to.execute("SHOW server_version").fetchone())
        to.execute("SET application_name = 'renamed'")
        seen.append(to.info.parameter_status("application_name"))
        seen.append(to.pgconn.full_protocol_version)
    return [*seen, notices]


@pytest.mark.parametrize("asked", ["3.0", "latest"])
def test_libpq_18_sees_the_same(sides: Sides, asked: str) -> None:
    server, proxy, major = sides
    if psycopg.pq.version() < 180000:
        pytest.skip("this libpq speaks 3.0 only")
    direct = session(server, server.port, max_protocol_version=asked)
    assert session(server, proxy.port, max_protocol_version=asked) == direct
    assert direct[-2:] == [30002 if asked == "latest" and major >= FIRST_WITH_3_2 else 30000, ["noticed"]]


def test_a_client_that_insists_on_3_2_gets_what_the_server_has(sides: Sides) -> None:
    server, proxy, major = sides
    if psycopg.pq.version() < 180000:
        pytest.skip("this libpq speaks 3.0 only")
    if major >= FIRST_WITH_3_2:
        insists = {"min_protocol_version": "3.2", "max_protocol_version": "3.2"}
        assert session(server, proxy.port, **insists) == session(server, server.port, **insists)
        return
    said = []
    for port in (server.port, proxy.port):
        with pytest.raises(psycopg.OperationalError) as error:
            psycopg.connect(dsn(server, port, min_protocol_version="3.2", max_protocol_version="3.2"))
        said.append(str(error.value).replace(f"port {port}", "port"))
    assert said[1] == said[0] and "3.2" in said[0]


@pytest.mark.parametrize("version", [3 << 16, PROTOCOL_3_2, 3 << 16 | 9999])
def test_a_key_of_any_length_cancels(sides: Sides, version: int) -> None:
    server, proxy, major = sides
    with Wire(server.port, server.user, server.dbname, version=version) as direct, Wire(
        proxy.port, server.user, server.dbname, version=version
    ) as through:  # fmt: skip
        assert (len(through.key), through.negotiated) == (len(direct.key), direct.negotiated)
        long_keys = major >= FIRST_WITH_3_2 and version >= PROTOCOL_3_2
        assert len(through.key) == 4 + (32 if long_keys else 4)
        with Wire(server.port, server.user, server.dbname) as observer:
            for port, to in ((server.port, direct), (proxy.port, through)):
                to.send(query("SELECT pg_sleep(60)"))
                asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
                wait_until("it sleeps", lambda asleep=asleep, observer=observer: observer.simple(asleep)[1][1][6:] == b"1")
                send_cancel(port, to.key[:-1] + bytes([to.key[-1] ^ 1]))  # a wrong one, which nobody is told of
                time.sleep(0.05)
                assert observer.simple(asleep)[1][1][6:] == b"1"
                send_cancel(port, to.key)
                assert sqlstate(to.replies()) == "57014"


def streamed(server: PrivatePostgres, port: int, number: int) -> list[tuple[bytes, bytes]]:
    """A logical replication stream to its end, without what is sent by the clock."""
    with Wire(port, server.user, server.dbname, replication="database") as to:
        created = to.simple(f"CREATE_REPLICATION_SLOT stream{number} TEMPORARY LOGICAL pgoutput")
        assert [kind for kind, _ in created] == [b"T", b"D", b"C", b"Z"]
        server.psql(f"INSERT INTO streamed SELECT n, 'of {number}' FROM generate_series(1, 100) n; UPDATE streamed SET name = 'x'")
        to.send(query(f"START_REPLICATION SLOT stream{number} LOGICAL 0/0 (proto_version '1', publication_names 'streamed')"))
        seen = [to.receive()]
        while not seen[-1][1].startswith(b"w") or seen[-1][1][25:26] != b"C":  # the first commit that is seen
            seen.append(to.receive())
            if seen[-1][1].startswith(b"k"):
                seen.pop()
                seen.append((b"d", b""))
        to.send(message(b"d", b"r" + struct.pack(">QQQQB", 0, 0, 0, 0, 0)), message(b"c"))
        seen += [reply for reply in to.replies() if reply[0] != b"d"]
        seen += to.simple("SELECT 'still a session'")
    rows = sum(body[25:26] in (b"I", b"U") for kind, body in seen if kind == b"d")
    return [(b"rows", str(rows).encode()), *(reply for reply in seen if reply[0] != b"d")]


def test_a_replication_stream_comes_through_and_ends(sides: Sides) -> None:
    server, proxy, _ = sides
    server.psql("DROP TABLE IF EXISTS streamed; CREATE TABLE streamed (id int, name text)")
    server.psql("ALTER TABLE streamed REPLICA IDENTITY FULL")
    server.psql("DROP PUBLICATION IF EXISTS streamed; CREATE PUBLICATION streamed FOR TABLE streamed")
    direct = streamed(server, server.port, 1)
    server.psql("TRUNCATE streamed")
    through = streamed(server, proxy.port, 2)
    assert [kind for kind, _ in through] == [kind for kind, _ in direct]
    assert through == direct and int(through[0][1]) == 200
    assert ask(proxy.trace, "SELECT count(*) FROM session WHERE opaque_reason IS NOT NULL") == [(0,)]
