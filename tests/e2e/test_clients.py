"""Real clients, direct and through pgassay: same output, same exit code. Nothing but the address differs."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import Proxy, Run
from private_postgres import PrivatePostgres


class Outcome(NamedTuple):
    code: int
    stdout: str
    stderr: str


class Sides(NamedTuple):
    direct: dict[str, str]
    through: dict[str, str]


@pytest.fixture
def sides(pg: PrivatePostgres, proxy: Proxy) -> Sides:
    """Two environments: the server's address, and pgassay's."""
    return Sides(pg.env("clients"), proxy.env(pg, "clients"))


@pytest.fixture(autouse=True, scope="module")
def clients_database(pg: PrivatePostgres) -> None:
    pg.psql("CREATE DATABASE clients", "postgres")
    pg.psql("CREATE TABLE things (id int PRIMARY KEY, name text, blob bytea, at timestamptz)", "clients")
    pg.psql(
        "INSERT INTO things SELECT n, nullif(repeat('a ''quoted'' name ', n % 9), ''), decode(md5(n::text), 'hex'), "
        "'2024-02-03 04:05:06+00'::timestamptz + n * interval '1 minute' FROM generate_series(1, 5000) n",
        "clients",
    )


def outcome(command: Sequence[str | Path], env: dict[str, str], stdin: str | None = None) -> Outcome:
    done = subprocess.run(
        list(map(str, command)), env=env, input=stdin, capture_output=True, text=True, timeout=120, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def psql(pg: PrivatePostgres, *arguments: str) -> list[str | Path]:
    return [pg.programs / "psql", "-X", *arguments]


PSQL_SCRIPT = r"""
SELECT id, name, blob, at FROM things WHERE id < 20 ORDER BY id;
SELECT 1 \; SELECT 2 \; SELECT 3;
SELECT * FROM nowhere;
SELECT 1 / 0;
BEGIN; SAVEPOINT a; SELECT broken; ROLLBACK TO a; INSERT INTO things VALUES (-1) RETURNING id; ROLLBACK;
PREPARE p (int) AS SELECT name FROM things WHERE id = $1; EXECUTE p(7); EXECUTE p(8); DEALLOCATE p;
DO $$ BEGIN RAISE NOTICE 'a notice %', 42; RAISE WARNING 'a warning'; END $$;
LISTEN here; NOTIFY here, 'payload';
SET client_encoding = 'LATIN1'; SHOW client_encoding; RESET client_encoding;
SELECT name FROM things WHERE id = 5 \gdesc
;
"""


@pytest.mark.parametrize("stop_on_error", ["0", "1"])
def test_psql_script(pg: PrivatePostgres, sides: Sides, stop_on_error: str) -> None:
    command = psql(pg, "-v", f"ON_ERROR_STOP={stop_on_error}", "-f", "-")
    direct, through = (outcome(command, env, PSQL_SCRIPT) for env in sides)
    # A notification names the backend's pid, which is another one for each connection.
    pid = re.compile(r"server process with PID \d+")
    assert pid.sub("", through.stdout) == pid.sub("", direct.stdout)
    assert (through.code, through.stderr) == (direct.code, direct.stderr)
    assert direct.code == (3 if stop_on_error == "1" else 0)


def without_key(dump: str) -> list[str]:
    """pg_dump guards its script with a random key."""
    return [line for line in dump.splitlines() if not line.startswith((r"\restrict", r"\unrestrict"))]


def test_pg_dump_into_psql(pg: PrivatePostgres, proxy: Proxy, sides: Sides) -> None:
    command = [pg.programs / "pg_dump", "--no-owner"]
    direct, through = (outcome(command, env) for env in sides)
    assert (through.code, through.stderr) == (direct.code, direct.stderr) == (0, "")
    assert without_key(through.stdout) == without_key(direct.stdout)

    pg.psql("DROP DATABASE IF EXISTS restored", "postgres")
    pg.psql("CREATE DATABASE restored", "postgres")
    restored = outcome(psql(pg, "-q", "-v", "ON_ERROR_STOP=1"), proxy.env(pg, "restored"), through.stdout)
    assert (restored.code, restored.stderr) == (0, "")
    again = outcome(command, pg.env("restored"))
    assert without_key(again.stdout) == without_key(direct.stdout)


@pytest.mark.parametrize("protocol", ["simple", "extended", "prepared"])
def test_pgbench(pg: PrivatePostgres, proxy: Proxy, protocol: str) -> None:
    pgbench = pg.programs / "pgbench"
    pg.psql("DROP DATABASE IF EXISTS bench", "postgres")
    pg.psql("CREATE DATABASE bench", "postgres")
    env = proxy.env(pg, "bench")
    filled = outcome([pgbench, "-i", "-q", "-s", "1"], env)
    assert filled.code == 0, filled.stderr
    ran = outcome([pgbench, "-M", protocol, "-c", "4", "-j", "2", "-t", "100"], env)
    assert ran.code == 0, ran.stderr
    assert "number of transactions actually processed: 400/400" in ran.stdout
    assert "number of failed transactions: 0" in ran.stdout
    # Each transaction adds its delta to one row of three tables and writes it down once.
    sums = "SELECT sum(abalance) = sum(delta) FROM (SELECT sum(abalance) abalance FROM pgbench_accounts) a, "
    assert pg.psql(sums + "(SELECT sum(delta) delta, count(*) FROM pgbench_history) h GROUP BY count", "bench") == "t\n"
    assert pg.psql("SELECT count(*) FROM pgbench_history", "bench") == "400\n"


def test_copy_out_and_in(pg: PrivatePostgres, sides: Sides, tmp_path: Path) -> None:
    for name, env in zip(("direct", "through"), sides):
        for form in ("text", "csv", "binary"):
            file = tmp_path / f"{name}.{form}"
            copied = outcome(psql(pg, "-c", rf"\copy things TO '{file}' (FORMAT {form})"), env)
            assert copied == Outcome(0, "COPY 5000\n", ""), copied
    for form in ("text", "csv", "binary"):
        assert (tmp_path / f"direct.{form}").read_bytes() == (tmp_path / f"through.{form}").read_bytes()
    script = rf"""CREATE TEMP TABLE back (LIKE things);
