"""Every fault that the proxy must survive, and what the trace says of it afterwards. test_relay.py has the deaths of processes and of the server."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import sqlite3
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from conftest import REPOSITORY, Proxy, _announced_port, backends, end_earlier_sessions, running_proxy, wait_until
from private_postgres import NoServer, PrivatePostgres
from wire_client import COPY_DONE, SYNC, Wire, bind, describe, execute, message, parse, query, sqlstate, startup

sys.path.insert(0, str(REPOSITORY / "tests" / "support"))
from fault_relay import FaultRelay, Faults  # noqa: E402

EVERYTHING = os.environ.get("PGASSAY_E2E_ALL") == "1"
MEBIBYTE = 1 << 20


class Behind:
    """The server, at another port: what `running_proxy` needs to know of one."""

    def __init__(self, pg: PrivatePostgres, port: int) -> None:
        self.pg, self.port, self.user, self.dbname = pg, port, pg.user, pg.dbname

    def dsn(self) -> str:
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{self.dbname}"

    def env(self) -> dict[str, str]:
        return self.pg.env()


@contextmanager
def started(binary: Path, pg: PrivatePostgres, trace: Path, *flags: str, env: dict[str, str] | None = None, before: Callable[[], None] | None = None,
            ) -> Iterator[Proxy]:  # fmt: skip
    """running_proxy with an environment and a preparation of the child of one's own; its stderr goes to a file beside the trace."""
    words = [str(binary), "proxy", "--allow-root", "--listen", "127.0.0.1:0", "--upstream", pg.dsn(), "--trace", str(trace), *flags]
    process = subprocess.Popen(words, env=pg.env() | (env or {}), stderr=subprocess.PIPE, text=True, bufsize=1, preexec_fn=before)
    try:
        yield Proxy(process, "127.0.0.1", _announced_port(process), trace)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def ask(trace: Path, sql: str) -> list[tuple]:
    with sqlite3.connect(f"file:{trace}?mode=ro", uri=True, timeout=10) as database:
        return database.execute(sql).fetchall()


def counters(trace: Path) -> dict[str, int]:
    return dict(ask(trace, "SELECT name, sum(value) FROM counter GROUP BY name"))


