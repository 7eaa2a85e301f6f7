"""The relay under real clients: what they print and how they end is the same as without it, whatever happens to either process."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Proxy, backends, end_earlier_sessions, running_proxy, wait_until
from private_postgres import NoServer, PrivatePostgres, _as_user, unprivileged_user

Outcome = tuple[int, str, str]


def client(pg: PrivatePostgres, name: str, *arguments: str, env: dict[str, str], stdin: str | None = None) -> Outcome:
    command = [str(pg.programs / name), *arguments]
    done = subprocess.run(command, env=env, input=stdin, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def same_both_ways(pg: PrivatePostgres, proxy: Proxy, name: str, *arguments: str, stdin: str | None = None) -> Outcome:
    """Runs a client direct and through; everything it says and its exit code must be the same."""
    direct = client(pg, name, *arguments, env=pg.env(), stdin=stdin)
    through = client(pg, name, *arguments, env=proxy.env(pg), stdin=stdin)
    assert [comparable(part, proxy.port, pg.port) for part in through] == [comparable(part, 0, 0) for part in direct]
    return through


def comparable(said: str | int, port: int, instead: int) -> str:
    """Without what differs between any two runs: the port, a server process's id, pg_dump's \\restrict key."""
    text = str(said).replace(f"port {port} ", f"port {instead} ")
    return re.sub(r"(PID |\\(?:un)?restrict )\w+", r"\1", text)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def recorder_of(proxy: Proxy) -> int:
    """The child that has the trace open; 0 if there is none at the moment."""
    for child in children(proxy.process.pid):
        for descriptor in Path(f"/proc/{child}/fd").iterdir():
            try:
                if os.readlink(descriptor) == str(proxy.trace):
                    return child
            except OSError:
                continue
    return 0


def ask(trace: Path, sql: str) -> list[tuple]:
    with sqlite3.connect(f"file:{trace}?mode=ro", uri=True) as database:
        return database.execute(sql).fetchall()


def counters(trace: Path) -> dict[str, int]:
    return dict(ask(trace, "SELECT name, sum(value) FROM counter GROUP BY name"))


def assert_bytes_accounted_for(trace: Path) -> None:
    total = counters(trace)
    assert total["relayed_bytes"] > 0
    assert total["relayed_bytes"] == total["decoded_bytes"] + total["skipped_bytes"] + total["opaque_bytes"]


@pytest.fixture(scope="module")
def accounts(pg: PrivatePostgres) -> None:
    """pgbench's tables."""
    code, _, stderr = client(pg, "pgbench", "-i", "-q", env=pg.env())
    assert code == 0, stderr


SCRIPT = r"""
\pset null NULL
CREATE TEMP TABLE t (id int PRIMARY KEY, name text, price numeric(8,2), at timestamptz, raw bytea);
INSERT INTO t SELECT i, 'name ' || i, i * 1.25, '2024-01-01'::timestamptz + i * '1 day'::interval, decode(md5(i::text), 'hex')
  FROM generate_series(1, 500) AS i;
SELECT count(*), sum(price) FROM t; SELECT * FROM t ORDER BY id LIMIT 20;
SELECT 1/0;
SELECT 'after an error', NULL;
INSERT INTO t VALUES (1, 'again');
;
-- only a comment
BEGIN; SAVEPOINT s; SELECT * FROM nowhere; ROLLBACK TO s; SELECT 'still here'; COMMIT;
PREPARE p (int) AS SELECT name FROM t WHERE id = $1;
EXECUTE p(7); EXECUTE p(8); DEALLOCATE p;
DO $$ BEGIN RAISE NOTICE 'a notice with %', 42; END $$;
LISTEN channel; NOTIFY channel, 'payload'; SELECT 1;
SELECT repeat('wide ', 100000);
SELECT * FROM generate_series(1, 20000);
"""


