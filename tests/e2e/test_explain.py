"""What is asked of the planner (--explain), and with each server version what tests/analyzer/catalog/server claims of plans."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Run
from private_postgres import PrivatePostgres
from test_canaries import hits_in_cells, hits_in_files, word
from test_catalog import catalogs
from test_golden_live import DEBIANS, other_server
from test_plans import ORDERS, client, database, plans, show  # noqa: F401  (a fixture)
from test_versions import MAJORS


@pytest.mark.parametrize("major", MAJORS)
def test_every_version_plans_what_was_sent(major: int, pgassay_binary: Path) -> None:
    with PrivatePostgres(None if major == DEBIANS else other_server(major)) as server:
        done = subprocess.run([pgassay_binary.parent / "catalog_server_test"], env=server.env(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]


LOG = (
    "CREATE TABLE log (id int); CREATE FUNCTION touch(int) RETURNS int LANGUAGE plpgsql AS "
    "$$BEGIN INSERT INTO log VALUES ($1); RETURN $1; END$$; "
)
BY_CODE = "for i in range(12): run('SELECT id, total FROM orders WHERE code = %s', (f'code-{i}',)).fetchall()"
TOUCHING = "for i in range(12): run('SELECT touch(id) FROM orders WHERE id = %s', (i + 1,)).fetchall()"


def test_nothing_is_planned_where_explain_is_off(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:  # noqa: F811
    pg.psql(ORDERS + "CREATE EXTENSION hypopg; ANALYZE orders", database)
    run = run_pgassay(client(BY_CODE), flags=["--database=auto", "--explain=off"], dbname=database)
    assert plans(run) == {} and catalogs(run)[database]["read"]
    with closing(sqlite3.connect(run.trace)) as db:
        assert db.execute("SELECT (SELECT count(*) FROM trial), (SELECT count(*) FROM slot)").fetchone() == (0, 0)


def test_a_statement_with_parameters_is_planned_with_values_and_without(
    pg: PrivatePostgres, pgassay_binary: Path, run_pgassay: Callable[..., Run], database: str  # noqa: F811
) -> None:
    pg.psql(ORDERS + "ANALYZE orders", database)
    run = run_pgassay(client(BY_CODE, "run('SELECT id FROM orders WHERE id = 7').fetchall()"), flags=["--database=auto"], dbname=database)
    made = plans(run)
    assert {kind for text, kind in made if text == "SELECT id, total FROM orders"} == {"values", "generic", "no sequential scans"}
    assert {kind for text, kind in made if text == "SELECT id FROM orders"} == {"values"}  # literals: there is nothing generic about it
    generic = made["SELECT id, total FROM orders", "generic"]
    assert (generic["how"], generic["executions"]) == ("generic plan", 0)
    shown = show(pgassay_binary, run, f"s{generic['statement_id']}")
    heads = [line.strip() for line in shown.splitlines() if line.strip().startswith("plan: ")]
    assert len(heads) == 3 and heads[0].startswith("plan: planned with the values of one execution · the costliest of "), shown
    assert heads[1:] == ["plan: generic plan", "plan: with the values of one execution, with sequential scans switched off"]


def test_what_changes_nothing_is_executed_once_more_where_that_is_asked_for(
    pg: PrivatePostgres, pgassay_binary: Path, run_pgassay: Callable[..., Run], database: str  # noqa: F811
) -> None:
    pg.psql(ORDERS + LOG + "ANALYZE orders", database)
    writing = "run('UPDATE orders SET total = total + 1 WHERE id = %s', (7,))"
    program = client(BY_CODE.replace("code-{i}", f"{word(1)}{{i}}"), TOUCHING, writing)
    plain = run_pgassay(program, flags=["--database=auto"], dbname=database)
    assert all(kind != "executed" for _, kind in plans(plain))
    assert pg.psql("SELECT (SELECT count(*) FROM log), (SELECT total FROM orders WHERE id = 7)", database).strip() == "12|8"
    run = run_pgassay(program, flags=["--database=auto", "--explain=analyze"], dbname=database)
    assert pg.psql("SELECT (SELECT count(*) FROM log), (SELECT total FROM orders WHERE id = 7)", database).strip() == "24|9"
    executed = {text: plan for (text, kind), plan in plans(run).items() if kind == "executed"}
    reading = executed["SELECT id, total FROM orders"]
    assert reading["problem"] == "" and json.loads(reading["plan"])[0]["Plan"]["Actual Rows"] == 0
    assert executed["SELECT touch(id) FROM orders"]["problem"] == "it is not executed: the function touch is volatile"
    assert executed["UPDATE orders SET total = total + $2"]["problem"] == "it is not executed: it does more than to read"
    shown = show(pgassay_binary, run, f"s{reading['statement_id']}")
    assert "plan: executed once more with the values of one execution" in shown and re.search(r"0 rows came, \d+\.\d\d ms", shown), shown
    assert hits_in_files(run.trace) + hits_in_cells(run.trace) == []


def test_what_explain_takes_is_checked_before_anything_runs(run_pgassay: Callable[..., Run]) -> None:
    for flags, said in {
        ("--database=auto", "--explain=all"): "--explain takes off, plans or analyze, not all",
        ("--explain=analyze",): "--explain needs --database",
        ("--database=auto", "--explain=off", "--sandbox"): "--sandbox needs plans",
    }.items():
        run = run_pgassay(["true"], flags=list(flags))
        assert run.code == 2 and said in run.stderr and run.report is None, run.stderr