def family(proxy: Proxy) -> list[int]:
    pid = proxy.process.pid
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def has_open(pid: int, path: Path) -> bool:
    try:
        return any(os.readlink(entry) == str(path) for entry in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def recorder_of(proxy: Proxy) -> int:
    return next(pid for pid in family(proxy)[1:] if has_open(pid, proxy.trace))


def relay_of(proxy: Proxy) -> int:
    return next(pid for pid in family(proxy)[1:] if not has_open(pid, proxy.trace))


def resident(pid: int) -> int:
    """Bytes of its own memory: the rings, which are shared, are bounded by themselves."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["RssAnon"].split()[0]) * 1024


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wire(pg: PrivatePostgres, port: int, **parameters: str) -> Wire:
    return Wire(port, pg.user, pg.dbname, **parameters)


# ---- the same session, whatever the network does to it


def session(pg: PrivatePostgres, port: int) -> list[bytes]:
    """A conversation with a bit of everything; its replies, without what differs between any two."""
    with wire(pg, port, application_name="faults") as to:
        replies = to.simple("SELECT i, 'name ' || i AS name FROM generate_series(1, 30) AS i")
        replies += to.simple("CREATE TEMP TABLE f (id int PRIMARY KEY, name text); INSERT INTO f SELECT i, 'n' || i FROM generate_series(1, 20) AS i")
        replies += to.simple("SELECT 1; SELECT 1/0; SELECT 2")
        replies += to.simple("")
        for i in range(5):
            replies += to.extended("SELECT name || '' FROM f WHERE id = $1", [str(i).encode()], binary_result=bool(i % 2))
        to.send(parse("SELECT $1::int", name="p"), SYNC)
        for i in range(10):
            to.send(bind([str(i).encode()], name="p"), describe(), execute(), SYNC)
        replies += to.replies(11)
        to.send(parse("SELECT 1"), bind(), execute(), parse("SELEC"), bind(), execute(), parse("SELECT 3"), bind(), execute(), SYNC)
        replies += to.replies()
        to.send(query("COPY f FROM STDIN"), message(b"d", b"100\tcopied\n101\tc"), message(b"d", b"opied too\n"), COPY_DONE)
        replies += to.replies()
        replies += to.simple("COPY f TO STDOUT")
        replies += to.simple("BEGIN; SELECT broken")
        replies += to.simple("ROLLBACK")
        replies += to.simple("SELECT repeat('x', 3000) FROM generate_series(1, 3)")
    return [kind + body for kind, body in replies]


EXECUTIONS = (
    "SELECT sql, coalesce(e.sqlstate, ''), e.rows, e.bytes, e.flags FROM execution e JOIN statement USING (statement_id) JOIN session s USING (session_id)"
    " WHERE s.application_name = 'faults' ORDER BY execution_no"
)
NETWORKS = {
    "latency": Faults(latency_s=0.002),
    "one-byte segments": Faults(segment=1),
    "segments of seven bytes, late": Faults(segment=7, latency_s=0.0003),
}


@pytest.fixture(scope="module")
def plain_session(pg: PrivatePostgres, pgassay_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[bytes], list[tuple]]:
    with running_proxy(pgassay_binary, pg, tmp_path_factory.mktemp("plain") / "trace.db") as proxy:
        replies = session(pg, proxy.port)
        assert replies == session(pg, pg.port)
        assert proxy.stop() == 0
    executions = ask(proxy.trace, EXECUTIONS)
    assert len(executions) > 20
    return replies, executions


@pytest.mark.parametrize("leg", ["client", "server", "both"])
@pytest.mark.parametrize("network", NETWORKS)
def test_a_bad_network_changes_neither_replies_nor_trace(
    pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path, plain_session: tuple[list[bytes], list[tuple]], network: str, leg: str
) -> None:
    faults = NETWORKS[network]
    with ExitStack() as stack:
        upstream = pg if leg == "client" else Behind(pg, stack.enter_context(FaultRelay(pg.port, faults)).port)
        proxy = stack.enter_context(running_proxy(pgassay_binary, upstream, tmp_path / "trace.db"))
        port = proxy.port if leg == "server" else stack.enter_context(FaultRelay(proxy.port, faults)).port
        assert session(pg, port) == plain_session[0]
        assert proxy.stop() == 0
    # Whether a statement was sent before the reply to the one before (a flag) depends on what the network delays.
    without_flags = [row[:4] for row in ask(proxy.trace, EXECUTIONS)]
    assert without_flags == [row[:4] for row in plain_session[1]]
    total = counters(proxy.trace)
    assert total["relayed_bytes"] == total["decoded_bytes"] + total["skipped_bytes"] and total["opaque_bytes"] == 0


def client_until_the_end(pg: PrivatePostgres, port: int) -> tuple[int, str]:
    """Bytes that arrived before the end, and how it ended."""
    received = 0
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
            hello = startup({"user": pg.user, "database": pg.dbname, "application_name": "cut"})
            peer.sendall(hello + query("SELECT repeat('x', 50) FROM generate_series(1, 100)"))
            while piece := peer.recv(65536):
                received += len(piece)
        return received, "closed"
    except ConnectionResetError:
        return received, "reset"


@pytest.mark.parametrize("end", ["cut", "reset"])
def test_a_server_that_is_cut_off_at_any_byte(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path, end: str) -> None:
    """Whatever arrived is handed on, the client sees the end that the server made, and the next connection is as good as the first."""
    places = [*range(1, 30, 7), 100, 330, 360, 400, 700, 3000, 5999] if not EVERYTHING else range(1, 6500, 13)
    with FaultRelay(pg.port) as relay, running_proxy(pgassay_binary, Behind(pg, relay.port), tmp_path / "trace.db") as proxy:
        for place in places:
            relay.faults = Faults(cut_after=place) if end == "cut" else Faults(reset_after=place)
            received, how = client_until_the_end(pg, proxy.port)
            if end == "cut":
                assert (received, how) == (place, "closed")
            else:
                assert received <= place
        relay.faults = Faults()
        with wire(pg, proxy.port) as to:
            assert sqlstate(to.simple("SELECT 1")) == ""
        wait_until("no descriptor is left over", lambda: backends(pg) == 0)
        assert proxy.stop() == 0
    sessions = ask(proxy.trace, "SELECT count(*), count(end_ns) FROM session")[0]
    assert sessions[0] == sessions[1]
    total = counters(proxy.trace)
    assert total["relayed_bytes"] == total["decoded_bytes"] + total["skipped_bytes"] + total["opaque_bytes"]


def test_a_blackholed_server_holds_up_only_its_own_sessions(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    with FaultRelay(pg.port) as relay, running_proxy(pgassay_binary, Behind(pg, relay.port), tmp_path / "trace.db", "--drain", "0.5") as proxy:
        first = wire(pg, proxy.port)
        assert sqlstate(first.simple("SELECT 1")) == ""
        relay.stall.set()
        first.send(query("SELECT 'into the hole'"))
        newcomers = [socket.create_connection(("127.0.0.1", proxy.port), timeout=5) for _ in range(20)]
        for newcomer in newcomers:
            newcomer.sendall(startup({"user": pg.user, "database": pg.dbname}))
        time.sleep(1)
        relay_process = relay_of(proxy)
        spent = processor_seconds(relay_process)
        time.sleep(1)
        assert processor_seconds(relay_process) - spent < 0.2  # it waits, and does not spin
        relay.stall.clear()
        assert any(b"into the hole" in body for kind, body in first.replies() if kind == b"D")
        for newcomer in newcomers[:10]:
            newcomer.close()
        relay.stall.set()
        first.send(query("SELECT 'never answered'"))
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.wait(timeout=10) == 0
        for open_socket in (*newcomers, first.socket):
            open_socket.close()
    assert ask(proxy.trace, "SELECT complete FROM recording") == [(1,)]


def until_the_end(to: Wire) -> list[tuple[bytes, bytes]]:
    replies = []
    with pytest.raises(ConnectionError):
        while True:
            replies.append(to.receive())
    to.socket.close()
    return replies


def test_a_server_that_dies_in_the_middle_of_a_query(pgassay_binary: Path, tmp_path: Path) -> None:
    """Immediate shutdown while one query runs and another's rows are on their way: the client sees what it would see without us."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(PrivatePostgres())
        except NoServer as error:
            pytest.skip(str(error))
        proxy = stack.enter_context(running_proxy(pgassay_binary, server, tmp_path / "trace.db"))
        ends = []
        for port in (server.port, proxy.port):
            waiting = wire(server, port)
            waiting.send(query("SELECT pg_sleep(60)"))
            running = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'"
            wait_until("it runs", lambda: server.psql(running).strip() == "1")
            server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'")
            ends.append(until_the_end(waiting))
        assert ends[0] == ends[1] and b"C57P01" in ends[1][-1][1]
        reader, waiting = wire(server, proxy.port), wire(server, proxy.port)
        waiting.send(query("SELECT pg_sleep(60)"))
        reader.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 1000000)"))
        rows = [reader.receive() for _ in range(20)]
        assert rows[-1][0] == b"D"
        process = server._server
        assert process is not None
        process.send_signal(signal.SIGQUIT)
        process.wait(timeout=20)
        assert b"C57P0" in until_the_end(waiting)[-1][1]
        until_the_end(reader)
        wait_until("both sessions have ended", lambda: ask(proxy.trace, "SELECT count(*) FROM session WHERE end_ns IS NULL") == [(0,)])
        assert proxy.stop() == 0
    states = [state for (state,) in ask(proxy.trace, "SELECT sqlstate FROM execution ORDER BY execution_no")]
    assert states.count("57P01") == 1 and len(states) == 3, states
    assert ask(proxy.trace, "PRAGMA integrity_check") == [("ok",)]


