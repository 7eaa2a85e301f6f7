"""TLS on either leg under real clients: libpq decides what it accepts, PostgreSQL what it lets in."""

from __future__ import annotations

import hashlib
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Proxy, running_proxy, wait_until
from private_postgres import NoServer, PrivatePostgres
from test_relay import SCRIPT, ask, assert_bytes_accounted_for, client, comparable, counters

psycopg = pytest.importorskip("psycopg")

COPY_BYTES = 50_000_000
PLUS_BYTES = len("SCRAM-SHA-256-PLUS\0")


def make_certificates(binary: Path, folder: Path) -> Path:
    subprocess.run([str(binary), "tls-init", str(folder)], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def server_certificates(pgassay_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(pgassay_binary, tmp_path_factory.mktemp("server") / "certificates")


@pytest.fixture(scope="module")
def own_certificates(pgassay_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(pgassay_binary, tmp_path_factory.mktemp("own") / "certificates")


@pytest.fixture(scope="module")
def client_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """client.crt and client.key of the user `certain`, signed by itself."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl program to make a client certificate with")
    folder = tmp_path_factory.mktemp("client")
    words = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=certain -days 2 -keyout client.key -out client.crt"
    subprocess.run(words.split(), cwd=folder, check=True, capture_output=True)
    (folder / "client.key").chmod(0o600)
    return folder


@pytest.fixture(scope="module")
def tls_pg(server_certificates: Path, client_certificate: Path) -> Iterator[PrivatePostgres]:
    """Its users: shop is trusted, scram has a password, certain shows a certificate, encrypted has no plain way in."""
    server = PrivatePostgres(
        settings={"ssl": "on", "ssl_ca_file": "client.crt"},
        files={
            "server.crt": server_certificates / "localhost.crt",
            "server.key": server_certificates / "localhost.key",
            "client.crt": client_certificate / "client.crt",
        },
        hba=[
            "host all scram all scram-sha-256",
            "hostssl all certain all cert",
            "hostssl all encrypted all trust",
            "hostnossl all certain,encrypted all reject",
        ],
    )
    try:
        server.start()
    except NoServer as error:
        pytest.skip(str(error))
    server.psql("CREATE USER scram PASSWORD 'sesame'; CREATE USER certain; CREATE USER encrypted")
    yield server
    server.stop()


def own_tls(certificates: Path) -> list[str]:
    return ["--tls-cert", str(certificates / "localhost.crt"), "--tls-key", str(certificates / "localhost.key")]


def to_server(certificates: Path) -> list[str]:
    return ["--upstream-tls", "verify-full", "--upstream-ca", str(certificates / "ca.crt")]


def connect(proxy: Proxy, user: str = "shop", **options: object):
    words = {"host": proxy.host, "port": proxy.port, "dbname": "shop", "user": user, "connect_timeout": 10}
    return psycopg.connect(**(words | options))


def verified(certificates: Path) -> dict[str, str]:
    return {"sslmode": "verify-full", "sslrootcert": str(certificates / "ca.crt")}


def server_sees_tls(connection) -> bool:
    return bool(connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()[0])


def heard(proxy: Proxy) -> str:
    """All that it said on stderr, once it has ended."""
    proxy.stop()
    assert proxy.process.stderr is not None
    return proxy.process.stderr.read()


# What each leg is: with which channel_binding a SCRAM login works; is the client's leg TLS, does the server see TLS.
MATRIX = {
    "plain, plain": ({"disable", "prefer"}, False, False),
    "plain, TLS": ({"disable", "prefer"}, False, True),
    "plain, TLS, offer kept": (set(), False, True),
    "own certificate, plain": ({"disable", "prefer"}, True, False),
    "own certificate, TLS": ({"disable"}, True, True),
    "server's certificate, TLS": ({"disable", "prefer", "require"}, True, True),
    "passthrough": ({"disable", "prefer", "require"}, True, True),
}


@pytest.mark.parametrize("row", MATRIX)
def test_scram_matrix(
    row: str,
    tls_pg: PrivatePostgres,
    pgassay_binary: Path,
    server_certificates: Path,
    own_certificates: Path,
    tmp_path: Path,
) -> None:
    works, client_tls, upstream_tls = MATRIX[row]
    flags = {
        "plain, plain": [],
        "plain, TLS": to_server(server_certificates),
        "plain, TLS, offer kept": [*to_server(server_certificates), "--keep-binding-offer"],
        "own certificate, plain": own_tls(own_certificates),
        "own certificate, TLS": own_tls(own_certificates) + to_server(server_certificates),
        "server's certificate, TLS": own_tls(server_certificates) + to_server(server_certificates),
        "passthrough": ["--tls-passthrough"],
    }[row]
    shown = own_certificates if row.startswith("own") else server_certificates
    ssl = verified(shown) if client_tls else {"sslmode": "disable"}
    outcomes = set()
    with running_proxy(pgassay_binary, tls_pg, tmp_path / "t.db", *flags) as proxy:
        for binding in ("disable", "prefer", "require"):
            try:
                with connect(proxy, "scram", password="sesame", channel_binding=binding, **ssl) as connection:
                    assert server_sees_tls(connection) == upstream_tls
                outcomes.add(binding)
            except psycopg.OperationalError:
                pass
        # Debian's own libpq, which is older than psycopg's
        parameters = "&".join(f"{name}={value}" for name, value in ssl.items())
        url = f"postgresql://scram:sesame@{proxy.host}:{proxy.port}/shop?{parameters}"
        psql = client(tls_pg, "psql", "-XAtc", "SELECT 1", "-d", url, env=tls_pg.env())
        time.sleep(0.2)  # for it to look at its totals
        said = heard(proxy)
    assert outcomes == works
    assert (psql[0] == 0) == ("prefer" in works), psql
    impossible = row == "own certificate, TLS"
    assert ("clients that log in by SCRAM must say channel_binding=disable" in said) == impossible, said
    assert ("the server refused a login whose channel binding" in said) == impossible, said
    assert_bytes_accounted_for(proxy.trace)
    removed = counters(proxy.trace).get("removed_bytes", 0)
    assert removed > 0 and removed % PLUS_BYTES == 0 if row == "plain, TLS" else removed == 0
    if row == "passthrough":
        assert counters(proxy.trace)["opaque_sessions"] == 4
        timed = "SELECT count(*) FROM session WHERE end_ns > begin_ns AND opaque_reason = 'encrypted'"
        assert ask(proxy.trace, timed)[0][0] == 4
    else:
        assert counters(proxy.trace).get("opaque_sessions", 0) == 0


@pytest.fixture
def both_legs(
    tls_pg: PrivatePostgres, pgassay_binary: Path, server_certificates: Path, own_certificates: Path, tmp_path: Path
) -> Iterator[Proxy]:
    flags = own_tls(own_certificates) + to_server(server_certificates)
    with running_proxy(pgassay_binary, tls_pg, tmp_path / "both.db", *flags) as running:
        yield running


def test_psql_says_the_same_over_tls(tls_pg: PrivatePostgres, both_legs: Proxy, own_certificates: Path) -> None:
    ssl = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(own_certificates / "ca.crt")}
    direct = client(tls_pg, "psql", "-X", env=tls_pg.env(), stdin=SCRIPT)
    through = client(tls_pg, "psql", "-X", env=both_legs.env(tls_pg) | ssl, stdin=SCRIPT)
    assert [comparable(part, 0, 0) for part in through] == [comparable(part, 0, 0) for part in direct]
    assert both_legs.stop() == 0
    assert_bytes_accounted_for(both_legs.trace)
    assert counters(both_legs.trace)["tls_clients"] == 1
    assert ask(both_legs.trace, "SELECT count(*) FROM execution")[0][0] > 20


def test_direct_tls(both_legs: Proxy, own_certificates: Path) -> None:
    if psycopg.pq.version() < 170000:
        pytest.skip("libpq has no direct TLS before 17")
    with connect(both_legs, sslnegotiation="direct", **verified(own_certificates)) as connection:
        assert server_sees_tls(connection)
    assert both_legs.stop() == 0
    assert counters(both_legs.trace)["tls_clients"] == 1


def test_a_client_refuses_a_strange_certificate(both_legs: Proxy, server_certificates: Path) -> None:
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        connect(both_legs, **verified(server_certificates))
    both_legs.stop()
    assert counters(both_legs.trace)["tls_client_failures"] == 1


def test_keys_may_change_in_the_middle(both_legs: Proxy, own_certificates: Path) -> None:
    """OpenSSL's own client: K renews the keys of both directions, k those of its own."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl program")

    def message(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack(">I", len(body) + 4) + body

    def query(text: bytes) -> bytes:
        bind = message(b"B", b"\0\0" + b"\0\0" * 3)
        return message(b"P", b"\0" + text + b"\0\0\0") + bind + message(b"E", b"\0" * 5) + message(b"S", b"")

    words = ["openssl", "s_client", "-starttls", "postgres", "-connect", f"{both_legs.host}:{both_legs.port}"]
    words += ["-CAfile", str(own_certificates / "ca.crt"), "-verify_return_error"]
    talk = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
    assert talk.stdin is not None and talk.stdout is not None
    heard_so_far = b""

    def until(text: bytes) -> None:
        nonlocal heard_so_far
        deadline = time.monotonic() + 10
        while text not in heard_so_far:
            assert time.monotonic() < deadline and select.select([talk.stdout], [], [], 10)[0], heard_so_far
            heard_so_far += os.read(talk.stdout.fileno(), 65536)

    try:
        until(b"Verify return code")
        startup = b"\0\3\0\0user\0shop\0database\0shop\0\0"
        talk.stdin.write(struct.pack(">I", len(startup) + 4) + startup)
        until(b"server_version")
        for command, text in ((b"K\n", b"both ways"), (b"k\n", b"one way")):
            talk.stdin.write(command)
            until(b"KEYUPDATE")
            time.sleep(0.2)  # s_client takes a command only at the start of what it reads
            talk.stdin.write(query(b"select 'renewed " + text + b"'"))
            until(b"renewed " + text)
            heard_so_far = b""
    finally:
        talk.kill()
        talk.wait()
    assert both_legs.stop() == 0
    assert_bytes_accounted_for(both_legs.trace)


def test_copy_both_ways_over_tls(both_legs: Proxy, own_certificates: Path) -> None:
    block = "".join(f"{hashlib.sha256(str(i).encode()).hexdigest() * 16}\n" for i in range(1000)).encode()
    sent, received, size = hashlib.sha256(), hashlib.sha256(), 0
    with connect(both_legs, **verified(own_certificates)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE big (line text)")
        with cursor.copy("COPY big FROM STDIN") as copy:
            for _ in range(COPY_BYTES // len(block) + 1):
                sent.update(block)
                copy.write(block)
        with cursor.copy("COPY big TO STDOUT") as copy:
            for piece in copy:
                received.update(piece)
                size += len(piece)
    assert size >= COPY_BYTES
    assert received.hexdigest() == sent.hexdigest()
    assert both_legs.stop() == 0
    assert_bytes_accounted_for(both_legs.trace)


def test_cancel_over_tls(both_legs: Proxy, own_certificates: Path, tls_pg: PrivatePostgres) -> None:
    with connect(both_legs, **verified(own_certificates)) as connection:
        pid = connection.execute("SELECT pg_backend_pid()").fetchone()[0]
        for cancel in (connection.cancel, connection.cancel_safe):  # in plain, and over TLS where libpq can
            once(lambda: sleeping(tls_pg, pid), cancel)
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute("SELECT pg_sleep(30)")
            connection.rollback()
    assert both_legs.stop() == 0
    assert counters(both_legs.trace)["cancel_requests"] == 2


def sleeping(pg: PrivatePostgres, pid: int) -> bool:
    return pg.psql(f"SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = {pid}").strip() == "t"


def once(true: Callable[[], bool], then: Callable[[], object]) -> None:
    def wait() -> None:
        wait_until("the query runs", true)
        then()

    threading.Thread(target=wait, daemon=True).start()


def accepts(proxy: Proxy, certificates: Path) -> bool:
    try:
        connect(proxy, **verified(certificates)).close()
        return True
    except psycopg.OperationalError:
        return False


def test_sighup_reads_the_certificate_again(
    pgassay_binary: Path, tls_pg: PrivatePostgres, own_certificates: Path, tmp_path: Path
) -> None:
    used = make_certificates(pgassay_binary, tmp_path / "used")
    with running_proxy(pgassay_binary, tls_pg, tmp_path / "t.db", *own_tls(used)) as proxy:
        before = connect(proxy, **verified(used))
        for name in ("localhost.crt", "localhost.key"):
            shutil.copy(own_certificates / name, used / name)
        assert accepts(proxy, used)
        proxy.process.send_signal(signal.SIGHUP)
        wait_until("the new certificate is shown", lambda: accepts(proxy, own_certificates))
        assert not accepts(proxy, used)
        assert before.execute("SELECT 1").fetchone() == (1,), "the old connection goes on"
        before.close()
        (used / "localhost.key").write_text("no key")
        proxy.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert accepts(proxy, own_certificates), "what cannot be used does not replace what can"
        assert "certificates in use stay" in heard(proxy)


def test_a_client_certificate_is_shown_to_the_server(
    pgassay_binary: Path, tls_pg: PrivatePostgres, server_certificates: Path, client_certificate: Path, tmp_path: Path
) -> None:
    flags = to_server(server_certificates)
    flags += ["--upstream-cert", str(client_certificate / "client.crt")]
    flags += ["--upstream-key", str(client_certificate / "client.key")]
    with running_proxy(pgassay_binary, tls_pg, tmp_path / "t.db", *flags) as proxy:
        with connect(proxy, "certain", sslmode="disable") as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("certain",)


def test_other_machines_must_come_over_tls(
    pgassay_binary: Path, tls_pg: PrivatePostgres, own_certificates: Path, tmp_path: Path
) -> None:
    words = [str(pgassay_binary), "proxy", "--allow-root", "--listen", "0.0.0.0:0", "--upstream", tls_pg.dsn()]
    words += ["--trace", str(tmp_path / "t.db"), *own_tls(own_certificates)]
    process = subprocess.Popen(words, env=tls_pg.env(), stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        ready = re.search(r"listening on 0\.0\.0\.0:(\d+)", process.stderr.readline())
        assert ready
        proxy = Proxy(process, "127.0.0.1", int(ready.group(1)), tmp_path / "t.db")
        with pytest.raises(psycopg.OperationalError, match="TLS connections only"):
            connect(proxy, sslmode="disable")
        connect(proxy, **verified(own_certificates)).close()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def run_psql(binary: Path, pg: PrivatePostgres, folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    """What DATABASE_URL became, and whether the server's leg is TLS, a line each."""
    asks = f"\"{pg.programs}/psql\" -XAtc 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()' -d \"$DATABASE_URL\""
    words = [str(binary), "run", "--trace", str(folder / "t.db"), "--output", os.devnull, "--"]
    words += ["sh", "-c", f'echo "$DATABASE_URL"; {asks}']
    environment = pg.env() | {"DATABASE_URL": url, "HOME": str(folder)}
    for name in ("PGHOST", "PGPORT"):
        environment.pop(name)
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_run_carries_an_application_s_sslmode_through(
    mode: str, pgassay_binary: Path, tls_pg: PrivatePostgres, server_certificates: Path, tmp_path: Path
) -> None:
    url = f"postgresql://scram:sesame@localhost:{tls_pg.port}/shop?sslmode={mode}"
    if mode != "require":
        url += f"&sslrootcert={server_certificates}/ca.crt"
    done = run_psql(pgassay_binary, tls_pg, tmp_path, url)
    assert done.returncode == 0, done.stderr
    rewritten, server_leg = done.stdout.splitlines()
    assert "127.0.0.1" in rewritten and "sslmode=disable" in rewritten and "sslrootcert" not in rewritten
    assert server_leg == "t"


def test_run_carries_a_client_certificate_through(
    pgassay_binary: Path, tls_pg: PrivatePostgres, client_certificate: Path, tmp_path: Path
) -> None:
    url = f"postgresql://certain@localhost:{tls_pg.port}/shop?sslmode=require"
    url += f"&sslcert={client_certificate}/client.crt&sslkey={client_certificate}/client.key"
    done = run_psql(pgassay_binary, tls_pg, tmp_path, url)
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["t"]), done.stderr


def test_run_finds_out_that_a_server_insists_on_tls(
    pgassay_binary: Path, tls_pg: PrivatePostgres, tmp_path: Path
) -> None:
    done = run_psql(pgassay_binary, tls_pg, tmp_path, f"postgresql://encrypted@127.0.0.1:{tls_pg.port}/shop")
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["t"]), done.stderr


def test_a_server_that_cannot_be_trusted_is_told_before_anything_starts(
    pg: PrivatePostgres, pgassay_binary: Path, tls_pg: PrivatePostgres, own_certificates: Path, tmp_path: Path
) -> None:
    def told(server: PrivatePostgres, options: str) -> str:
        done = run_psql(pgassay_binary, server, tmp_path, f"postgresql://shop@localhost:{server.port}/shop?{options}")
        assert (done.returncode, done.stdout) == (2, ""), done
        return done.stderr

    assert "does not offer TLS" in told(pg, "sslmode=require")
    assert "certificate" in told(tls_pg, f"sslmode=verify-full&sslrootcert={own_certificates}/ca.crt")
    assert "nowhere.crt" in told(tls_pg, "sslmode=verify-full&sslrootcert=nowhere.crt")


def test_a_login_that_the_server_wants_encrypted_is_explained(
    pgassay_binary: Path, tls_pg: PrivatePostgres, tmp_path: Path
) -> None:
    with running_proxy(pgassay_binary, tls_pg, tmp_path / "t.db") as proxy:
        with pytest.raises(psycopg.OperationalError, match="no encryption"):
            connect(proxy, "encrypted")
        time.sleep(0.3)
        assert "give --upstream-tls" in heard(proxy)
