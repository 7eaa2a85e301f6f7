"""What applications do over a whole session, direct and through: dumps, large objects, a gigabyte in one value, notifications, prepared transactions, cancels."""

from __future__ import annotations

import hashlib
import random
import select
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Proxy, running_proxy
from private_postgres import NoServer, PrivatePostgres
from test_faults import EVERYTHING, MEBIBYTE, plain_memory, relay_of, resident  # noqa: F401  (a fixture)
from test_relay import ask, assert_bytes_accounted_for, client, comparable, counters
from wire_client import SYNC, Wire, bind, message, parse, query, send_cancel, sqlstate

psycopg = pytest.importorskip("psycopg")
psycopg2 = pytest.importorskip("psycopg2")


@pytest.fixture(scope="module")
def server() -> Iterator[PrivatePostgres]:
    started = PrivatePostgres(settings={"max_prepared_transactions": "10"})
    try:
        started.start()
    except NoServer as error:
        pytest.skip(str(error))
    yield started
    started.stop()


@pytest.fixture
def before(server: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> Iterator[Proxy]:
    with running_proxy(pgassay_binary, server, tmp_path / "trace.db") as proxy:
        yield proxy
    assert_bytes_accounted_for(proxy.trace)
    assert counters(proxy.trace)["opaque_bytes"] == 0


def dsn(server: PrivatePostgres, port: int) -> str:
    return f"host=127.0.0.1 port={port} user={server.user} dbname={server.dbname}"


# ---- dumps


SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE parents (id serial PRIMARY KEY, name text NOT NULL, feels mood, at timestamptz, raw bytea, tags text[], more jsonb);
INSERT INTO parents (name, feels, at, raw, tags, more) SELECT 'Zoë ' || n, 'ok', '2024-01-01'::timestamptz + n * interval '1 hour', decode(md5(n::text), 'hex'),
  ARRAY['a', 'b ' || n], jsonb_build_object('n', n) FROM generate_series(1, 5000) n;
CREATE TABLE children (id bigint PRIMARY KEY, parent_id int REFERENCES parents, note text);
INSERT INTO children SELECT n, n, repeat('line' || E'\\n\\t\\\\', n % 50) FROM generate_series(1, 5000) n;
CREATE INDEX ON children (parent_id);
CREATE VIEW joined AS SELECT p.name, c.note FROM parents p JOIN children c ON c.parent_id = p.id;
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1';
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM children;
SELECT lo_from_bytea(4711, decode(repeat('00ff5c', 100000), 'hex'));
COMMENT ON TABLE parents IS 'it''s the parents''';
"""


@pytest.mark.parametrize("form", ["custom", "directory"])
def test_dump_and_restore_make_the_same_database(server: PrivatePostgres, before: Proxy, tmp_path: Path, form: str) -> None:
    """Dumped and restored through, in one process and in two, against dumped and restored direct."""
    server.psql("DROP DATABASE IF EXISTS source", "postgres")
    server.psql("CREATE DATABASE source", "postgres")
    server.psql(SCHEMA, "source")
    jobs = ["-j", "2"] if form == "directory" else []
    for side, env in (("direct", server.env()), ("through", before.env(server))):
        steps = [
            ("pg_dump", "-d", "source", f"-F{form[0]}", *jobs, "-f", str(tmp_path / side)),
            ("createdb", f"restored_{form}_{side}"),
            ("pg_restore", "-d", f"restored_{form}_{side}", "-j", "2", "--exit-on-error", str(tmp_path / side)),
        ]
        for name, *arguments in steps:
            assert client(server, name, *arguments, env=env) == (0, "", "")
    dumps = [client(server, "pg_dump", "-d", name, env=server.env()) for name in ("source", f"restored_{form}_direct", f"restored_{form}_through")]
    source, direct, through = (comparable(said[1], 0, 0) for said in dumps)
    assert through == direct == source and len(source) > 500_000


# ---- large objects


def test_large_objects_go_in_and_come_out(server: PrivatePostgres, before: Proxy, tmp_path: Path) -> None:
    """libpq reads and writes them by FunctionCall, in pieces."""
    content = random.Random(7).randbytes(3_000_001)
    (tmp_path / "in").write_bytes(content)
    for number, port in ((801, server.port), (802, before.port)):
        script = f"\\lo_import {tmp_path}/in\n\\lo_export :LASTOID {tmp_path}/out{number}\nSELECT md5(lo_get(:LASTOID)), length(lo_get(:LASTOID));\n\\lo_unlink :LASTOID\n"
        code, stdout, stderr = client(server, "psql", "-XqAt", env=server.env() | {"PGPORT": str(port)}, stdin=script)
        assert (code, stderr) == (0, "")
        assert stdout.splitlines()[-1] == f"{hashlib.md5(content).hexdigest()}|{len(content)}"
        assert (tmp_path / f"out{number}").read_bytes() == content
        with psycopg2.connect(dsn(server, port)) as connection:
            large = connection.lobject(0, "wb", number)
            assert large.write(content[:100_000]) == 100_000 and large.seek(10) == 10 and large.write(b"patched") == 7
            large.truncate(50_000)
            large.close()
            again = connection.lobject(number, "rb")
            assert again.read() == (content[:10] + b"patched" + content[17:50_000])
            again.unlink()
        connection.close()


# ---- a gigabyte


GIGABYTE = 1_000_000_000
PIECE = random.Random(8).randbytes(MEBIBYTE)


def send_value(to: Wire, sql: str, size: int) -> str:
    """Executes `sql` with one binary parameter of this size, made as it is sent; its hash."""
    digest = hashlib.sha256()
    value = struct.pack(">i", size)
    head = b"\0\0" + struct.pack(">hhh", 1, 1, 1) + value
    tail = struct.pack(">hh", 1, 1)
    to.send(parse(sql), b"B" + struct.pack(">i", 4 + len(head) + size + len(tail)) + head)
    for at in range(0, size, MEBIBYTE):
        piece = PIECE[: size - at]
        digest.update(piece)
        to.socket.sendall(piece)
    to.send(tail, message(b"E", b"\0" + struct.pack(">i", 0)), SYNC)
    assert [kind for kind, _ in to.replies()] == [b"1", b"2", b"C", b"Z"]
    return digest.hexdigest()


def receive_value(to: Wire, sql: str) -> tuple[int, str]:
    """Size and hash of the one value of a result in binary; it is not kept."""
    to.send(parse(sql), bind(binary_result=True), message(b"E", b"\0" + struct.pack(">i", 0)), SYNC)
    assert [to.receive()[0] for _ in range(2)] == [b"1", b"2"]
    header = take(to, 1 + 4 + 2 + 4)
    size = struct.unpack(">i", header[7:])[0]
    assert header[:1] == b"D" and struct.unpack(">i", header[1:5])[0] == size + 10
    digest, left = hashlib.sha256(), size
    while left:
        piece = take(to, min(left, MEBIBYTE))
        digest.update(piece)
        left -= len(piece)
    assert [kind for kind, _ in to.replies()] == [b"C", b"Z"]
    return size, digest.hexdigest()


def take(to: Wire, count: int) -> bytes:
    while len(to._read) < count:
        more = to.socket.recv(MEBIBYTE)
        assert more
        to._read += more
    taken, to._read = to._read[:count], to._read[count:]
    return taken


class Watched:
    """The most memory that a process had of its own while this was open."""

    def __init__(self, pid: int) -> None:
        self.most, self._pid, self._done = 0, pid, threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self.most = max(self.most, resident(self._pid))

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


def test_one_value_of_a_gigabyte_goes_in_and_comes_out(plain_memory: None, server: PrivatePostgres, before: Proxy) -> None:  # noqa: F811
    size = GIGABYTE if EVERYTHING else 64_000_000
    server.psql("DROP TABLE IF EXISTS big; CREATE TABLE big (id int, raw bytea); ALTER TABLE big ALTER raw SET STORAGE EXTERNAL")
    with Wire(before.port, server.user, server.dbname, timeout=300) as to:
        to.simple("SELECT 1")
        relay = relay_of(before)
        calm = resident(relay)
        with Watched(relay) as watched:
            digest = send_value(to, "INSERT INTO big VALUES (1, $1)", size)
            assert receive_value(to, "SELECT raw FROM big") == (size, digest)
        print(f"{size} bytes in and out: the relay grew by {(watched.most - calm) / MEBIBYTE:.1f} MiB")
        assert watched.most - calm < 16 * MEBIBYTE
    with Wire(server.port, server.user, server.dbname, timeout=300) as direct:
        assert receive_value(direct, "SELECT raw FROM big") == (size, digest)
    server.psql("DROP TABLE big")


# ---- notifications


def test_notifications_come_in_order_between_and_without_queries(server: PrivatePostgres, before: Proxy) -> None:
    def heard(port: int) -> list[tuple[str, str]]:
        with psycopg.connect(dsn(server, port), autocommit=True) as listener, psycopg.connect(dsn(server, port)) as sender:
            listener.execute("LISTEN news")
            listener.execute('LISTEN "Other News"')
            for n in range(200):
                sender.execute("SELECT pg_notify(%s, %s)", ("news" if n % 3 else "Other News", f"payload {n} " + "x" * (n * 37 % 7000)))
                if n % 10 == 0:
                    sender.commit()
            sender.execute("NOTIFY news, 'twice'; NOTIFY news, 'twice'; NOTIFY unheard, 'x'")
            sender.commit()
            listener.execute("SELECT 1")  # what has come is told beside the reply
            got = []
            for notification in listener.notifies(timeout=10):
                got.append((notification.channel, notification.payload))
                if notification.payload == "twice":
                    break
            sender.execute("NOTIFY news, 'never'")
            sender.rollback()
            listener.execute("UNLISTEN *")
            assert list(listener.notifies(timeout=0.1)) == []
            return got

    through = heard(before.port)
    assert through == heard(server.port) and len(through) == 201


# ---- two-phase commit


def test_prepared_transactions_outlive_their_session(server: PrivatePostgres, before: Proxy) -> None:
    server.psql("CREATE TABLE two_phase (id int)")

    def run(port: int, number: int) -> list[object]:
        seen: list[object] = []
        first = psycopg.connect(dsn(server, port))
        for part, finish in (("a", "commit"), ("b", "rollback")):
            first.tpc_begin(first.xid(number, f"global {number}", part))
            first.execute("INSERT INTO two_phase VALUES (%s)", (number,))
            first.tpc_prepare()
            first.close()
            second = psycopg.connect(dsn(server, port))
            waiting = [xid for xid in second.tpc_recover() if xid.format_id == number]
            seen.append([(xid.gtrid, xid.bqual) for xid in waiting])
            getattr(second, f"tpc_{finish}")(waiting[0])
            second.autocommit = True
            seen.append(second.execute("SELECT count(*) FROM two_phase WHERE id = %s", (number,)).fetchone())
            with pytest.raises(psycopg.Error) as error:
                second.execute("COMMIT PREPARED 'unknown'")
            seen.append(error.value.sqlstate)
            second.close()
            first = psycopg.connect(dsn(server, port))
        first.close()
        return seen

    direct, through = run(server.port, 1), run(before.port, 2)
    assert [str(part).replace("global 2", "global 1") for part in through] == [str(part) for part in direct]
    assert through[1] == (1,) and through[4] == (1,)


# ---- names


def test_names_that_sql_gives_are_bounded(pg: PrivatePostgres, proxy: Proxy) -> None:
    """Beyond ten thousand in a session those before are forgotten, and counted; what came since is known."""
    with Wire(proxy.port, pg.user, pg.dbname) as to:
        for first in range(0, 10_500, 500):
            assert sqlstate(to.simple("; ".join(f"PREPARE many_{i} AS SELECT {i} AS behind_a_name" for i in range(first, first + 500)))) == ""
        assert sqlstate(to.simple("EXECUTE many_1; EXECUTE many_10400; EXECUTE many_10400")) == ""
    assert proxy.stop() == 0
    assert counters(proxy.trace)["forgotten_names"] == 10_000
    assert ask(proxy.trace, "SELECT calls FROM statement WHERE sql = 'SELECT $1 AS behind_a_name'") == [(2,)]
    assert ask(proxy.trace, "SELECT calls FROM statement WHERE operation = 'EXECUTE'") == [(1,)]


# ---- cancels


def test_each_of_many_cancels_ends_the_right_query(server: PrivatePostgres, before: Proxy, tmp_path: Path) -> None:
    cancels, sleepers = (1000 if EVERYTHING else 200), 20
    assert client(server, "pgbench", "-i", "-q", env=server.env())[0] == 0
    load = [server.programs / "pgbench", "-n", "-S", "-c", "4", "-T", "600"]
    bench = subprocess.Popen(load, env=before.env(server), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    order = random.Random(9)
    asleep = [Wire(before.port, server.user, server.dbname, application_name=f"sleeper {n}") for n in range(sleepers)]
    observer = Wire(server.port, server.user, server.dbname)
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    try:
        assert len({to.key for to in asleep}) == sleepers
        for _ in range(cancels // sleepers):
            for to in asleep:
                to.send(query("SELECT pg_sleep(600)"))
            while observer.simple(sleeping)[1][1][6:] != str(sleepers).encode():
                time.sleep(0.002)
            left = list(asleep)
            order.shuffle(left)
            while left:
                chosen = left.pop()
                send_cancel(before.port, chosen.key)
                assert sqlstate(chosen.replies()) == "57014"
                awake = select.select([to.socket for to in left], [], [], 0)[0]
                assert not awake, "another query was cancelled"
        assert bench.poll() is None, bench.communicate()
    finally:
        bench.terminate()
        bench.communicate(timeout=30)
        for to in [*asleep, observer]:
            to.close()
    assert before.stop() == 0
    assert counters(before.trace)["cancel_requests"] == cancels
    per_sleeper = ask(
        before.trace,
        "SELECT s.application_name, count(*) FROM execution e JOIN session s USING (session_id) WHERE e.sqlstate = '57014' GROUP BY 1",
    )
    assert sorted(per_sleeper) == sorted((f"sleeper {n}", cancels // sleepers) for n in range(sleepers))