# ---- memory and descriptors


@pytest.fixture
def plain_memory(pgassay_binary: Path) -> None:
    """A sanitizer keeps what is freed, so that growth says nothing there."""
    if {"asan", "tsan"} & set(pgassay_binary.parts):
        pytest.skip("memory is not measured under a sanitizer")


def test_a_reader_that_reads_nothing_costs_no_memory(
    pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path, plain_memory: None
) -> None:
    """The result is of gigabytes; what is not read stays with the server."""
    rows = 10_000_000 if EVERYTHING else 1_000_000
    with running_proxy(pgassay_binary, pg, tmp_path / "trace.db") as proxy, wire(pg, proxy.port) as bystander:
        bystander.simple("SELECT 1")
        before = {pid: resident(pid) for pid in family(proxy)}
        stalled = wire(pg, proxy.port)
        stalled.send(query(f"SELECT repeat('x', 1000) FROM generate_series(1, {rows})"))
        worst = 0.0
        for _ in range(60):
            begun = time.monotonic()
            bystander.simple("SELECT 1")
            worst = max(worst, time.monotonic() - begun)
            time.sleep(0.02)
        grown = {pid: resident(pid) - before[pid] for pid in family(proxy)}
        assert max(grown.values()) < 2 * MEBIBYTE, grown
        assert worst < 1, worst
        # A slow reader takes a little at a time; then all the rest at once.
        for _ in range(50):
            stalled.socket.recv(2000)
            time.sleep(0.01)
        grown = {pid: resident(pid) - before[pid] for pid in family(proxy)}
        assert max(grown.values()) < 2 * MEBIBYTE, grown
        received = 100_000
        stalled.socket.settimeout(60)
        while received < 300 * MEBIBYTE and received < rows * 1000:
            received += len(stalled.socket.recv(MEBIBYTE))
        grown = {pid: resident(pid) - before[pid] for pid in family(proxy)}
        assert max(grown.values()) < 2 * MEBIBYTE, grown
        stalled.socket.close()
        assert sqlstate(bystander.simple("SELECT 2")) == ""


