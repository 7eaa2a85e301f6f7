"""A PostgreSQL server of one's own: a temporary folder, a free loopback port, an unprivileged user, gone when done.

As a program it runs a command against such a server:  python3 private_postgres.py -- CMD…
with PGHOST, PGPORT, PGUSER, PGDATABASE and DATABASE_URL set.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

# Fast rather than durable: the data lives as long as one test run. Parallel plans would only add noise.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "autovacuum": "off",
    "log_min_messages": "warning",
}


class NoServer(Exception):
    """No PostgreSQL server program on this machine, or it does not start."""


def server_programs() -> Path:
    """The folder of initdb and postgres: Debian's newest, else that of the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    raise NoServer("no PostgreSQL server found (scripts/setup installs one)")


def unprivileged_user() -> pwd.struct_passwd | None:
    """Whom to run the server as: None is ourselves, for initdb refuses only root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoServer("running as root and there is no user postgres or nobody to run a server as")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class PrivatePostgres:
    """REQUIRES: start() before use; stop() ends the server by its pid and removes the folder."""

    host = "127.0.0.1"
    user = "shop"
    dbname = "shop"

    def __init__(
        self,
        server: Path | None = None,
        settings: Mapping[str, str] | None = None,
        files: Mapping[str, Path] | None = None,
        hba: Sequence[str] = (),
        backup: Path | None = None,
        initdb: Sequence[str] = (),
    ) -> None:
        """`server` has initdb and postgres of another version; clients are those of server_programs() all the same.

        settings: besides SETTINGS · files: copied into the data folder under these names, the server's own · hba: lines
        of pg_hba.conf before those that trust everybody on this machine · backup: a data folder to start from, which is copied ·
        initdb: more of its flags.
        """
        self.settings = SETTINGS | dict(settings or {})
        self.files = dict(files or {})
        self.hba = list(hba)
        self.backup = backup
        self.initdb_flags = list(initdb)
        self.programs = server_programs()
        self.server = server or self.programs
        self.port = 0
        self.folder = Path()
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> "PrivatePostgres":
        owner = unprivileged_user()
        self.folder = Path(tempfile.mkdtemp(prefix="pgassay-pg-"))
        if owner:
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        try:
            if self.backup:
                self._copy_backup(owner)
            else:
                self._initdb(owner)
                self._furnish(owner)
            self._launch(owner)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        if self._server and self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)  # fast shutdown: sessions are ended, not waited for
            try:
                self._server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        if self.folder != Path():
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "PrivatePostgres":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def dsn(self, driver: str = "", dbname: str = "") -> str:
        """postgresql://…, or postgresql+driver://… for SQLAlchemy."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{self.user}@{self.host}:{self.port}/{dbname or self.dbname}"

    def env(self, dbname: str = "") -> dict[str, str]:
        """This process's environment, with the server where libpq and applications look for it."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "PGASSAY_"))}
        return inherited | {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": dbname or self.dbname,
            "DATABASE_URL": self.dsn(dbname=dbname),
        }

    def psql(self, sql: str, dbname: str = "") -> str:
        command = [self.programs / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql]
        return subprocess.run(command, env=self.env(dbname), check=True, capture_output=True, text=True).stdout

    def _initdb(self, owner: pwd.struct_passwd | None) -> None:
        command = [self.server / "initdb", "-D", self.folder / "data", "-U", self.user, "-A", "trust"]
        command += ["-E", "UTF8", "--locale=C", "--no-sync", *self.initdb_flags]
        done = subprocess.run(command, capture_output=True, text=True, **_as_user(owner, self.folder))
        if done.returncode != 0:
            raise NoServer(f"initdb failed: {done.stderr.strip()}")

    def _copy_backup(self, owner: pwd.struct_passwd | None) -> None:
        assert self.backup
        data = self.folder / "data"
        shutil.copytree(self.backup, data)
        data.chmod(0o700)
        for path in (data, *data.rglob("*")):
            if owner:
                os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)

    def _furnish(self, owner: pwd.struct_passwd | None) -> None:
        data = self.folder / "data"
        for name, source in self.files.items():
            shutil.copyfile(source, data / name)
            (data / name).chmod(0o600)
            if owner:
                os.chown(data / name, owner.pw_uid, owner.pw_gid)
        rules = data / "pg_hba.conf"
        rules.write_text("".join(f"{line}\n" for line in self.hba) + rules.read_text())

    def _launch(self, owner: pwd.struct_passwd | None) -> None:
        settings = {"listen_addresses": self.host, "unix_socket_directories": str(self.folder), **self.settings}
        for _ in range(3):  # another process may take the port between our look and the server's bind
            self.port = free_port()
            command = [str(self.server / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
            for name, value in settings.items():
                command += ["-c", f"{name}={value}"]
            with open(self.folder / "server.log", "ab") as log:
                self._server = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **_as_user(owner, self.folder)
                )
            if self._answers():
                if not self.backup:
                    self.psql(f"CREATE DATABASE {self.dbname}", "postgres")
                return
        log_text = (self.folder / "server.log").read_text(errors="replace")
        raise NoServer(f"PostgreSQL does not start: {log_text[-1000:]}")

    def _answers(self, patience_s: float = 30) -> bool:
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and self._server and self._server.poll() is None:
            probe = [self.programs / "pg_isready", "-q", "-h", self.host, "-p", str(self.port)]
            if subprocess.run(probe, check=False).returncode == 0:
                return True
            time.sleep(0.05)
        return False


def _as_user(owner: pwd.struct_passwd | None, folder: Path) -> dict[str, object]:
    """Popen arguments that run a program as `owner`, in a session of its own so that a Ctrl-C is ours to handle."""
    arguments: dict[str, object] = {"cwd": folder, "start_new_session": True}
    if owner:
        arguments |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    return arguments


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--"]:
        arguments = arguments[1:]
    if not arguments:
        print("usage: private_postgres.py -- CMD…", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with PrivatePostgres() as postgres:
            return subprocess.run(arguments, env=postgres.env(), check=False).returncode
    except NoServer as error:
        print(f"private_postgres.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
