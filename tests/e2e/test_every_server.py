"""Plans and advice on servers as they come: PostgreSQL 14 to 18 without HypoPG, and databases that show little or look odd.

PostgreSQL 15 is Debian's; the others take part in scripts/test --all, as in test_versions.py.
"""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, wait_until
from private_postgres import NoServer, PrivatePostgres
from test_catalog import catalogs, locked
from test_golden_live import DEBIANS, other_server
from test_versions import MAJORS

pytest.importorskip("sqlalchemy")

from shop.indexes import INDEXES  # noqa: E402
from test_advise import advised, run_the_script_and_look_for_every_index_in_plans  # noqa: E402

UNCONFIRMED = "HypoPG is not in this database, so the planner could not be asked"
TABLE = (
    "CREATE TABLE {0} (id int PRIMARY KEY, user_id int NOT NULL, note text NOT NULL); "
    "INSERT INTO {0} SELECT i, i * 7919 % 1000, repeat('x', 300) FROM generate_series(1, 30000) i; "
)
LOOK_UP = "SELECT id, note FROM {0} WHERE user_id = {1};\n"


@pytest.fixture(scope="module", params=MAJORS)
def server(request: pytest.FixtureRequest) -> Iterator[PrivatePostgres]:
    major = int(request.param)
    server = PrivatePostgres(None if major == DEBIANS else other_server(major))
    try:
        server.start()
    except NoServer as error:
        pytest.skip(str(error))
    yield server
    server.stop()


@pytest.fixture
def database(server: PrivatePostgres, request: pytest.FixtureRequest) -> str:
    """Goes with its server."""
    name = f"odd_{abs(hash(request.node.name)) % 10**8}"
    server.psql(f"CREATE DATABASE {name}", "postgres")
    return name


@pytest.fixture
def record(server: PrivatePostgres, database: str, run_pgassay: Callable[..., Run]) -> Callable[..., Run]:
    def recorded(sql: str, *flags: str) -> Run:
        run = run_pgassay(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], flags=flags or ["--database=auto"], stdin=sql, env=server.env(database))
        assert run.code == 0, run.stderr
        return run

    return recorded


def look_ups(table: str = "orders") -> str:
    return "".join(LOOK_UP.format(table, i) for i in range(12))


def advice(binary: Path, run: Run, *words: str) -> list[dict[str, Any]]:
    done = subprocess.run([binary, "advise", run.trace, "--format", "json", *words], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout)["findings"])


def how(finding: dict[str, Any]) -> str:
    return next(str(fact["text"]) for fact in finding["evidence"] if re.match("(modelled|structural|hypothetical|built):", fact["text"]))


def plans(run: Run) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(run.trace)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute("SELECT s.sql, p.* FROM plan p JOIN statement s USING (statement_id) WHERE p.kind = 'values'")]


def test_every_index_is_advised_as_unconfirmed_and_taken_once_it_is_there(server: PrivatePostgres, pgassay_binary: Path, run_pgassay: Callable[..., Run]) -> None:
    flagged = advised("flagged", server, pgassay_binary, run_pgassay)
    findings = flagged.findings()
    assert sorted(finding["title"] for finding in findings) == sorted(index.advice for index in INDEXES)
    for finding in findings:
        if finding["rule"] == "missing-index":
            assert how(finding).startswith("modelled:") and how(finding).endswith(UNCONFIRMED), finding
    run_the_script_and_look_for_every_index_in_plans(server, flagged)


def test_the_clean_twin_is_silent(server: PrivatePostgres, pgassay_binary: Path, run_pgassay: Callable[..., Run]) -> None:
    assert [finding["title"] for finding in advised("clean", server, pgassay_binary, run_pgassay).findings()] == []


def test_a_role_that_may_only_read(server: PrivatePostgres, database: str, record: Callable[..., Run], pgassay_binary: Path) -> None:
    server.psql(TABLE.format("orders") + "ANALYZE orders", database)
    server.psql("CREATE ROLE reads LOGIN; CREATE ROLE sees_names LOGIN", database)
    server.psql("GRANT SELECT ON orders TO reads", database)
    run = record(look_ups(), f"--database=postgresql://reads@{server.host}:{server.port}")
    (plan,) = plans(run)
    assert (plan["problem"], plan["how"]) == ("", "planned with the values of one execution, without the application's role")
    assert [finding["title"] for finding in advice(pgassay_binary, run)] == ["orders (user_id)"]
    # One that may not even do that: no plan, and what the statistics would say is not known. That is said, and nothing fails.
    run = record(look_ups(), f"--database=postgresql://sees_names@{server.host}:{server.port}")
    (plan,) = plans(run)
    assert plan["problem"] == "permission denied for table …"
    assert catalogs(run)[database]["read"]
    advice(pgassay_binary, run)
    assert server.psql("SELECT count(*) FROM orders", database).strip() == "30000"


def test_row_level_security_by_a_custom_setting(server: PrivatePostgres, database: str, record: Callable[..., Run], pgassay_binary: Path) -> None:
    server.psql(
        TABLE.format("orders") + "ALTER TABLE orders ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON orders USING (user_id = current_setting('app.tenant')::int); "
        "CREATE ROLE tenant; GRANT SELECT ON orders TO tenant; ANALYZE orders",
        database,
    )
    run = record("SET ROLE tenant;\n" + "".join(f"SET app.tenant = '{i}';\nSELECT id, note FROM orders;\n" for i in range(12)))
    (finding,) = advice(pgassay_binary, run)
    assert finding["title"] == "orders (user_id)" and how(finding).endswith(UNCONFIRMED)