def test_psql_says_the_same(pg: PrivatePostgres, proxy: Proxy) -> None:
    code, stdout, stderr = same_both_ways(pg, proxy, "psql", "-X", stdin=SCRIPT)
    assert code == 0 and "still here" in stdout and "division by zero" in stderr and "a notice with 42" in stderr
    code, _, stderr = same_both_ways(pg, proxy, "psql", "-X", "-v", "ON_ERROR_STOP=1", stdin=SCRIPT)
    assert code == 3 and "division by zero" in stderr
    code, _, stderr = same_both_ways(pg, proxy, "psql", "-X", "-d", "nowhere", "-c", "SELECT 1")
    assert code == 2 and "nowhere" in stderr
    assert proxy.stop() == 0
    assert_bytes_accounted_for(proxy.trace)
    assert counters(proxy.trace).get("opaque_sessions", 0) == 0


def test_psql_fetches_a_cursor_in_pieces(pg: PrivatePostgres, proxy: Proxy) -> None:
    code, stdout, _ = same_both_ways(
        pg, proxy, "psql", "-XqAt", "-v", "FETCH_COUNT=7", "-c", "SELECT i, repeat('x', i) FROM generate_series(1, 100) AS i"
    )
    assert code == 0 and stdout.count("\n") == 100


def test_copy_goes_in_and_comes_out(pg: PrivatePostgres, proxy: Proxy, tmp_path: Path) -> None:
    rows = "".join(f"{i}\tname {i}\\\\{i}\n" for i in range(30_000))
    (tmp_path / "rows.tsv").write_text(rows)
    script = (
        "CREATE TEMP TABLE c (id int, name text);\n"
        f"\\copy c FROM '{tmp_path}/rows.tsv'\n"
        "SELECT count(*), sum(id), sum(length(name)) FROM c;\n"
        "\\copy (SELECT * FROM c ORDER BY id) TO STDOUT\n"
        "COPY c FROM STDIN;\n1\tone\ntwo\tbroken\n\\.\n"
        "SELECT 'goes on';\n"
    )
    code, stdout, stderr = same_both_ways(pg, proxy, "psql", "-X", stdin=script)
    assert code == 0 and rows in stdout and "goes on" in stdout and "invalid input syntax" in stderr


def test_a_dump_through_restores_through(pg: PrivatePostgres, proxy: Proxy, accounts: None) -> None:
    code, dump, _ = same_both_ways(pg, proxy, "pg_dump", "--no-owner", "-t", "pgbench_*")
    assert code == 0 and len(dump) > 1_000_000
    pg.psql("DROP DATABASE IF EXISTS restored", "postgres")
    pg.psql("CREATE DATABASE restored", "postgres")
    code, _, stderr = client(pg, "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", "restored", env=proxy.env(pg), stdin=dump)
    assert (code, stderr) == (0, "")
    restored = client(pg, "pg_dump", "--no-owner", "-d", "restored", env=pg.env())[1]
    assert comparable(restored, 0, 0) == comparable(dump, 0, 0)


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_pgbench_is_recorded_to_the_last_transaction(
    pg: PrivatePostgres, proxy: Proxy, accounts: None, mode: str
) -> None:
    clients, transactions = 4, 300
    code, stdout, stderr = client(
        pg, "pgbench", "-n", "-S", "-M", mode, "-c", str(clients), "-t", str(transactions), env=proxy.env(pg)
    )
    assert code == 0, stderr
    assert "number of failed transactions: 0" in stdout
    assert proxy.stop() == 0
    (calls,) = ask(proxy.trace, "SELECT sum(calls) FROM statement WHERE sql LIKE '%abalance%pgbench_accounts%'")[0]
    assert calls == clients * transactions
    assert counters(proxy.trace)["dropped_events"] == 0
    assert_bytes_accounted_for(proxy.trace)
    assert ask(proxy.trace, "SELECT complete FROM recording") == [(1,)]


