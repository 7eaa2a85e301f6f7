"""Plans in the trace: what `run --database` asks the planner at its end, the rules that read it, and what `show` draws of it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, wait_until
from private_postgres import PrivatePostgres
from test_canaries import digits, hits, hits_in_cells, hits_in_files, word
from test_catalog import locked, psql

pytest.importorskip("psycopg")

ORDERS = (
    "CREATE TABLE orders (id int PRIMARY KEY, user_id int NOT NULL, code text NOT NULL, total numeric NOT NULL); "
    "INSERT INTO orders SELECT i, i % 1000, 'code-' || i, i FROM generate_series(1, 20000) i; "
)


@pytest.fixture
def database(pg: PrivatePostgres, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"plans_{abs(hash(request.node.name)) % 10**8}"
    pg.psql(f"CREATE DATABASE {name}", "postgres")
    yield name
    pg.psql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", "postgres")


def client(*lines: str) -> list[str]:
    """A psycopg program that runs `lines` with a cursor `run(sql, values)`."""
    head = "import decimal, os, psycopg\nconnection = psycopg.connect(os.environ['DATABASE_URL'], autocommit=True)\nrun = connection.execute\n"
    return [sys.executable, "-c", head + "\n".join(lines)]


def plans(run: Run) -> dict[tuple[str, str], dict[str, Any]]:
    """By the statement's beginning and the kind of plan."""
    with closing(sqlite3.connect(run.trace)) as db:
        db.row_factory = sqlite3.Row
        rows = db.execute("SELECT s.sql, p.* FROM plan p JOIN statement s USING (statement_id)").fetchall()
    return {(row["sql"].split(" WHERE ")[0], row["kind"]): dict(row) for row in rows}


def rules(run: Run) -> list[str]:
    """Of those that read plans: the client's loop is another rule's matter, and how fast it ran."""
    return sorted(finding["rule"] for finding in run.findings if finding["rule"] in ("seq-scan", "implicit-cast", "leading-wildcard"))


