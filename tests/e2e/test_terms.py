"""What pgassay agrees to before a login, with either side; where it listens, and what it says of its rights."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import REPOSITORY, Proxy, running_proxy
from private_postgres import PrivatePostgres
from test_faults import Behind, ask, counters
from test_relay import children
from test_tls import make_certificates
from wire_client import Wire, sqlstate, startup

SSL_REQUEST = struct.pack(">ii", 8, 80877103)
GSSENC_REQUEST = struct.pack(">ii", 8, 80877104)


def first_answer(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        peer.sendall(request)
        return peer.recv(1)


# ---- GSSAPI encryption


def test_gss_encryption_is_refused_and_the_login_goes_on(pg: PrivatePostgres, proxy: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as peer:
        peer.sendall(GSSENC_REQUEST)
        assert peer.recv(1) == b"N"
        peer.sendall(startup({"user": pg.user, "database": pg.dbname}))
        assert peer.recv(1) == b"R"
    assert proxy.stop() == 0
    total = counters(proxy.trace)
    assert total["gssenc_refused"] == 1 and total["opaque_bytes"] == 0


def test_gss_encryption_may_be_left_to_the_server(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    """Debian's server agrees even without a key table; whatever it says is what the client hears."""
    with running_proxy(pgassay_binary, pg, tmp_path / "trace.db", "--gssenc", "passthrough") as proxy:
        direct = first_answer(pg.port, GSSENC_REQUEST)
        assert first_answer(proxy.port, GSSENC_REQUEST) == direct
        with Wire(proxy.port, pg.user, pg.dbname) as to:
            assert sqlstate(to.simple("SELECT 1")) == ""
        assert proxy.stop() == 0
    opaque = ask(proxy.trace, "SELECT opaque_reason FROM session WHERE opaque_reason <> ''")
    assert opaque == ([("encrypted",)] if direct == b"G" else [])
    assert ask(proxy.trace, "SELECT sum(calls) FROM statement") == [(1,)]


# ---- TLS


def old_protocol(context: ssl.SSLContext) -> ssl.SSLContext:
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


class TlsServer:
    """Takes one connection after the other, over TLS, and keeps the name that each asks for."""

    def __init__(self, certificates: Path, *, old: bool = False) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificates / "localhost.crt", certificates / "localhost.key")
        self._context.sni_callback = lambda connection, name, context: self.names.append(name)
        if old:
            old_protocol(self._context)
        self.names: list[str | None] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                try:
                    if connection.recv(8) == SSL_REQUEST:
                        connection.sendall(b"S")
                        with self._context.wrap_socket(connection, server_side=True) as secured:
                            secured.recv(1)
                except (OSError, ssl.SSLError):
                    pass

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)