def test_ctrl_c_cancels_the_query(pg: PrivatePostgres, proxy: Proxy) -> None:
    def interrupted(env: dict[str, str]) -> Outcome:
        command = [str(pg.programs / "psql"), "-X", "-c", "SELECT pg_sleep(60)"]
        psql = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'"
        wait_until("the query runs", lambda: pg.psql(running).strip() == "1")
        psql.send_signal(signal.SIGINT)
        stdout, stderr = psql.communicate(timeout=20)
        wait_until("the query is gone", lambda: pg.psql(running).strip() == "0")
        return psql.returncode, stdout, stderr

    direct, through = interrupted(pg.env()), interrupted(proxy.env(pg))
    assert through == direct
    assert "canceling statement due to user request" in through[2]
    assert proxy.stop() == 0
    assert counters(proxy.trace)["cancel_requests"] == 1
    assert ask(proxy.trace, "SELECT sqlstate FROM execution WHERE sqlstate IS NOT NULL") == [("57014",)]


# ---- the protocol by hand


def startup(pg: PrivatePostgres) -> bytes:
    body = struct.pack(">i", 3 << 16) + f"user\0{pg.user}\0database\0{pg.dbname}\0\0".encode()
    return struct.pack(">i", len(body) + 4) + body


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack(">i", len(body) + 4) + body


def read_until(peer: socket.socket, end: bytes) -> bytes:
    read = b""
    while not read.endswith(end):
        more = peer.recv(65536)
        assert more, f"the stream ended after {read!r}"
        read += more
    return read


def logged_in(pg: PrivatePostgres, port: int) -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", port), timeout=20)
    peer.sendall(startup(pg))
    read_until(peer, message(b"Z", b"I"))
    return peer


def test_a_client_that_stops_sending_still_gets_its_answers(pg: PrivatePostgres, proxy: Proxy) -> None:
    answers = []
    for port in (pg.port, proxy.port):
        with logged_in(pg, port) as peer:
            query = message(b"Q", b"SELECT i FROM generate_series(1, 50000) AS i\0")
            peer.sendall(query + message(b"Q", b"SELECT pg_sleep(0.3)\0") + message(b"X"))
            peer.shutdown(socket.SHUT_WR)
            answer = b""
            while more := peer.recv(65536):
                answer += more
            answers.append(answer)
    assert answers[0] == answers[1] and answers[0].endswith(message(b"Z", b"I"))