def test_promised_bytes_that_never_come_cost_no_memory(
    pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path, plain_memory: None
) -> None:
    with running_proxy(pgassay_binary, pg, tmp_path / "trace.db") as proxy:
        with wire(pg, proxy.port) as bystander:
            before = {pid: resident(pid) for pid in family(proxy)}
            promising = [wire(pg, proxy.port) for _ in range(10)]
            for kind, to in zip(b"QPBdQPBDEF", promising):
                to.send(bytes([kind]) + struct.pack(">i", (1 << 30) - 10) + b"SELECT ")
            time.sleep(0.5)
            grown = {pid: resident(pid) - before[pid] for pid in family(proxy)}
            assert max(grown.values()) < 4 * MEBIBYTE, grown
            assert sqlstate(bystander.simple("SELECT 1")) == ""
            for to in promising:
                to.socket.close()
        assert proxy.stop() == 0
    assert ask(proxy.trace, "SELECT count(*) = count(end_ns) FROM session") == [(1,)]


@contextmanager
def descriptors_allowed(count: int) -> Iterator[int]:
    """As many as the machine lets this process have, up to `count`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))
    try:
        yield allowed
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_sockets_that_say_nothing_hold_no_server_slot(
    pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path, plain_memory: None
) -> None:
    end_earlier_sessions(pg)
    with descriptors_allowed(12_000) as allowed:
        many = min(10_000, allowed - 200) if EVERYTHING else 1_500
        with running_proxy(pgassay_binary, pg, tmp_path / "trace.db", "--max-connections", str(many + 10)) as proxy:
            relay_process = relay_of(proxy)
            memory, files = resident(relay_process), descriptors(relay_process)
            silent = []
            for i in range(many):
                silent.append(socket.create_connection(("127.0.0.1", proxy.port), timeout=20))
                if i % 2:
                    silent[-1].send(b"\0\0\0"[: i % 4])
            wait_until("all are accepted", lambda: descriptors(relay_process) >= files + many)
            assert backends(pg) == 0
            assert resident(relay_process) - memory < many * 20_000
            with wire(pg, proxy.port) as to:
                assert sqlstate(to.simple("SELECT 1")) == ""
            for open_socket in silent:
                open_socket.close()
            wait_until("all descriptors are back", lambda: descriptors(relay_process) <= files + 1)
            assert proxy.stop() == 0


def test_running_out_of_descriptors_ends_no_session(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    limit = 64

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    with started(pgassay_binary, pg, tmp_path / "trace.db", before=few) as proxy:
        with wire(pg, proxy.port) as first:
            relay_process = relay_of(proxy)
            more = [socket.create_connection(("127.0.0.1", proxy.port), timeout=5) for _ in range(2 * limit)]
            for newcomer in more:
                newcomer.send(startup({"user": pg.user, "database": pg.dbname}))
            time.sleep(0.5)
            assert descriptors(relay_process) <= limit
            spent = processor_seconds(relay_process)
            for _ in range(50):
                assert sqlstate(first.simple("SELECT 1")) == ""
                time.sleep(0.02)
            assert processor_seconds(relay_process) - spent < 0.7  # it backs off
            for newcomer in more:
                newcomer.close()
            wait_until("it accepts again", lambda: accepts(pg, proxy.port))
            assert sqlstate(first.simple("SELECT 2")) == ""
        assert proxy.stop() == 0
        assert proxy.process.stderr is not None
        assert "limit of 64 open files is too low for --max-connections 1000" in proxy.process.stderr.read()
    assert ask(proxy.trace, "PRAGMA integrity_check") == [("ok",)]


def accepts(pg: PrivatePostgres, port: int) -> bool:
    try:
        with Wire(port, pg.user, pg.dbname, timeout=2) as to:
            return sqlstate(to.simple("SELECT 1")) == ""
    except OSError:
        return False


# ---- the disk


def traffic(pg: PrivatePostgres, port: int, count: int, mark: str) -> None:
    with wire(pg, port) as to:
        for i in range(count):
            assert sqlstate(to.simple(f"SELECT {i} AS {mark}")) == ""


def stored(trace: Path, mark: str) -> int:
    return ask(trace, f"SELECT coalesce(sum(calls), 0) FROM statement WHERE sql LIKE '%{mark}'")[0][0]


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Makes writes and syncs of the trace fail on demand."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang-19")
    if compiler is None:
        pytest.skip("no C compiler")
    library = tmp_path_factory.mktemp("shim") / "fault_shim.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, REPOSITORY / "tests" / "support" / "fault_shim.c", "-ldl"], check=True)
    return library


def with_shim(shim: Path, control: Path) -> dict[str, str]:
    options = f"{os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0"
    return {"LD_PRELOAD": str(shim), "PGASSAY_FAULT": str(control), "ASAN_OPTIONS": options}


@pytest.mark.parametrize(("fault", "reason"), [("28", "disk_full"), ("5", "io_error"), ("30", "io_error"), ("sync 5", "io_error")],
                         ids=["disk full", "EIO on write", "read-only", "EIO on fsync"])  # fmt: skip
def test_a_disk_that_fails_stops_the_recording_and_not_the_traffic(
    pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path, shim: Path, fault: str, reason: str
) -> None:
    control = tmp_path / "fault"
    env = with_shim(shim, control)
    with started(pgassay_binary, pg, tmp_path / "trace.db", env=env) as proxy:
        traffic(pg, proxy.port, 50, "before_it")
        wait_until("the first is stored", lambda: stored(proxy.trace, "before_it") == 50)
        control.write_text(fault)
        traffic(pg, proxy.port, 50, "during_it")
        time.sleep(1.5)
        traffic(pg, proxy.port, 50, "during_it")
        control.unlink()
        time.sleep(2.5)  # it tries again each second
        traffic(pg, proxy.port, 50, "after_it")
        wait_until("recording goes on", lambda: stored(proxy.trace, "after_it") == 50)
        assert proxy.stop() == 0
        assert proxy.process.stderr is not None
        said = proxy.process.stderr.read()
    assert ask(proxy.trace, "PRAGMA integrity_check") == [("ok",)]
    assert stored(proxy.trace, "before_it") == 50
    gaps = ask(proxy.trace, "SELECT reason, lost FROM gap")
    if fault.startswith("sync"):  # a WAL is synced only when it is checkpointed: nothing need be lost
        assert stored(proxy.trace, "during_it") + sum(lost for _, lost in gaps) >= 100
        return
    assert [gap[0] for gap in gaps] == [reason], said
    assert said.count("recording is paused") == 1 and said.count("recording goes on") == 1, said
    assert stored(proxy.trace, "during_it") + gaps[0][1] >= 100
    assert ask(proxy.trace, "SELECT complete FROM recording") == [(0,)]


def test_a_slow_disk_slows_no_client(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path, shim: Path) -> None:
    """Each write of the trace takes a fifth of a second; statements do not."""
    control = tmp_path / "fault"
    env = with_shim(shim, control)
    with started(pgassay_binary, pg, tmp_path / "trace.db", env=env) as proxy:
        with wire(pg, proxy.port) as to:
            control.write_text("slow 200")
            times = []
            for i in range(400):
                begun = time.monotonic()
                assert sqlstate(to.simple(f"SELECT {i} AS slow_disk")) == ""
                times.append(time.monotonic() - begun)
                time.sleep(0.003)
            control.unlink()
        assert sorted(times)[len(times) * 95 // 100] < 0.1, sorted(times)[-20:]
        assert proxy.stop() == 0
    assert stored(proxy.trace, "slow_disk") == 400
    assert ask(proxy.trace, "SELECT complete FROM recording") == [(1,)]


@pytest.mark.parametrize("seconds", [86_400, -86_400])
def test_a_clock_that_jumps_moves_no_execution(
    pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path, shim: Path, seconds: int
) -> None:
    control = tmp_path / "fault"
    env = with_shim(shim, control)
    with started(pgassay_binary, pg, tmp_path / "trace.db", env=env) as proxy:
        before = time.time()
        for jump in (0, seconds, 0):
            control.write_text(f"clock {jump}")
            traffic(pg, proxy.port, 20, "clock")
            time.sleep(0.3)
        assert proxy.stop() == 0
    rows = ask(proxy.trace, "SELECT sent_ns, first_ns, duration_ns, waited_ns FROM execution ORDER BY execution_no")
    assert len(rows) == 60 and rows == sorted(rows)
    assert all(0 <= first <= duration < 5e9 and 0 <= waited <= duration for _, first, duration, waited in rows)
    assert rows[-1][0] - rows[0][0] < 20e9
    (offset, begin, end), = ask(proxy.trace, "SELECT wall_offset_ns, begin_ns, end_ns FROM recording")
    assert abs((offset + begin) / 1e9 - before) < 30 and 0 < end - begin < 60e9
    assert ask(proxy.trace, "SELECT count(*) FROM unit_of_work WHERE end_ns < begin_ns OR think_ns < 0") == [(0,)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("may not mount a file system here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=False)


def test_a_full_disk_that_is_emptied_again(pg: PrivatePostgres, pgassay_binary: Path, small_disk: Path) -> None:
    with running_proxy(pgassay_binary, pg, small_disk / "trace.db") as proxy:
        traffic(pg, proxy.port, 20, "before_it")
        wait_until("the first is stored", lambda: stored(proxy.trace, "before_it") == 20)
        ballast = small_disk / "ballast"
        file = os.open(ballast, os.O_WRONLY | os.O_CREAT)
        with pytest.raises(OSError):
            while True:
                os.write(file, b"x" * 4096)
        os.close(file)
        with wire(pg, proxy.port) as to:
            for i in range(2000):
                assert sqlstate(to.simple(f"SELECT {i} AS during_it_{i % 100}")) == ""
        time.sleep(1.5)
        ballast.unlink()
        time.sleep(1.5)
        traffic(pg, proxy.port, 20, "after_it")
        wait_until("recording goes on", lambda: stored(proxy.trace, "after_it") == 20)
        assert proxy.stop() == 0
    assert ask(proxy.trace, "PRAGMA integrity_check") == [("ok",)]
    gaps = ask(proxy.trace, "SELECT reason, lost FROM gap")
    during = ask(proxy.trace, "SELECT coalesce(sum(calls), 0) FROM statement WHERE sql LIKE '%during_it%'")[0][0]
    assert [reason for reason, _ in gaps] == ["disk_full"]
    assert during + gaps[0][1] >= 2000


# ---- the recorder


@pytest.fixture(scope="module")
def accounts(pg: PrivatePostgres) -> None:
    done = subprocess.run([pg.programs / "pgbench", "-i", "-q"], env=pg.env(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_stopped_recorder_loses_what_is_counted_and_nothing_else(
    pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path
) -> None:
    """The ring holds some megabytes; beyond that, sent = stored + dropped."""
    one = parse("SELECT $1::int AS flood, $2::text") + bind([b"1", b"x" * 400]) + execute()
    rounds, each = (400, 500) if EVERYTHING else (200, 500)  # the ring has 16 MiB
    sent = rounds * each
    with running_proxy(pgassay_binary, pg, tmp_path / "trace.db") as proxy:
        stopped = recorder_of(proxy)
        with wire(pg, proxy.port) as to:
            to.send(one, SYNC)
            to.replies()
            time.sleep(0.5)
            os.kill(stopped, signal.SIGSTOP)
            try:
                for _ in range(rounds):
                    to.send(one * each, SYNC)
                    to.replies()
            finally:
                os.kill(stopped, signal.SIGCONT)
            assert sqlstate(to.simple("SELECT 'after'")) == ""
        wait_until("the ring is read", lambda: ask(proxy.trace, "SELECT count(*) FROM session WHERE end_ns IS NOT NULL") == [(1,)], patience_s=60)
        assert proxy.stop() == 0
    (kept,) = ask(proxy.trace, "SELECT sum(calls) FROM statement")[0]
    total = counters(proxy.trace)
    assert kept + total["dropped_events"] == sent + 2, (kept, total)
    assert total["dropped_events"] > 0, "the flood is too small to fill the ring"
    gaps = ask(proxy.trace, "SELECT reason, lost FROM gap")
    assert [reason for reason, _ in gaps] == ["dropped_events"] and ask(proxy.trace, "SELECT complete FROM recording") == [(0,)]
    report = subprocess.run([pgassay_binary, "report", proxy.trace], capture_output=True, text=True, check=True).stdout
    assert "dropped" in report


def one_kill(pg: PrivatePostgres, binary: Path, trace: Path, after_s: float) -> float:
    """Kills all processes of a busy proxy; how long before that the first statement ended that is not in the trace, less the longest time for which the
    machine held up this client, and so perhaps the recorder. 0: all are in it."""
    with running_proxy(binary, pg, trace) as proxy:
        victims = family(proxy)
        ended: list[float] = []
        to = wire(pg, proxy.port)
        stop = time.monotonic() + after_s
        while time.monotonic() < stop:
            to.ask(query("SELECT 1 AS killed"))
            ended.append(time.monotonic())
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        to.socket.close()
        proxy.process.wait(timeout=10)
    assert ask(trace, "PRAGMA integrity_check") == [("ok",)]
    kept = ask(trace, "SELECT count(*) FROM execution JOIN statement USING (statement_id) WHERE sql LIKE '%killed'")[0][0]
    assert kept <= len(ended)
    held_up = max((b - a for a, b in zip(ended, ended[1:])), default=0.0)
    return max(0.0, stop - ended[kept] - held_up) if kept < len(ended) else 0.0


def test_kill_9_loses_less_than_a_second_each_time(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    kills = 200 if EVERYTHING else 6
    with ThreadPoolExecutor(max_workers=2) as pool:
        losses = list(pool.map(lambda i: one_kill(pg, pgassay_binary, tmp_path / f"trace{i}.db", 1.2 + i * 0.37 % 1), range(kills)))
    print(f"{kills} kills: median loss {sorted(losses)[kills // 2] * 1000:.0f} ms, longest {max(losses) * 1000:.0f} ms")
    assert max(losses) < 1, losses


def test_reconnecting_leaves_nothing_behind(
    pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path, plain_memory: None
) -> None:
    with running_proxy(pgassay_binary, pg, tmp_path / "trace.db") as proxy:
        relay_process = relay_of(proxy)

        def reconnect(times: int) -> None:
            for _ in range(times):
                with wire(pg, proxy.port) as to:
                    assert sqlstate(to.simple("SELECT 1")) == ""

        reconnect(100)
        memory, files = resident(relay_process), descriptors(relay_process)
        reconnect(10_000 if EVERYTHING else 200)
        wait_until("all descriptors are back", lambda: descriptors(relay_process) <= files)
        assert resident(relay_process) - memory < MEBIBYTE
        assert proxy.stop() == 0
    assert ask(proxy.trace, "SELECT count(*) = count(end_ns) FROM session") == [(1,)]


# ---- files that are no trace of ours


def text_file(path: Path) -> None:
    path.write_text("not a database at all\n" * 100)


def empty_file(path: Path) -> None:
    path.touch()


def directory(path: Path) -> None:
    path.mkdir()


def foreign_database(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE precious (a)")
        database.execute("INSERT INTO precious VALUES (1)")


def other_application(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA application_id = 1")


def newer_format(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 4711")


def flipped_header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[20:40] = bytes(255 - byte for byte in content[20:40])
    path.write_bytes(content)


def flipped_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for at in range(4096, len(content), 97):
        content[at] ^= 0x55
    path.write_bytes(content)


def cut_short(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 - 100])


def symlink(path: Path) -> None:
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real"))


def pipe(path: Path) -> None:
    os.mkfifo(path)


FRESH = [text_file, empty_file, directory, foreign_database, pipe]
CHANGED = [other_application, newer_format, flipped_header, flipped_pages, cut_short, symlink]


def fingerprint(path: Path) -> object:
    mode = path.lstat().st_mode
    return mode, path.read_bytes() if stat.S_ISREG(path.stat().st_mode) else sorted(path.iterdir()) if path.is_dir() else None


@pytest.fixture(scope="module")
def good_trace(pg: PrivatePostgres, pgassay_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    trace = tmp_path_factory.mktemp("good") / "trace.db"
    with running_proxy(pgassay_binary, pg, trace) as proxy:
        traffic(pg, proxy.port, 100, "good")
        assert proxy.stop() == 0
    return trace


@pytest.mark.parametrize("spoil", [*FRESH, *CHANGED], ids=lambda spoil: spoil.__name__)
def test_what_is_no_trace_is_refused_and_left_alone(
    pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path, good_trace: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "trace.db"
    if spoil in CHANGED:
        shutil.copy(good_trace, path)
    spoil(path)
    before = fingerprint(path)
    base = [pgassay_binary, "proxy", "--allow-root", "--listen", "127.0.0.1:0", "--upstream", pg.dsn(), "--trace", path]
    for flags in ([], ["--append"]):
        done = subprocess.run([*base, *flags], env=pg.env(), capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 2, done.stderr
        assert done.stderr.count("\n") == 1 and "trace.db" in done.stderr and "listening" not in done.stderr, done.stderr
        assert fingerprint(path) == before
    if spoil in (symlink,):
        return  # to read through a link is the reader's own affair
    for command in ("report", "queries"):
        read = subprocess.run([pgassay_binary, command, path], capture_output=True, text=True, timeout=30, check=False)
        assert read.returncode == 2 and read.stderr.count("\n") == 1, (command, read.returncode, read.stderr)
        assert fingerprint(path) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another owner's file")
def test_another_owners_trace_is_refused(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path, good_trace: Path) -> None:
    path = tmp_path / "trace.db"
    shutil.copy(good_trace, path)
    os.chown(path, 65534, 65534)
    words = [pgassay_binary, "proxy", "--allow-root", "--append", "--listen", "127.0.0.1:0", "--upstream", pg.dsn(), "--trace", path]
    done = subprocess.run(words, env=pg.env(), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr


def test_two_recorders_do_not_share_a_file(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace.db"
    with running_proxy(pgassay_binary, pg, trace) as proxy:
        for flags in ([], ["--append"]):
            words = [pgassay_binary, "proxy", "--allow-root", "--listen", "127.0.0.1:0", "--upstream", pg.dsn(), "--trace", trace, *flags]
            done = subprocess.run(words, env=pg.env(), capture_output=True, text=True, timeout=30, check=False)
            assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        traffic(pg, proxy.port, 30, "undisturbed")
        assert proxy.stop() == 0
    assert stored(trace, "undisturbed") == 30
    with running_proxy(pgassay_binary, pg, trace, "--append") as proxy:
        traffic(pg, proxy.port, 30, "appended")
        assert proxy.stop() == 0
    assert stored(trace, "undisturbed") == 30 and stored(trace, "appended") == 30
    assert ask(trace, "SELECT count(*), sum(complete) FROM recording") == [(2, 2)]


# ---- the end, and rights


def test_sigterm_lets_sessions_end(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    with running_proxy(pgassay_binary, pg, tmp_path / "trace.db", "--drain", "10") as proxy:
        busy = wire(pg, proxy.port)
        busy.send(query("SELECT pg_sleep(1), 'to the end'"))
        time.sleep(0.3)
        begun = time.monotonic()
        proxy.process.send_signal(signal.SIGTERM)
        wait_until("nobody new is let in", lambda: refuses(proxy.port))
        assert any(b"to the end" in body for kind, body in busy.replies() if kind == b"D")
        assert sqlstate(busy.simple("SELECT 'one more'")) == ""
        assert proxy.process.poll() is None
        busy.close()
        assert proxy.process.wait(timeout=5) == 0
        assert time.monotonic() - begun < 8  # it did not wait for the whole of --drain
    assert ask(proxy.trace, "SELECT complete FROM recording") == [(1,)]
    assert ask(proxy.trace, "SELECT sum(calls) FROM statement") == [(2,)]
    assert not proxy.trace.with_name("trace.db-wal").exists() or proxy.trace.with_name("trace.db-wal").stat().st_size == 0


def refuses(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as peer:
            return peer.recv(1) == b""
    except OSError:
        return True


def test_the_drain_has_an_end(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    with running_proxy(pgassay_binary, pg, tmp_path / "trace.db", "--drain", "1") as proxy:
        idle, busy = wire(pg, proxy.port), wire(pg, proxy.port)
        busy.send(query("SELECT pg_sleep(30)"))
        begun = time.monotonic()
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.wait(timeout=10) == 0
        assert 0.8 < time.monotonic() - begun < 5
        for client in (idle, busy):
            client.socket.close()
    assert ask(proxy.trace, "SELECT complete FROM recording") == [(1,)]
    assert ask(proxy.trace, "SELECT count(*), count(end_ns) FROM session") == [(2, 2)]


def test_files_are_the_owners_alone(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    folder = tmp_path / "trace"
    folder.mkdir()
    with started(pgassay_binary, pg, folder / "trace.db", before=lambda: os.umask(0)) as proxy:
        traffic(pg, proxy.port, 10, "mode")
        wait_until("it is stored", lambda: stored(proxy.trace, "mode") == 10)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
        assert {"trace.db", "trace.db-wal", "trace.db-shm", "trace.db.lock"} <= modes.keys()
        assert set(modes.values()) == {0o600}, modes
        assert proxy.stop() == 0
    output = tmp_path / "report.json"
    words = [str(pgassay_binary), "run", "--format", "json", "--output", str(output), "--trace", str(folder / "run.db"), "--"]
    words += [str(pg.programs / "psql"), "-Xc", "SELECT 1"]
    subprocess.run(words, env=pg.env(), check=True, capture_output=True, preexec_fn=lambda: os.umask(0))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert set(modes.values()) == {0o600}, modes


@pytest.mark.sends_segv
@pytest.mark.parametrize("who", ["recorder", "relay", "all"])
def test_no_core_is_written(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path, who: str) -> None:
    def cores_allowed() -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        os.chdir(tmp_path)

    with started(pgassay_binary, pg, tmp_path / "trace.db", before=cores_allowed) as proxy:
        traffic(pg, proxy.port, 5, "core")
        victims = {"recorder": [recorder_of(proxy)], "relay": [relay_of(proxy)], "all": family(proxy)}[who]
        for pid in family(proxy)[1:]:
            limits = Path(f"/proc/{pid}/limits").read_text()
            core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
            assert core.split()[4:6] == ["0", "0"], core
        for pid in victims:
            os.kill(pid, signal.SIGSEGV)
        time.sleep(0.5)
    assert not list(tmp_path.glob("core*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="not root")
def test_proxy_does_not_run_as_root_unasked(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    words: Sequence[object] = [pgassay_binary, "proxy", "--listen", "127.0.0.1:0", "--upstream", pg.dsn(), "--trace", tmp_path / "trace.db"]
    done = subprocess.run(list(map(str, words)), env=pg.env(), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2 and "--allow-root" in done.stderr
    assert not (tmp_path / "trace.db").exists()
