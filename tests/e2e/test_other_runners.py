"""The helpers for other languages' test runners, each with the real one under `pgassay run` (scripts/setup runners)."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

E2E = Path(__file__).resolve().parent
REPOSITORY = E2E.parents[1]
RUNNERS = E2E / "runners"
NODE_MODULES = REPOSITORY / "build" / "runners" / "node_modules"
TABLES = ("in_setup", "in_call", "in_teardown")


@pytest.fixture(scope="module", autouse=True)
def tables(pg: Any) -> None:
    sql = "CREATE TABLE IF NOT EXISTS authors AS SELECT id::bigint FROM generate_series(4011, 4022) AS id;"
    for name in TABLES:
        sql += f"CREATE TABLE IF NOT EXISTS {name} AS SELECT id AS author_id, 'title' AS title FROM authors;"
    pg.psql(sql)


def outcomes(trace: Path) -> dict[str, tuple[str, str]]:
    connection = sqlite3.connect(f"file:{trace}?mode=ro", uri=True)
    try:
        return {name: (outcome, file) for name, outcome, file in connection.execute("SELECT name, outcome, file FROM scope")}
    finally:
        connection.close()


def assert_only_calls_are_found(run: Any, tests: set[str]) -> None:
    assert run.findings, run.stdout + run.stderr
    assert {table for table in TABLES for finding in run.findings if table in finding["statement"]["sql"]} == {"in_call"}
    assert {scope for finding in run.findings for scope in finding["scopes"]} == tests


def needs_ruby(library: str) -> None:
    if not shutil.which("ruby") or subprocess.run(["ruby", "-e", f"require 'pg'; require '{library}'"], check=False).returncode:
        pytest.skip(f"no Ruby with pg and {library}")


@pytest.mark.parametrize("through", ["a socket", "TCP"])
def test_rspec(run_pgassay: Callable[..., Any], tmp_path: Path, through: str) -> None:
    needs_ruby("rspec")
    shutil.copy(RUNNERS / "phases_spec.rb", tmp_path)
    flags = ["--control", "127.0.0.1:0"] if through == "TCP" else []
    command = ["sh", "-c", f"cd {tmp_path} && exec rspec -I {REPOSITORY}/integrations/ruby phases_spec.rb"]
    run = run_pgassay(command, flags=flags)
    assert run.code == 1, run.stdout + run.stderr
    file = "phases_spec.rb"
    names = {word: f"{file}: phases {word}" for word in ("passes & is named", "fails", "is skipped")}
    assert outcomes(run.trace) == {
        names["passes & is named"]: ("passed", file),
        names["fails"]: ("failed", file),
        names["is skipped"]: ("skipped", file),
    }
    assert_only_calls_are_found(run, {names["passes & is named"]})


def test_minitest(run_pgassay: Callable[..., Any], tmp_path: Path) -> None:
    needs_ruby("minitest")
    shutil.copy(RUNNERS / "phases_minitest.rb", tmp_path)
    command = ["sh", "-c", f"cd {tmp_path} && exec ruby -I {REPOSITORY}/integrations/ruby phases_minitest.rb"]
    run = run_pgassay(command)
    assert run.code == 1, run.stdout + run.stderr
    file = "phases_minitest.rb"
    assert outcomes(run.trace) == {
        "Phases#test_passes": ("passed", file),
        "Phases#test_fails": ("failed", file),
        "Phases#test_skipped": ("skipped", file),
    }
    assert_only_calls_are_found(run, {"Phases#test_passes"})


JEST = """module.exports = { testEnvironment: "HELPER/jest.js" };"""
VITEST = """export default { test: { globals: true, include: ["*.test.js"], runner: "HELPER/vitest.mjs" } };"""


@pytest.mark.parametrize(
    ("config", "text", "command"),
    [("jest.config.js", JEST, "jest"), ("vitest.config.mjs", VITEST, "vitest run")],
    ids=["jest", "vitest"],
)
def test_node(run_pgassay: Callable[..., Any], tmp_path: Path, config: str, text: str, command: str) -> None:
    if not (NODE_MODULES / ".bin" / command.split()[0]).exists():
        pytest.skip("no Jest and Vitest (scripts/setup runners)")
    shutil.copy(RUNNERS / "node" / "phases.test.js", tmp_path)
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    (tmp_path / config).write_text(text.replace("HELPER", str(REPOSITORY / "integrations" / "node")))
    run = run_pgassay(["sh", "-c", f"cd {tmp_path} && CI=1 exec node_modules/.bin/{command}"])
    assert run.code == 1, run.stdout + run.stderr
    file = "phases.test.js"
    passes, fails = f"{file} > phases > passes & is named", f"{file} > phases > fails"
    assert outcomes(run.trace) == {passes: ("passed", file), fails: ("failed", file)}, run.stdout + run.stderr
    assert_only_calls_are_found(run, {passes, fails})