def test_one_byte_at_a_time_is_the_same_conversation(pg: PrivatePostgres, proxy: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in startup(pg):
            peer.send(bytes([byte]))
        read_until(peer, message(b"Z", b"I"))
        for byte in message(b"Q", b"SELECT 'slowly'\0"):
            peer.send(bytes([byte]))
        assert b"slowly" in read_until(peer, message(b"Z", b"I"))
        peer.sendall(message(b"X"))
        assert peer.recv(1) == b""
    assert proxy.stop() == 0
    assert ask(proxy.trace, "SELECT calls FROM statement") == [(1,)]
    assert_bytes_accounted_for(proxy.trace)


def test_a_reset_ends_the_servers_session(pg: PrivatePostgres, proxy: Proxy) -> None:
    end_earlier_sessions(pg)
    peer = logged_in(pg, proxy.port)
    assert backends(pg) == 1
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    wait_until("the server's session is gone", lambda: backends(pg) == 0)
    assert proxy.stop() == 0
    assert ask(proxy.trace, "SELECT count(*) FROM session WHERE end_ns IS NOT NULL") == [(1,)]


def test_the_servers_last_words_arrive_before_the_close(pg: PrivatePostgres, proxy: Proxy) -> None:
    with logged_in(pg, proxy.port) as peer:
        pg.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
        words = b""
        while more := peer.recv(65536):
            words += more
        assert words[:1] == b"E" and b"C57P01" in words


# ---- servers and processes that end


@contextmanager
def own_server() -> Iterator[PrivatePostgres]:
    try:
        with PrivatePostgres() as server:
            yield server
    except NoServer as error:
        pytest.skip(str(error))


def test_a_server_may_go_and_come_back(pgassay_binary: Path, tmp_path: Path) -> None:
    with own_server() as server, running_proxy(pgassay_binary, server, tmp_path / "trace.db") as proxy:
        select = ("psql", "-XqAt", "-c", "SELECT 1")
        assert client(server, *select, env=proxy.env(server)) == (0, "1\n", "")
        idle = logged_in(server, proxy.port)
        process = server._server
        assert process is not None
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        assert b"C57P01" in idle.recv(65536)
        assert idle.recv(1) == b""
        code, _, stderr = client(server, *select, env=proxy.env(server))
        assert code == 2 and f"cannot reach the server at 127.0.0.1:{server.port}" in stderr
        server._server = subprocess.Popen(
            process.args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            **_as_user(unprivileged_user(), server.folder),
        )
        assert server._answers()
        assert client(server, *select, env=proxy.env(server)) == (0, "1\n", "")
        assert proxy.stop() == 0


def refused_start(binary: Path, pg: PrivatePostgres, trace: Path, upstream: str, *flags: str) -> str:
    words = [str(binary), "proxy", "--allow-root", "--listen", "127.0.0.1:0", "--upstream", upstream, "--trace", str(trace), *flags]
    done = subprocess.run(words, env=pg.env(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, f"one sentence: {done.stderr}"
    return done.stderr


def test_an_upstream_that_is_down_or_not_postgresql_is_named_at_the_start(
    pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
    said = refused_start(pgassay_binary, pg, tmp_path / "down.db", f"postgresql://shop@127.0.0.1:{port}/shop")
    assert f"cannot reach the server at 127.0.0.1:{port}" in said


def test_a_server_that_insists_on_tls_is_named(pgassay_binary: Path, tmp_path: Path) -> None:
    with own_server() as server:
        data = server.folder / "data"
        key, certificate = data / "server.key", data / "server.crt"
        made = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
            capture_output=True, check=False,
        )  # fmt: skip
        if made.returncode != 0:
            pytest.skip("openssl cannot make a certificate here")
        owner = unprivileged_user()
        for file in (key, certificate):
            file.chmod(0o600)
            if owner:
                os.chown(file, owner.pw_uid, owner.pw_gid)
        server.psql("ALTER SYSTEM SET ssl = on", "postgres")
        upstream = f"postgresql://{server.user}@127.0.0.1:{server.port}/{server.dbname}"
        with running_proxy(pgassay_binary, server, tmp_path / "trace.db") as proxy:
            (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust\nlocal all all trust\n")
            local = server.env() | {"PGHOST": str(server.folder)}
            assert client(server, "psql", "-XqAt", "-c", "SELECT pg_reload_conf()", env=local) == (0, "t\n", "")
            time.sleep(0.3)
            env = proxy.env(server) | {"PGSSLMODE": "disable"}
            code, _, stderr = client(server, "psql", "-X", "-c", "SELECT 1", env=env)
            assert code == 2 and "no encryption" in stderr
        said = refused_start(pgassay_binary, server, tmp_path / "tls.db", upstream)
        assert "insists on TLS" in said


def pgbench_in_background(pg: PrivatePostgres, proxy: Proxy, seconds: int, *flags: str, cwd: Path) -> subprocess.Popen[str]:
    words = [str(pg.programs / "pgbench"), "-n", "-S", "-c", "4", "-T", str(seconds), *flags]
    return subprocess.Popen(words, env=proxy.env(pg), cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.sends_segv
def test_no_session_notices_the_recorders_death(pg: PrivatePostgres, proxy: Proxy, accounts: None, tmp_path: Path) -> None:
    with logged_in(pg, proxy.port) as bystander:
        bench = pgbench_in_background(pg, proxy, 4, "-M", "prepared", cwd=tmp_path)
        time.sleep(1.5)
        dead = recorder_of(proxy)
        assert dead
        os.kill(dead, signal.SIGSEGV)
        wait_until("another recorder has the trace", lambda: recorder_of(proxy) not in (0, dead))
        stdout, stderr = bench.communicate(timeout=60)
        assert bench.returncode == 0 and "number of failed transactions: 0" in stdout, stderr
        bystander.sendall(message(b"Q", b"SELECT 'still here'\0"))
        assert b"still here" in read_until(bystander, message(b"Z", b"I"))
    assert proxy.stop() == 0
    gaps = ask(proxy.trace, "SELECT from_ns, to_ns FROM gap WHERE reason = 'recorder_restart'")
    assert len(gaps) == 1
    begin, end = gaps[0]
    # A third of the run came after the gap, and it is known by its text and its session's user.
    (after,) = ask(
        proxy.trace,
        "SELECT count(*) FROM execution e JOIN session s USING (session_id) JOIN statement q USING (statement_id)"
        " JOIN recording r USING (recording_id)"
        f" WHERE r.recording_id > 1 AND s.user_name = '{pg.user}' AND q.sql LIKE '%pgbench_accounts%'",
    )[0]
    assert after > 100 and 0 < end - begin < 5_000_000_000
    assert ask(proxy.trace, "PRAGMA integrity_check") == [("ok",)]
    assert not list(Path(tmp_path).glob("core*"))


def test_kill_9_of_everything_loses_at_most_a_second(pg: PrivatePostgres, proxy: Proxy, accounts: None, tmp_path: Path) -> None:
    bench = pgbench_in_background(pg, proxy, 20, "-l", "--log-prefix=log", cwd=tmp_path)
    time.sleep(3)
    family = [proxy.process.pid, *children(proxy.process.pid)]
    assert len(family) == 3
    killed_at = time.time()
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    bench.communicate(timeout=60)
    proxy.process.wait(timeout=10)
    finished = 0
    for log in tmp_path.glob("log*"):
        for line in log.read_text().splitlines():
            fields = line.split()
            if len(fields) >= 6 and int(fields[4]) + int(fields[5]) / 1e6 < killed_at - 1:
                finished += 1
    assert finished > 100
    assert ask(proxy.trace, "PRAGMA integrity_check") == [("ok",)]
    (stored,) = ask(proxy.trace, "SELECT count(*) FROM execution")[0]
    assert stored >= finished


def test_relay_and_recorder_die_with_their_starter(pg: PrivatePostgres, proxy: Proxy) -> None:
    family = children(proxy.process.pid)
    assert len(family) == 2
    proxy.process.kill()
    proxy.process.wait()
    wait_until("both are gone", lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in family))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_ends_in_order(
    pg: PrivatePostgres, pgassay_binary: Path, accounts: None, tmp_path: Path, number: signal.Signals
) -> None:
    """A terminal's Ctrl-C and a service manager reach every process: only the first one acts on it."""
    with running_proxy(pgassay_binary, pg, tmp_path / "trace.db", "--drain", "0") as proxy:
        bench = pgbench_in_background(pg, proxy, 10, cwd=tmp_path)
        time.sleep(1)
        for pid in [*children(proxy.process.pid), proxy.process.pid]:
            os.kill(pid, number)
        assert proxy.process.wait(timeout=20) == 0
        bench.communicate(timeout=20)
    assert ask(proxy.trace, "SELECT complete FROM recording") == [(1,)]
    assert ask(proxy.trace, "SELECT count(*) > 0, count(*) = count(end_ns) FROM session") == [(1, 1)]


def test_more_connections_than_allowed_are_refused_in_words(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    with running_proxy(pgassay_binary, pg, tmp_path / "trace.db", "--max-connections", "1") as proxy:
        with logged_in(pg, proxy.port):
            code, _, stderr = client(pg, "psql", "-X", "-c", "SELECT 1", env=proxy.env(pg))
            assert code == 2 and "too many connections" in stderr
        wait_until("the slot is free", lambda: client(pg, "psql", "-X", "-c", "SELECT 1", env=proxy.env(pg))[0] == 0)


@pytest.mark.parametrize("threads", [2])
def test_more_loops_give_the_same(
    pg: PrivatePostgres, pgassay_binary: Path, accounts: None, tmp_path: Path, threads: int
) -> None:
    with running_proxy(pgassay_binary, pg, tmp_path / "trace.db", "--threads", str(threads)) as proxy:
        code, stdout, stderr = client(pg, "pgbench", "-n", "-S", "-c", "8", "-j", "2", "-t", "500", env=proxy.env(pg))
        assert code == 0 and "number of failed transactions: 0" in stdout, stderr
        assert proxy.stop() == 0
    (calls,) = ask(proxy.trace, "SELECT sum(calls) FROM statement WHERE sql LIKE '%pgbench_accounts%'")[0]
    assert calls == 8 * 500
    assert_bytes_accounted_for(proxy.trace)
