"""The pytest plugin and the control socket, with pytest itself under `pgassay run`."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

E2E = Path(__file__).resolve().parent
REPOSITORY = E2E.parents[1]
SUITE = E2E / "runners" / "pytest_suite"
TABLES = ("in_setup", "in_call", "in_teardown")


@pytest.fixture(scope="module")
def tables(pg: Any) -> None:
    sql = "CREATE TABLE IF NOT EXISTS authors AS SELECT id::bigint FROM generate_series(4011, 4022) AS id;"
    for name in TABLES:
        sql += f"CREATE TABLE IF NOT EXISTS {name} AS SELECT id AS author_id, 'title' AS title FROM authors;"
    pg.psql(sql)


@pytest.fixture(scope="module")
def suite(run_pgassay: Callable[..., Any], tables: None) -> Callable[..., Any]:
    def run(*flags: str, **env: str) -> Any:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "pytest_pgassay.plugin", "-p", "no:cacheprovider"]
        path = {"PYTHONPATH": str(REPOSITORY / "integrations" / "pytest"), "PYTHONDONTWRITEBYTECODE": "1"}
        return run_pgassay([*command, "--rootdir", SUITE, *flags, SUITE], env=path | env)

    return run


def rows(trace: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{trace}?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


EXPECTED = [
    ("test_phases.py::TestOfUnittest::test_method", "passed"),
    ("test_phases.py::test_fails", "failed"),
    ("test_phases.py::test_function[a b]", "passed"),
    ("test_phases.py::test_function[c&d=e%]", "passed"),
    ("test_phases.py::test_skipped", "skipped"),
]


@pytest.mark.parametrize("flags", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_names_each_test_and_how_it_ended(suite: Callable[..., Any], flags: tuple[str, ...]) -> None:
    run = suite(*flags)
    assert run.code == 1, run.stdout + run.stderr
    assert sorted(rows(run.trace, "SELECT name, outcome FROM scope")) == EXPECTED
    assert {file for (file,) in rows(run.trace, "SELECT file FROM scope")} == {"test_phases.py"}
    workers = {worker for (worker,) in rows(run.trace, "SELECT worker FROM scope")}
    assert workers <= ({"gw0", "gw1"} if flags else {""}) and workers


@pytest.mark.parametrize("flags", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_only_calls_raise_findings_and_these_name_their_tests(suite: Callable[..., Any], flags: tuple[str, ...]) -> None:
    run = suite(*flags, SUITE_PASSES="1")
    assert run.code == 0, run.stdout + run.stderr
    assert {table for table in TABLES for finding in run.findings if table in finding["statement"]["sql"]} == {"in_call"}
    scopes = {scope for finding in run.findings for scope in finding["scopes"]}
    assert scopes == {name for name, outcome in EXPECTED if outcome != "skipped"}


def test_tests_run_alike_without_pgassay(pg: Any, tables: None) -> None:
    env = pg.env() | {"PYTHONPATH": str(REPOSITORY / "integrations" / "pytest"), "SUITE_PASSES": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "pytest_pgassay.plugin", "-p", "no:cacheprovider", str(SUITE)]
    for more in ({}, {"PGASSAY_CONTROL": "/nowhere/control"}):
        done = subprocess.run(command, env=env | more, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        assert ("tests stay nameless" in done.stdout + done.stderr) == bool(more)


def test_run_leaves_no_socket_behind(run_pgassay: Callable[..., Any], tmp_path: Path) -> None:
    told = tmp_path / "told"
    run_pgassay(["sh", "-c", f'stat -c %a "$(dirname "$PGASSAY_CONTROL")" > {told}; echo "$PGASSAY_CONTROL" >> {told}'])
    mode, address = told.read_text().split()
    assert mode == "700" and not Path(address).parent.exists()


def test_the_protocol_answers_each_line(pg: Any, pgassay_binary: Path, tmp_path: Path) -> None:
    from conftest import running_proxy

    path = tmp_path / "control"
    with running_proxy(pgassay_binary, pg, tmp_path / "t.db", "--control", str(path)):
        for lines, replies in [
            (b"open name=a\n", b"error hello-first "),
            (b"hello version=9\n", b"error version "),
            (b"hello version=1\nopen name=a\nclose outcome=passed\n", b"ok version=1\nok scope=1\nok\n"),
            (b"hello version=1\r\nphase phase=call\nopen\nfly\n", b"ok version=1\nerror no-scope "),
            (b"x" * 9000, b"error too-long "),
        ]:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(10)
                client.connect(str(path))
                client.sendall(lines)
                got = b""
                while len(got) < len(replies):
                    got += client.recv(4096)
                assert got.startswith(replies), got


def test_a_tag_names_the_line_that_asked(suite_of_orm: Any) -> None:
    run, line = suite_of_orm
    assert run.code == 0, run.stdout + run.stderr
    sites = {site for finding in run.findings for site in finding.get("sites", [])}
    assert f"test_orm.py:{line}" in sites, run.report
    tags = rows(run.trace, "SELECT count(*) FROM statement WHERE sql LIKE '%in_call%'")
    assert tags == [(1,)]


@pytest.fixture(params=["sqlalchemy", "django"])
def suite_of_orm(request: Any, run_pgassay: Callable[..., Any], tables: None, tmp_path: Path) -> Any:
    source = (SUITE.parent / f"{request.param}_suite.py").read_text()
    (tmp_path / "test_orm.py").write_text(source)
    line = next(n for n, text in enumerate(source.splitlines(), 1) if text.endswith("# here"))
    path = {"PYTHONPATH": str(REPOSITORY / "integrations" / "pytest"), "PYTHONDONTWRITEBYTECODE": "1"}
    words = [sys.executable, "-m", "pytest", "-q", "-p", "pytest_pgassay.plugin", "-p", "no:cacheprovider", "--pgassay-sites"]
    return run_pgassay([*words, "--rootdir", tmp_path, tmp_path / "test_orm.py"], env=path), line


def test_a_gate_names_the_test_and_the_line(pg: Any, pgassay_binary: Path, tmp_path: Path) -> None:
    from shop_project import FAIL, PASS, Project, entries

    project = Project(tmp_path / "project", pgassay_binary, pg.env())
    project.environment["PYTHONPATH"] += os.pathsep + str(REPOSITORY / "integrations" / "pytest")
    plugin = ("-p", "pytest_pgassay.plugin", "--pgassay-sites")
    parallel = project.record(*plugin, "-n", "2")
    of_parallel = project.baseline(parallel).read_bytes()
    assert project.baseline(project.record(*plugin)).read_bytes() == of_parallel
    assert project.gate(parallel)[0] == PASS
    project.load_orders_lazily()
    code, report = project.gate(project.record(*plugin))
    assert code == FAIL
    (entry,) = entries(report, "new")
    assert entry["scope"] == "tests/test_users.py::test_list_users"
    source = (project.folder / "app" / "views.py").read_text().splitlines()
    file, line = entry["site"].split(":")
    assert file == "app/views.py" and "orders" in source[int(line) - 1]