def test_a_schema_per_tenant(server: PrivatePostgres, database: str, record: Callable[..., Run], pgassay_binary: Path) -> None:
    tenants = [f"tenant_{i}" for i in range(3)]
    server.psql("".join(f"CREATE SCHEMA {name}; {TABLE.format(name + '.orders')}" for name in tenants) + "ANALYZE", database)
    run = record("".join(f"SET search_path = {name};\n{look_ups()}" for name in tenants))
    (plan,) = plans(run)
    assert plan["problem"] == "" and re.search(r'"Schema":"tenant_\d"', plan["plan"]), plan
    (finding,) = advice(pgassay_binary, run)
    assert finding["title"] == "orders (user_id)" and any("the table stands in 3 schemas" in fact["text"] for fact in finding["evidence"])


def test_a_table_that_somebody_holds_exclusively(
    server: PrivatePostgres, database: str, run_pgassay: Callable[..., Run], pgassay_binary: Path, tmp_path: Path
) -> None:
    """It is locked while the session is still open, and as long as we ask."""
    server.psql(TABLE.format("orders") + TABLE.format("free") + "ANALYZE", database)
    read, held = tmp_path / "read", tmp_path / "held"
    sql = look_ups("orders") + look_ups("free") + f"\\! touch {read}; until [ -e {held} ]; do sleep 0.05; done\n"
    with ThreadPoolExecutor() as pool:
        running = pool.submit(run_pgassay, ["psql", "-XqAt"], flags=["--database=auto"], stdin=sql, env=server.env(database))
        wait_until("the tables were read", read.exists)
        with locked(server, database, "orders"):
            held.touch()
            run = running.result(60)
    assert run.code == 0, run.stderr
    assert {plan["sql"].split(" ")[4]: plan["problem"] for plan in plans(run)} == {"orders": "canceling statement due to lock timeout", "free": ""}
    assert "free (user_id)" in [finding["title"] for finding in advice(pgassay_binary, run)]


def test_a_schema_whose_name_is_sql(server: PrivatePostgres, database: str, record: Callable[..., Run], pgassay_binary: Path) -> None:
    schema = "\"x'; drop table t;--\""
    server.psql(f"CREATE TABLE t (id int); CREATE SCHEMA {schema}; {TABLE.format(schema + '.orders')} ANALYZE", database)
    run = record(look_ups(f"{schema}.orders"))
    (plan,) = plans(run)
    assert plan["problem"] == "" and json.loads(plan["sequential_scans"]) == [f"{schema}.orders"]
    (finding,) = advice(pgassay_binary, run)
    assert finding["title"] == "orders (user_id)"
    server.psql(finding["fix"]["sql"], database)
    assert server.psql("SELECT count(*) FROM pg_index JOIN pg_class c ON c.oid = indrelid WHERE relname = 'orders'", database).strip() == "2"
    assert server.psql("SELECT count(*) FROM t", database).strip() == "0"


def test_tables_of_ten_rows_are_left_alone(server: PrivatePostgres, database: str, record: Callable[..., Run], pgassay_binary: Path) -> None:
    server.psql(TABLE.format("orders").replace("30000", "10") + "ANALYZE orders", database)
    run = record(look_ups())
    (plan,) = plans(run)
    assert plan["problem"] == "" and json.loads(plan["sequential_scans"]) == ["public.orders"]
    assert advice(pgassay_binary, run) == []


def test_a_trace_without_plans_is_planned_generically_by_the_server_that_is_named(
    server: PrivatePostgres, database: str, record: Callable[..., Run], pgassay_binary: Path
) -> None:
    server.psql(TABLE.format("orders") + "ANALYZE orders", database)
    run = record(look_ups() + "SELECT id, note FROM orders WHERE user_id IN (1, 2, 3) AND note <> 'a';\n", "--threads=1")
    assert plans(run) == [] and catalogs(run) == {}
    (finding,) = advice(pgassay_binary, run, "--database", server.dsn(dbname=database))
    assert finding["title"] == "orders (user_id)" and how(finding).endswith(UNCONFIRMED)
    today = [fact["text"] for fact in finding["evidence"] if fact["text"].startswith("the planner's cost today is ")]
    assert len(today) == 1 and today[0].endswith(": generic plan, made without the application's role, search_path and settings"), finding["evidence"]


def test_kept_values_are_better_than_none(server: PrivatePostgres, database: str, record: Callable[..., Run], pgassay_binary: Path) -> None:
    server.psql(TABLE.format("orders") + "ANALYZE orders", database)
    lists = "".join(f"SELECT id, note FROM orders WHERE user_id IN ({i}, {i + 1}, 7) AND note <> 'a';\n" for i in range(12))
    for sql in (look_ups(), lists):
        run = record(sql, "--keep-values")
        (finding,) = advice(pgassay_binary, run, "--database", server.dsn(dbname=database))
        today = [fact["text"] for fact in finding["evidence"] if fact["text"].startswith("the planner's cost today is ")]
        assert len(today) == 1 and ": planned with the values of one execution, without the application's role" in today[0], finding["evidence"]