def show(binary: Path, run: Run, name: str, *flags: str) -> str:
    done = subprocess.run([binary, "show", run.trace, name, *flags], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


LOOK_UP = client("for i in range(12): run('SELECT id, total FROM orders WHERE user_id = %s', (i,)).fetchall()")


def test_nothing_is_planned_without_the_flag(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:
    pg.psql(ORDERS, database)
    assert plans(run_pgassay(LOOK_UP, dbname=database)) == {}


def enabled(folder: Path, options: str = "") -> list[str]:
    config = folder / "pgassay.toml"
    config.write_text(f"[rules.seq-scan]\nenabled = 1\n{options}\n")
    return ["--config", str(config)]


def test_a_scan_that_no_index_could_spare_is_flagged(
    pg: PrivatePostgres, pgassay_binary: Path, run_pgassay: Callable[..., Run], database: str, tmp_path: Path
) -> None:
    pg.psql(ORDERS + "ANALYZE orders", database)
    on = enabled(tmp_path)
    run = run_pgassay(LOOK_UP, flags=["--database=auto", *on], dbname=database)
    assert run.code == 0, run.stderr
    findings = [finding for finding in run.findings if finding["rule"] == "seq-scan"]
    assert [finding["title"] for finding in findings] == ["orders.user_id"]
    assert findings[0]["executions"] == 12
    shown = show(pgassay_binary, run, findings[0]["id"], *on)
    assert "Seq Scan on orders" in shown and "of the cost" in shown and "Filter: (orders.user_id = $1)" in shown
    page = json.loads(show(pgassay_binary, run, findings[0]["id"], "--format", "json", *on))
    assert [plan["kind"] for plan in page["plans"]][-1] == "no sequential scans"
    # What it prints runs as it is, and then there is nothing left to flag.
    pg.psql(findings[0]["fix"]["sql"], database)
    pg.psql("ANALYZE orders", database)
    again = run_pgassay(LOOK_UP, flags=["--database=auto", *on], dbname=database)
    assert "seq-scan" not in rules(again)
    assert json.loads(next(iter(plans(again).values()))["indexes"]) == ["ix_orders_user_id"]


def test_a_small_table_is_flagged_where_the_configuration_asks(
    pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str, tmp_path: Path
) -> None:
    """The gate's use: ten rows in a test database, and the planner's costs say nothing."""
    pg.psql("CREATE TABLE orders (id int PRIMARY KEY, user_id int, total int); INSERT INTO orders SELECT i, i, i FROM generate_series(1, 10) i; ANALYZE orders", database)
    by_key = client("for i in range(12): run('SELECT total FROM orders WHERE id = %s', (i,)).fetchall()")
    assert "seq-scan" not in rules(run_pgassay(LOOK_UP, flags=["--database=auto", *enabled(tmp_path)], dbname=database))
    asked = enabled(tmp_path, "min_rows = 0")
    assert "seq-scan" in rules(run_pgassay(LOOK_UP, flags=["--database=auto", *asked], dbname=database))
    assert "seq-scan" not in rules(run_pgassay(by_key, flags=["--database=auto", *asked], dbname=database))


def test_literals_are_planned_as_they_were_sent(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:
    pg.psql(
        "CREATE TABLE job (id int, status text); INSERT INTO job SELECT i, CASE WHEN i % 1000 = 0 THEN 'hot' ELSE 'done' END FROM generate_series(1, 20000) i; "
        "CREATE INDEX ON job (status); ANALYZE job",
        database,
    )
    run = run_pgassay(psql("SELECT id FROM job WHERE status = 'hot'", "SELECT count(*) FROM job WHERE status = 'done'"), flags=["--database=auto"], dbname=database)
    hot, done = plans(run)["SELECT id FROM job", "values"], plans(run)["SELECT count(*) FROM job", "values"]
    assert json.loads(hot["indexes"]) == ["job_status_idx"] and json.loads(hot["sequential_scans"]) == []
    assert json.loads(done["sequential_scans"]) == ["public.job"]
    assert hot["executions"] == 1 and hot["how"] == "planned with the values of one execution"


def test_a_session_is_planned_as_it_was_set(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:
    pg.psql(
        "CREATE SCHEMA tenant_1; CREATE TABLE tenant_1.invoice (id int); CREATE SCHEMA tenant_2; CREATE TABLE tenant_2.invoice (id int PRIMARY KEY, tenant int); "
        "ALTER TABLE tenant_2.invoice ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON tenant_2.invoice USING (tenant = current_setting('app.tenant')::int)",
        database,
    )
    pg.psql("DROP ROLE IF EXISTS plain; CREATE ROLE plain", "postgres")
    pg.psql("GRANT USAGE ON SCHEMA tenant_2 TO plain; GRANT SELECT ON tenant_2.invoice TO plain", database)
    run = run_pgassay(
        psql("SET search_path = tenant_2", "BEGIN", f"SET LOCAL app.tenant = '{digits(0)[:8]}'", "SET LOCAL ROLE plain", "SELECT id FROM invoice WHERE id > 5", "COMMIT"),
        flags=["--database=auto"],
        dbname=database,
    )
    plan = plans(run)["SELECT id FROM invoice", "values"]
    assert plan["problem"] == "" and "current_setting" in plan["plan"] and '"Schema":"tenant_2"' in plan["plan"], plan
    assert plan["how"] == "planned with the values of one execution"
    assert digits(0)[:8].encode() not in run.trace.read_bytes()


def test_a_locked_table_is_a_stated_reason(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str, tmp_path: Path) -> None:
    """Somebody locks it while the session is still open, and holds it while we ask."""
    pg.psql("CREATE TABLE held (id int PRIMARY KEY); CREATE TABLE free (id int PRIMARY KEY)", database)
    read, lock_held = tmp_path / "read", tmp_path / "locked"
    lines = ["SELECT id FROM held WHERE id = 1;", "SELECT id FROM free WHERE id = 1;", f"\\! touch {read}; until [ -e {lock_held} ]; do sleep 0.05; done"]
    with ThreadPoolExecutor() as pool:
        running = pool.submit(run_pgassay, psql(), flags=["--database=auto"], dbname=database, stdin="\n".join(lines) + "\n")
        wait_until("the tables were read", read.exists)
        with locked(pg, database, "held"):
            lock_held.touch()
            run = running.result(60)
    assert plans(run)["SELECT id FROM held", "values"]["problem"] == "canceling statement due to lock timeout"
    assert plans(run)["SELECT id FROM free", "values"]["problem"] == ""


def test_plans_are_there_of_a_database_that_was_dropped(run_pgassay: Callable[..., Run]) -> None:
    script = (
        'set -e; psql -XqAt -d postgres -c "CREATE DATABASE short_plans"; '
        'psql -XqAt -d short_plans -c "CREATE TABLE t (id int PRIMARY KEY)" -c "SELECT id FROM t WHERE id = 1"; sleep 1; '
        'psql -XqAt -d postgres -c "DROP DATABASE short_plans"'
    )
    run = run_pgassay(["sh", "-c", script], flags=["--database=auto"])
    assert run.code == 0, run.stderr
    assert json.loads(plans(run)["SELECT id FROM t", "values"]["indexes"]) == ["t_pkey"]


def test_no_value_is_kept_of_a_plan(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:
    pg.psql(ORDERS + "ANALYZE orders", database)
    run = run_pgassay(
        [
            *client(
                f"run('SELECT id FROM orders WHERE code = %s AND total > %s', ('{word(1)}', {digits(2)})).fetchall()",
                f"run(\"SET app.secret = '{word(3)}'\")",
                f"run(\"SELECT id FROM orders WHERE code LIKE '{word(4)}%' AND user_id < {digits(5)} ORDER BY code || '{word(6)}'\").fetchall()",
                f"run(\"UPDATE orders SET code = '{word(7)}' WHERE code = '{word(8)}'\")",
            )
        ],
        flags=["--database=auto"],
        dbname=database,
    )
    assert run.code == 0, run.stderr
    assert len(plans(run)) >= 3 and all(not plan["problem"] for plan in plans(run).values()), plans(run)
    assert hits_in_files(run.trace) + hits_in_cells(run.trace) == []
    assert hits(json.dumps(run.report).encode()) + hits(run.stderr.encode()) == []


def test_a_value_of_another_type_puts_the_index_out_of_reach(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:
    """psycopg sends a Decimal as numeric: the integer column is cast. An int is sent as it is."""
    pg.psql(ORDERS + "CREATE INDEX ON orders (user_id); ANALYZE orders", database)
    text = "for i in range(12): run('SELECT id, total FROM orders WHERE user_id = %s', ({},)).fetchall()"
    flagged = run_pgassay(client(text.format("decimal.Decimal(i)")), flags=["--database=auto"], dbname=database)
    clean = run_pgassay(client(text.format("i")), flags=["--database=auto"], dbname=database)
    assert rules(flagged) == ["implicit-cast"], flagged.findings
    assert [f["title"] for f in flagged.findings if f["rule"] == "implicit-cast"] == ["orders.user_id as numeric"]
    assert rules(clean) == []


def test_a_pattern_that_begins_with_a_wildcard(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:
    """The pattern is nowhere in the trace: that its index does not serve it tells how it begins."""
    pg.psql(ORDERS + "CREATE INDEX ON orders (code text_pattern_ops); ANALYZE orders", database)
    text = "for i in range(12): run('SELECT id FROM orders WHERE code LIKE %s', ({},)).fetchall()"
    flagged = run_pgassay(client(text.format("f'%{i + 1000}'")), flags=["--database=auto"], dbname=database)
    clean = run_pgassay(client(text.format("f'code-{i + 1000}%'")), flags=["--database=auto"], dbname=database)
    assert rules(flagged) == ["leading-wildcard"], flagged.findings
    finding = next(finding for finding in flagged.findings if finding["rule"] == "leading-wildcard")
    assert finding["title"] == "orders.code"
    assert rules(clean) == []
    for statement in finding["fix"]["sql"].split(";\n"):  # as it is printed
        pg.psql(statement, database)
    assert rules(run_pgassay(client(text.format("f'%{i + 1000}'")), flags=["--database=auto"], dbname=database)) == []