@contextmanager
def tls_server(certificates: Path, *, old: bool = False) -> Iterator[TlsServer]:
    server = TlsServer(certificates, old=old)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def certificates(pgassay_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(pgassay_binary, tmp_path_factory.mktemp("terms"))


@pytest.mark.parametrize(("host", "name"), [("localhost", "localhost"), ("127.0.0.1", None)])
def test_the_server_is_told_the_name_that_was_dialled(
    pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path, certificates: Path, host: str, name: str | None
) -> None:
    class Named(Behind):
        def dsn(self) -> str:
            return f"postgresql://{self.user}@{host}:{self.port}/{self.dbname}"

    with tls_server(certificates) as server:
        flags = ["--upstream-tls", "verify-full", "--upstream-ca", str(certificates / "ca.crt")]
        with running_proxy(pgassay_binary, Named(pg, server.port), tmp_path / "trace.db", *flags) as proxy:
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as peer:
                peer.sendall(startup({"user": pg.user, "database": pg.dbname}))
                peer.recv(1)
            assert proxy.stop() == 0
        assert len(server.names) >= 2 and set(server.names) == {name}  # at the start, and at the login


def test_a_server_of_an_old_protocol_is_refused(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path, certificates: Path) -> None:
    with tls_server(certificates, old=True) as server:
        words = [pgassay_binary, "proxy", "--allow-root", "--listen", "127.0.0.1:0", "--upstream", f"postgresql://u@localhost:{server.port}/d"]
        words += ["--upstream-tls", "require", "--trace", tmp_path / "trace.db"]
        done = subprocess.run(list(map(str, words)), env=pg.env(), capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 2 and "no TLS to the server" in done.stderr, done.stderr


def test_a_client_of_an_old_protocol_is_refused(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path, certificates: Path) -> None:
    flags = ["--tls-cert", str(certificates / "localhost.crt"), "--tls-key", str(certificates / "localhost.key")]
    context = ssl.create_default_context(cafile=certificates / "ca.crt")
    with running_proxy(pgassay_binary, pg, tmp_path / "trace.db", *flags) as proxy:
        for refused in (True, False):
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as peer:
                peer.sendall(SSL_REQUEST)
                assert peer.recv(1) == b"S"
                if refused:
                    with pytest.raises((ssl.SSLError, ConnectionError)):
                        old = old_protocol(ssl.create_default_context(cafile=certificates / "ca.crt"))
                        old.wrap_socket(peer, server_hostname="localhost")
                    continue
                with context.wrap_socket(peer, server_hostname="localhost") as secured:
                    assert secured.version() in ("TLSv1.2", "TLSv1.3")
        assert proxy.stop() == 0
    assert counters(proxy.trace)["tls_client_failures"] == 1


# ---- where it listens, and as whom


def listeners(pid: int) -> set[str]:
    """Addresses, as the kernel writes them, at which a process or a child of it listens."""
    inodes = set()
    for one in (pid, *children(pid)):
        for entry in Path(f"/proc/{one}/fd").iterdir():
            if entry.is_socket():
                inodes.add(os.readlink(entry)[len("socket:[") : -1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.add(fields[1].split(":")[0])
    return found


def test_run_and_proxy_listen_on_loopback_alone(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    loopback = {"0100007F", "00000000000000000000000001000000"}
    program = tmp_path / "listeners.py"
    program.write_text("import os, sys\nsys.path.insert(0, sys.argv[1])\nfrom test_terms import listeners\nprint(*sorted(listeners(os.getppid())))\n")
    command = [pgassay_binary, "run", "--trace", tmp_path / "run.db", "--", sys.executable, program, Path(__file__).parent]
    done = subprocess.run(list(map(str, command)), env=pg.env(), capture_output=True, text=True, timeout=60, check=True)
    of_run = set(done.stdout.splitlines()[0].split())
    assert of_run and of_run <= loopback, done
    words = [str(pgassay_binary), "proxy", "--allow-root", "--upstream", pg.dsn(), "--trace", str(tmp_path / "proxy.db")]
    process = subprocess.Popen(words, env=pg.env(), stderr=subprocess.PIPE, text=True)
    assert process.stderr
    said = process.stderr.readline()
    if "in use" in said:
        process.wait(timeout=10)
        pytest.skip("somebody listens at the default port")
    try:
        assert "listening on 127.0.0.1:6432, [::1]:6432, upstream" in said, said
        assert listeners(process.pid) == loopback
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, 6432), timeout=10) as peer:
                peer.sendall(SSL_REQUEST)
                assert peer.recv(1) == b"N"
    finally:
        process.terminate()
        process.wait(timeout=20)


WITHOUT_IPV6 = ["unshare", "-n", "sh", "-c", 'ip link set lo up && echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 && exec "$@"', "sh"]


@pytest.mark.skipif(subprocess.run([*WITHOUT_IPV6, "true"], capture_output=True, check=False).returncode != 0, reason="no network namespaces")
def test_without_ipv6_the_proxy_listens_on_ipv4(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    """In a network of its own, out of which only a Unix socket leads."""
    upstream = f"postgresql://{pg.user}@/{pg.dbname}?host={pg.folder}&port={pg.port}"
    words = [*WITHOUT_IPV6, str(pgassay_binary), "proxy", "--allow-root", "--upstream", upstream, "--trace", str(tmp_path / "proxy.db")]
    process = subprocess.Popen(words, env=pg.env(), stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        assert "listening on 127.0.0.1:6432, upstream" in process.stderr.readline()
        process.terminate()
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="missing runtime: systemd-analyze")
def test_the_service_has_few_rights_and_starts(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    text = (REPOSITORY / "integrations" / "systemd" / "pgassay.service").read_text().replace("/usr/bin/pgassay", str(pgassay_binary))
    unit = tmp_path / "pgassay.service"
    unit.write_text(text)
    checked = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    # The scale goes from 0 to 100; what remains is the network, which it is for.
    rated = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", unit], capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout
    command = next(line for line in text.splitlines() if line.startswith("ExecStart=")).removeprefix("ExecStart=")
    env = pg.env() | {"STATE_DIRECTORY": str(tmp_path), "PGASSAY_UPSTREAM": pg.dsn(), "PGASSAY_LISTEN": "127.0.0.1:0", "PGASSAY_ALLOW_ROOT": "true"}
    for recordings in (1, 2):  # it is started again and again, into one file
        process = subprocess.Popen(["sh", "-c", f"exec {command}"], env=env, stderr=subprocess.PIPE, text=True)
        assert process.stderr and "listening on" in process.stderr.readline()
        process.terminate()
        assert process.wait(timeout=20) == 0
        assert ask(tmp_path / "trace.db", "SELECT count(*), sum(complete) FROM recording") == [(recordings, recordings)]


@pytest.mark.skipif(os.geteuid() != 0, reason="not root")
def test_run_as_root_is_warned_of_once(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    command = [pgassay_binary, "run", "--trace", tmp_path / "run.db", "--", pg.programs / "psql", "-Xc", "SELECT 1"]
    done = subprocess.run(list(map(str, command)), env=pg.env(), capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.count("running as root") == 1