\copy back FROM '{tmp_path}/direct.binary' (FORMAT binary)
SELECT count(*), md5(string_agg(back::text, ',' ORDER BY id)) FROM back;
\copy back FROM '{tmp_path}/nowhere'
COPY back FROM STDIN;
not a number
\.
SELECT 'still here';
"""
    direct, through = (outcome(psql(pg, "-f", "-"), env, script) for env in sides)
    assert through == direct
    assert "still here" in direct.stdout and "invalid input syntax" in direct.stderr


def test_cursor_fetched_in_pieces(pg: PrivatePostgres, sides: Sides) -> None:
    pieces = psql(pg, "-At", "-v", "FETCH_COUNT=37", "-c", "SELECT * FROM things ORDER BY id")
    whole = psql(pg, "-At", "-c", "SELECT * FROM things ORDER BY id")
    direct, through = outcome(whole, sides.direct), outcome(pieces, sides.through)
    assert through == direct
    script = "BEGIN; DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT id FROM things ORDER BY id; FETCH 3 FROM c; "
    script += "COMMIT; FETCH LAST FROM c; FETCH BACKWARD 2 FROM c; MOVE FIRST FROM c; FETCH ALL FROM c; CLOSE c; FETCH c;"
    direct, through = (outcome(psql(pg, "-f", "-"), env, script) for env in sides)
    assert through == direct


def interrupted(command: Sequence[str | Path], env: dict[str, str], pg: PrivatePostgres, mark: str) -> Outcome:
    """SIGINT as soon as the server works on the statement."""
    child = subprocess.Popen(list(map(str, command)), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    running = f"SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%{mark}%' AND pid <> pg_backend_pid()"
    deadline = time.monotonic() + 20
    while pg.psql(running) == "0\n" and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    stdout, stderr = child.communicate(timeout=30)
    return Outcome(child.returncode, stdout, stderr)


def test_control_c_cancels_the_statement(pg: PrivatePostgres, sides: Sides) -> None:
    begun = time.monotonic()
    outcomes = [
        interrupted(psql(pg, "-c", f"SELECT pg_sleep(25) /* {name} */"), env, pg, name)
        for name, env in zip(("cancel direct", "cancel through"), sides)
    ]
    assert outcomes[1] == outcomes[0]
    assert "canceling statement due to user request" in outcomes[0].stderr
    assert time.monotonic() - begun < 20


@pytest.fixture(scope="module")
def client_shop(pg: PrivatePostgres, shop_client: Path) -> str:
    pg.psql("CREATE DATABASE client_shop", "postgres")
    assert outcome([shop_client, "load"], pg.env("client_shop")).code == 0
    return "client_shop"


@pytest.mark.parametrize("form", ["bad", "good"])
def test_libpq_reads_the_same(pg: PrivatePostgres, proxy: Proxy, shop_client: Path, client_shop: str, form: str) -> None:
    direct = outcome([shop_client, form], pg.env(client_shop))
    through = outcome([shop_client, form], proxy.env(pg, client_shop))
    assert through == direct
    assert (direct.code, direct.stderr) == (0, "")


def conversations(shop_client: Path) -> dict[str, str]:
    lines = outcome([shop_client, "list"], {}).stdout.splitlines()
    return dict(line.split("\t") for line in lines)


LIBPQ = ("simple", "text-parameters", "binary-parameters", "prepared", "sql-prepared", "pipelined", "cursor", "copy")


@pytest.mark.parametrize("name", LIBPQ)
def test_libpq_findings(run_pgassay: Callable[..., Run], shop_client: Path, client_shop: str, name: str) -> None:
    finding = conversations(shop_client)[name]
    run = run_pgassay([shop_client, "bad", name], dbname=client_shop)
    assert run.code == 0, run.stderr
    told = [(f["rule"], f["title"], f["confidence"]) for f in run.findings]
    assert told == ([("n-plus-one", finding, "proven")] if finding else [])


def test_libpq_good_forms_have_none(run_pgassay: Callable[..., Run], shop_client: Path, client_shop: str) -> None:
    run = run_pgassay([shop_client, "good"], dbname=client_shop)
    assert run.code == 0, run.stderr
    assert run.findings == []


def test_libpq_list_is_whole(shop_client: Path) -> None:
    assert tuple(conversations(shop_client)) == LIBPQ


# Three ways in which applications are told their database; the child asks psql with what it was given.
SPRING = "import os, subprocess, sys; url = os.environ['SPRING_DATASOURCE_URL'].removeprefix('jdbc:'); "
ASKS = "sys.exit(subprocess.run([sys.argv[1], '-XAt', url, '-c', 'SELECT 40 + 2']).returncode)"
ASYNCPG = "import os, subprocess, sys; url = os.environ['DATABASE_URL'].replace('+asyncpg', '').split('?')[0]; "


@pytest.mark.parametrize("kind", ["asyncpg-url", "jdbc-url", "pghost"])
def test_run_reaches_the_application(pg: PrivatePostgres, run_pgassay: Callable[..., Run], kind: str) -> None:
    place = f"{pg.host}:{pg.port}/clients"
    program: list[str | Path] = [sys.executable, "-c"]
    tell = {"DATABASE_URL": "", "PGHOST": "", "PGPORT": ""}
    if kind == "asyncpg-url":
        tell |= {"DATABASE_URL": f"postgresql+asyncpg://{pg.user}@{place}?ssl=prefer"}
        program += [ASYNCPG + ASKS, pg.programs / "psql"]
    elif kind == "jdbc-url":
        tell |= {"SPRING_DATASOURCE_URL": f"jdbc:postgresql://{place}?user={pg.user}"}
        program += [SPRING + ASKS, pg.programs / "psql"]
    else:
        tell |= {"PGHOST": pg.host, "PGPORT": str(pg.port)}
        program = [*psql(pg, "-At", "-c", "SELECT 40 + 2")]
    run = run_pgassay(program, env=tell, dbname="clients")
    assert (run.code, run.stdout) == (0, "42\n"), run.stderr
    assert run.report is not None and run.report["totals"]["executions"] >= 1


def test_run_returns_the_childs_code(pg: PrivatePostgres, run_pgassay: Callable[..., Run]) -> None:
    failed = run_pgassay(psql(pg, "-v", "ON_ERROR_STOP=1", "-c", "SELECT 1; SELECT nope"), dbname="clients")
    assert failed.code == 1
    killed = run_pgassay(["sh", "-c", "kill -TERM $$"], dbname="clients")
    assert killed.code == 128 + signal.SIGTERM
