"""Fixtures of the end-to-end tests: a private PostgreSQL, the shop loaded into it, and pgassay around a command."""

from __future__ import annotations

import itertools
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

E2E = Path(__file__).resolve().parent
REPOSITORY = E2E.parent.parent
sys.path.insert(0, str(E2E))

collect_ignore = ["shop_suite", "runners"]  # applications' own tests, which ours run

from private_postgres import NoServer, PrivatePostgres  # noqa: E402
from shop_project import Project  # noqa: E402


REPORTS = os.environ.get("PGASSAY_SANITIZER_REPORTS", "")  # a folder: where a sanitizer's log_path leads


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sends_segv: ends processes by SIGSEGV, of which a sanitizer makes a report")


@pytest.fixture(autouse=True)
def no_sanitizer_report(request: pytest.FixtureRequest) -> Iterator[None]:
    """A finding may kill no more than the recorder, which is started again: a test need not notice."""
    yield
    found = sorted(Path(REPORTS).glob("report.*")) if REPORTS else []
    told = "\n".join(path.read_text(errors="replace") for path in found)
    for path in found:
        path.rename(path.with_name(f"seen-{path.name}"))
    assert not told or request.node.get_closest_marker("sends_segv"), told


@dataclass(frozen=True)
class Run:
    """What `pgassay run` did: its exit code, the report (None if it wrote none), the trace, both streams of output."""

    code: int
    report: dict[str, Any] | None
    trace: Path
    stdout: str
    stderr: str
    command: Sequence[str] = field(default=())

    @property
    def findings(self) -> list[dict[str, Any]]:
        assert self.report is not None, f"no report: {self.stderr}"
        return list(self.report["findings"])


def wait_until(claim: str, holds: Callable[[], object], patience_s: float = 15) -> None:
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, f"never came true: {claim}"
        time.sleep(0.02)


def end_earlier_sessions(pg: PrivatePostgres) -> None:
    """What another test may have left on the shared server is none of this test's."""
    pg.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
    wait_until("earlier sessions are gone", lambda: backends(pg) == 0)


def backends(pg: PrivatePostgres) -> int:
    return int(pg.psql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"))


@pytest.fixture(scope="session")
def pg() -> Iterator[PrivatePostgres]:
    """A server for the whole run: host, port, user, dbname, dsn(), env(), psql()."""
    try:
        server = PrivatePostgres().start()
    except NoServer as error:
        pytest.skip(str(error))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def pgassay_binary() -> Path:
    binary = Path(os.environ.get("PGASSAY_BINARY", REPOSITORY / "build" / "ci" / "bin" / "pgassay")).resolve()
    assert binary.is_file(), f"{binary} is not built (cmake --build --preset ci, or set PGASSAY_BINARY)"
    return binary


@pytest.fixture(scope="session")
def shop_client(pgassay_binary: Path) -> Path:
    """The C client that CMake builds beside pgassay."""
    client = pgassay_binary.parent / "shop_client"
    assert client.is_file(), f"{client} is not built (target shop_client)"
    return client


@pytest.fixture(scope="session")
def run_pgassay(
    pg: PrivatePostgres, pgassay_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Run]:
    """run_pgassay(command, *, flags=(), env={}, dbname="", timeout=300) -> Run, with the JSON report. Threads may share it."""
    counter = itertools.count()
    folder = tmp_path_factory.mktemp("runs")

    def run(
        command: Sequence[str | Path],
        *,
        flags: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        dbname: str = "",
        timeout: float = 300,
        stdin: str | None = None,
    ) -> Run:
        number = next(counter)
        trace, output = folder / f"run{number}.db", folder / f"run{number}.json"
        words = [str(pgassay_binary), "run", "--format", "json", "--output", str(output), "--trace", str(trace)]
        words += [*flags, "--", *map(str, command)]
        done = subprocess.run(
            words,
            env=pg.env(dbname) | dict(env or {}),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        report = json.loads(output.read_text()) if output.exists() and output.stat().st_size else None
        return Run(done.returncode, report, trace, done.stdout, done.stderr, words)

    return run


@dataclass(frozen=True)
class Proxy:
    """A running `pgassay proxy` on a free loopback port."""

    process: subprocess.Popen[str]
    host: str
    port: int
    trace: Path

    def env(self, pg: PrivatePostgres, dbname: str = "") -> dict[str, str]:
        url = f"postgresql://{pg.user}@{self.host}:{self.port}/{dbname or pg.dbname}"
        return pg.env(dbname) | {"PGHOST": self.host, "PGPORT": str(self.port), "DATABASE_URL": url}

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


@contextmanager
def running_proxy(binary: Path, pg: PrivatePostgres, trace: Path, *flags: str) -> Iterator[Proxy]:
    """The daemon; its address is read from what it says on stderr. SIGTERM at the end."""
    words = [str(binary), "proxy", "--allow-root", "--listen", "127.0.0.1:0", "--upstream", pg.dsn()]
    words += ["--trace", str(trace), *flags]
    process = subprocess.Popen(words, env=pg.env(), stderr=subprocess.PIPE, text=True, bufsize=1)
    try:
        yield Proxy(process, "127.0.0.1", _announced_port(process), trace)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _announced_port(process: subprocess.Popen[str], patience_s: float = 20) -> int:
    assert process.stderr is not None
    heard = ""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline and process.poll() is None:
        if not select.select([process.stderr], [], [], 0.2)[0]:
            continue
        line = process.stderr.readline()
        heard += line
        if match := re.search(r"127\.0\.0\.1:(\d+)", line):
            return int(match.group(1))
    raise AssertionError(f"pgassay proxy named no address: {heard}")


@pytest.fixture
def proxy(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> Iterator[Proxy]:
    with running_proxy(pgassay_binary, pg, tmp_path / "proxy.db") as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, pgassay_binary: Path, pg: PrivatePostgres) -> Project:
    return Project(tmp_path / "project", pgassay_binary, pg.env())
