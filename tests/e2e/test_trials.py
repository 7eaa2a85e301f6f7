"""Advice that the planner confirms: with HypoPG in the database, or in one that --sandbox says is nobody's, the recorder tries the indexes before it exits."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from private_postgres import PrivatePostgres
from test_advise import Advised, advised, the, vacuum
from test_canaries import digits, hits, hits_in_cells, hits_in_files, word
from test_plans import client

pytest.importorskip("sqlalchemy")
pytest.importorskip("psycopg")

from shop.indexes import INDEXES  # noqa: E402

MISSING = [index for index in INDEXES if index.rule == "missing-index"]
PLANNED = [index for index in MISSING if " gin " not in index.advice]


def how(finding: dict[str, Any]) -> str:
    return next(str(fact["text"]) for fact in finding["evidence"] if re.match("(modelled|structural|hypothetical|built):", fact["text"]))


def indexes(pg: PrivatePostgres, database: str) -> str:
    return pg.psql("SELECT indexrelid::regclass FROM pg_index JOIN pg_class c ON c.oid = indrelid WHERE relnamespace = 'public'::regnamespace ORDER BY 1", database)


@pytest.fixture(scope="module")
def hypothetical(pg: PrivatePostgres, pgassay_binary: Path, run_pgassay: Callable[..., Run]) -> Advised:
    return advised("flagged", pg, pgassay_binary, run_pgassay, name="trials", extra="CREATE EXTENSION hypopg")


def test_hypopg_confirms_what_it_knows_and_the_rest_says_why_not(hypothetical: Advised) -> None:
    findings = hypothetical.findings()
    assert sorted(finding["title"] for finding in findings) == sorted(index.advice for index in INDEXES)
    for index in MISSING:
        said = how(the(findings, index))
        if index in PLANNED:
            assert said.startswith("hypothetical: HypoPG told the planner of it, who takes it for 1 statement of 1"), (index.name, said)
        else:
            assert said.startswith("modelled:") and said.endswith("HypoPG knows no GIN index, so the planner could not be asked"), (index.name, said)


def test_the_plans_before_and_after_are_shown(hypothetical: Advised, pgassay_binary: Path) -> None:
    finding = the(hypothetical.findings(), INDEXES[0])
    shown = subprocess.run([pgassay_binary, "show", hypothetical.trace, finding["id"]], capture_output=True, text=True, check=True).stdout
    before, after = shown.split("plan before: hypothetical: planned with the values of one execution")[1].split("plan after")
    assert "Seq Scan on orders" in before and "ix_orders" not in before
    assert re.search(r"Index Scan.* ix_orders_user_id_created_at on orders", after), after
    page = json.loads(subprocess.run([pgassay_binary, "show", hypothetical.trace, finding["id"], "--format", "json"], capture_output=True, text=True, check=True).stdout)
    (change,) = page["plan_changes"]
    assert change["cost_before"] > 10 * change["cost_after"] > 0 and change["plan_after"]


def test_a_budget_takes_indexes_that_were_tried_too(hypothetical: Advised) -> None:
    few = [finding for finding in hypothetical.findings("--budget", "1MB") if finding["rule"] == "missing-index"]
    assert few
    for finding in few:
        gin = "gin" in finding["title"]
        assert how(finding).startswith("modelled:" if gin else "hypothetical:"), finding["title"]


def test_the_clean_twin_is_silent_and_nothing_is_tried(pg: PrivatePostgres, pgassay_binary: Path, run_pgassay: Callable[..., Run]) -> None:
    clean = advised("clean", pg, pgassay_binary, run_pgassay, name="trials_clean", extra="CREATE EXTENSION hypopg")
    assert clean.findings() == []
    with closing(sqlite3.connect(clean.trace)) as db:
        assert db.execute("SELECT count(*) FROM trial").fetchone() == (0,)


@pytest.fixture(scope="module")
def built(pg: PrivatePostgres, pgassay_binary: Path, run_pgassay: Callable[..., Run]) -> Advised:
    return advised("flagged", pg, pgassay_binary, run_pgassay, name="sandbox", flags=["--sandbox"])


def test_a_sandbox_builds_every_index_and_leaves_none(pg: PrivatePostgres, built: Advised, hypothetical: Advised) -> None:
    findings = built.findings()
    for index in MISSING:
        said = how(the(findings, index))
        assert said.startswith("built: it was made in a transaction that was rolled back, and the planner takes it for 1 statement of 1"), (index.name, said)
    assert indexes(pg, built.database) == indexes(pg, hypothetical.database)
    assert pg.psql("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'", built.database).strip() == "0"


@pytest.mark.parametrize("form", ["hypothetical", "built"])
def test_predicted_costs_are_the_planners_after_the_real_build(pg: PrivatePostgres, form: str, request: pytest.FixtureRequest) -> None:
    """Within a fifth, for B-trees. Last: it changes the tables."""
    recorded: Advised = request.getfixturevalue(form)
    findings = recorded.findings()
    script = recorded.said("--format", "sql")
    subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], input=script, env=pg.env(recorded.database), text=True, check=True)
    vacuum(pg, recorded.database)
    off = {}
    for index in PLANNED:
        if " brin " in index.advice:
            continue
        predicted = next(fact["figures"]["cost_after"] for fact in the(findings, index)["evidence"] if "cost_after" in fact.get("figures", {}))
        real = [json.loads(pg.psql(f"EXPLAIN (FORMAT JSON) {sql}", recorded.database))[0]["Plan"]["Total Cost"] for sql in index.traffic]
        mean = sum(real) / len(real)
        if abs(predicted - mean) > 0.2 * mean:
            off[index.name] = (predicted, real)
    assert off == {}


ORDERS = (
    "CREATE TABLE orders (id int PRIMARY KEY, user_id int NOT NULL, code text NOT NULL, note text NOT NULL); "
    "INSERT INTO orders SELECT i, i % 1000, 'code-' || i, repeat('x', 300) FROM generate_series(1, 30000) i; "
)


@pytest.fixture
def database(pg: PrivatePostgres, request: pytest.FixtureRequest) -> Any:
    name = f"trials_{abs(hash(request.node.name)) % 10**8}"
    pg.psql(f"CREATE DATABASE {name}", "postgres")
    pg.psql(ORDERS, name)
    pg.psql("ANALYZE orders", name)
    yield name
    pg.psql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", "postgres")


def titles(run: Run) -> list[str]:
    return [finding["title"] for finding in run.findings if finding["rule"] == "missing-index"]


def test_an_index_that_the_planner_does_not_take_is_not_advised(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:
    """psycopg sends a Decimal as numeric: the column is cast, and an index on it serves nothing. An int is sent as it is."""
    pg.psql("CREATE EXTENSION hypopg", database)
    text = "for i in range(12): run('SELECT id, note FROM orders WHERE user_id = %s', ({},)).fetchall()"
    cast = run_pgassay(client(text.format("decimal.Decimal(i)")), flags=["--database=auto"], dbname=database)
    plain = run_pgassay(client(text.format("i")), flags=["--database=auto"], dbname=database)
    assert titles(cast) == []
    assert titles(plain) == ["orders (user_id)"]
    assert how(next(f for f in plain.findings if f["rule"] == "missing-index")).startswith("hypothetical:")


def test_a_small_table_is_confirmed_by_structure(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:
    pg.psql("CREATE EXTENSION hypopg; CREATE TABLE few AS SELECT id, user_id, code FROM orders LIMIT 500; ANALYZE few", database)
    run = run_pgassay(client("for i in range(12): run('SELECT id, code FROM few WHERE user_id = %s', (i,)).fetchall()"), flags=["--database=auto"], dbname=database)
    (finding,) = [f for f in run.findings if f["rule"] == "missing-index"]
    assert finding["confidence"] == "hint"
    assert how(finding).endswith("With sequential scans switched off the planner takes it for 1 statement of 1")


def test_a_database_without_hypopg_says_so(run_pgassay: Callable[..., Run], database: str) -> None:
    run = run_pgassay(client("for i in range(12): run('SELECT id, note FROM orders WHERE user_id = %s', (i,)).fetchall()"), flags=["--database=auto"], dbname=database)
    (finding,) = [f for f in run.findings if f["rule"] == "missing-index"]
    assert how(finding).endswith("HypoPG is not in this database, so the planner could not be asked")


def test_a_later_advise_asks_the_server_that_is_named(
    pg: PrivatePostgres, pgassay_binary: Path, run_pgassay: Callable[..., Run], database: str
) -> None:
    """Recorded without --database: nothing but generic plans is left to ask for, and the finding says so. What was recorded with it is used as it is."""
    pg.psql("CREATE EXTENSION hypopg", database)
    program = client("for i in range(12): run('SELECT id, note FROM orders WHERE user_id = %s', (i,)).fetchall()")
    for flags, by in (([], ", by generic plans"), (["--database=auto"], "")):
        run = run_pgassay(program, flags=flags, dbname=database)
        words = [pgassay_binary, "advise", run.trace, "--database", pg.dsn(dbname=database), "--format", "json"]
        (finding,) = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)["findings"]
        assert finding["title"] == "orders (user_id)"
        assert how(finding) == f"hypothetical: HypoPG told the planner of it, who takes it for 1 statement of 1{by}"


def test_no_value_is_kept_of_a_trial(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:
    pg.psql("CREATE EXTENSION hypopg", database)
    lines = [
        f"run('SELECT id FROM orders WHERE code = %s AND note <> %s', ('{word(1)}', '{word(2)}')).fetchall()",
        f"run(\"SELECT id FROM orders WHERE user_id = {digits(3)[:8]} AND code || 'x' <> '{word(4)}'\").fetchall()",
    ]
    run = run_pgassay(client(*lines), flags=["--database=auto", "--sandbox"], dbname=database)
    with closing(sqlite3.connect(run.trace)) as db:
        assert db.execute("SELECT count(*) FROM trial WHERE problem = '' AND used").fetchone()[0] >= 2
    assert hits_in_files(run.trace) + hits_in_cells(run.trace) == []
    assert digits(3)[:8].encode() not in run.trace.read_bytes()
    assert hits(json.dumps(run.report).encode()) + hits(run.stderr.encode()) == []


def test_the_one_constant_that_is_kept_is_that_of_an_advised_index(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:
    """Two statements that always compare with one value: an index on the rare one is advised, on the frequent one none."""
    pg.psql(f"ALTER TABLE orders ADD state text; UPDATE orders SET state = CASE WHEN id % 100 = 0 THEN 'rare' ELSE '{word(2)}' END", database)
    pg.psql("VACUUM ANALYZE orders", database)
    text = "for i in range(12): run(\"SELECT id, note FROM orders WHERE state = '{}' ORDER BY user_id LIMIT 5\").fetchall()"
    run = run_pgassay(client(text.format("rare"), text.format(word(2)).replace(" ORDER BY user_id", "")), flags=["--database=auto"], dbname=database)
    with closing(sqlite3.connect(run.trace)) as db:
        assert sorted(row[0] for row in db.execute("SELECT constant FROM slot")) == ["", "'rare'"]
    (finding,) = [finding for finding in run.findings if finding["rule"] == "partial-for-status"]
    assert finding["title"] == "orders.state" and "WHERE state = 'rare'" in finding["fix"]["sql"]
    assert hits_in_files(run.trace) + hits_in_cells(run.trace) == []


def test_a_sandbox_without_a_database_is_one_sentence(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    words = [pgassay_binary, "run", "--sandbox", "--trace", tmp_path / "x.db", "--", "true"]
    done = subprocess.run(words, env=pg.env("postgres"), capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--sandbox needs --database" in done.stderr, done.stderr


TENANTS = (
    "CREATE TABLE invoices (id bigserial PRIMARY KEY, tenant int NOT NULL, kind int NOT NULL, note text NOT NULL); "
    "INSERT INTO invoices (tenant, kind, note) SELECT i * 7919 % 500, i * 31 % 3000, repeat('x', 300) FROM generate_series(1, 30000) i; "
    "ALTER TABLE invoices ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON invoices USING (tenant = current_setting('app.tenant')::int); "
    "CREATE TABLE notes (invoice_id int PRIMARY KEY, word text); INSERT INTO notes SELECT i, 'w' FROM generate_series(1, 30000) i; "
    "CREATE VIEW special AS SELECT i.id, n.word FROM invoices i JOIN notes n ON n.invoice_id = i.id WHERE i.kind = 17; "
)


@pytest.mark.parametrize("extension", ["hypopg", "plpgsql"])
def test_a_policys_condition_counts_as_the_statements(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str, extension: str) -> None:
    """With row-level security by a custom setting no statement says which tenant it is for: the plan does."""
    role = f"tenant_of_{database}"
    pg.psql(f"{TENANTS} ANALYZE; CREATE EXTENSION IF NOT EXISTS {extension}; CREATE ROLE {role}; GRANT SELECT ON invoices TO {role}", database)
    lines = [
        f"run('SET ROLE {role}')",
        "for i in range(12):",
        "    run(f\"SELECT set_config('app.tenant', '{i}', false)\")",
        "    run('SELECT id, note FROM invoices').fetchall()",
    ]
    try:
        flagged = run_pgassay(client(*lines), flags=["--database=auto"], dbname=database)
        assert titles(flagged) == ["invoices (tenant)"], flagged.findings
        said = how(next(f for f in flagged.findings if f["rule"] == "missing-index"))
        assert said.startswith("hypothetical:" if extension == "hypopg" else "modelled:"), said
        pg.psql("CREATE INDEX ON invoices (tenant); ANALYZE invoices", database)
        assert titles(run_pgassay(client(*lines), flags=["--database=auto"], dbname=database)) == []
    finally:
        pg.psql(f"DROP OWNED BY {role}; DROP ROLE {role}", database)


def test_a_views_condition_counts_as_the_statements(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:
    pg.psql(f"{TENANTS} ANALYZE; CREATE EXTENSION hypopg", database)
    program = client("for i in range(12): run('SELECT id, word FROM special').fetchall()")
    assert titles(run_pgassay(program, flags=["--database=auto"], dbname=database)) == ["invoices (kind)"]
    pg.psql("CREATE INDEX ON invoices (kind); ANALYZE invoices", database)
    assert titles(run_pgassay(program, flags=["--database=auto"], dbname=database)) == []


TASKS = (
    "CREATE TABLE owners (id int PRIMARY KEY, region int NOT NULL, name text NOT NULL); "
    "INSERT INTO owners SELECT i, i * 31 % 100, repeat('x', 900) FROM generate_series(1, 10000) i; "
    "CREATE TABLE tasks (id int PRIMARY KEY, owner int NOT NULL, email text NOT NULL, state text NOT NULL, made_at timestamptz NOT NULL, note text NOT NULL); "
    "INSERT INTO tasks SELECT i, i::bigint * 7919 % 10000, 'User' || i || '@example.org', CASE WHEN i % 200 = 0 THEN 'pending' WHEN i % 999 = 0 THEN 'failed' ELSE 'done' END, "
    "'2026-01-01'::timestamptz + i::bigint * 7919 % 80000 * interval '1 minute', repeat('x', 120) FROM generate_series(1, 80000) i; "
)
TASK_STATEMENTS = {
    "first of a few": "SELECT id, note FROM tasks WHERE state = 'pending' ORDER BY made_at LIMIT 20",
    "all of a few": "SELECT id, note FROM tasks WHERE state = 'failed' ORDER BY made_at",
    "last of all": "SELECT id, note FROM tasks ORDER BY made_at DESC LIMIT 10",
    "index alone": "SELECT count(*) FROM tasks WHERE made_at >= '2026-01-02' AND made_at < '2026-01-12'",
    "look-up": "SELECT id, state FROM tasks WHERE owner = 77",
    "by text": "SELECT id, note FROM tasks WHERE email = 'User{i}@example.org'",
    "by expression": "SELECT id, state FROM tasks WHERE lower(email) = 'user{i}@example.org'",
    "list": "SELECT id, state FROM tasks WHERE owner IN ({i}, 105, 1005)",
    "join": "SELECT t.id, t.state FROM owners o JOIN tasks t ON t.owner = o.id WHERE o.region = {i}",
    "join without names": "SELECT tasks.id, state FROM owners, tasks WHERE owner = owners.id AND region = {i}",
    "subquery of each row": "SELECT o.id, (SELECT max(t.made_at) FROM tasks t WHERE t.owner = o.id) FROM owners o WHERE o.id BETWEEN {i}00 AND {i}99",
    "lateral": "SELECT o.id, x.note FROM owners o CROSS JOIN LATERAL (SELECT t.note FROM tasks t WHERE t.owner = o.id ORDER BY t.made_at DESC LIMIT 2) x WHERE o.id BETWEEN {i}00 AND {i}99",
    "union": "SELECT id FROM tasks WHERE owner = {i} UNION ALL SELECT id FROM tasks WHERE email = 'User{i}@example.org'",
    "subquery's value": "SELECT id, note FROM tasks WHERE owner = (SELECT max(id) FROM owners WHERE region = {i})",
    "common table": "WITH some_tasks AS (SELECT id AS task FROM tasks WHERE owner = {i}) SELECT task, region FROM some_tasks JOIN owners ON owners.id = task",
    "extremum": "SELECT max(made_at), min(made_at) FROM tasks",
}


@pytest.mark.parametrize("name", TASK_STATEMENTS)
def test_what_hypopg_leaves_out_is_in_the_promise(pg: PrivatePostgres, pgassay_binary: Path, run_pgassay: Callable[..., Run], database: str, name: str) -> None:
    """A descent costs something, a small tree has a root and a metapage, a large one is smaller than HypoPG thinks: within a tenth of the planner's cost after the build."""
    pg.psql(f"CREATE EXTENSION hypopg; ALTER DATABASE {database} SET default_statistics_target = 1000; {TASKS}", database)
    vacuum(pg, database)
    statements = [TASK_STATEMENTS[name].replace("{i}", str(i)) for i in range(12)]
    run = run_pgassay(client(f"for sql in {statements}: run(sql).fetchall()"), flags=["--database=auto"], dbname=database)
    found = json.loads(subprocess.run([pgassay_binary, "advise", run.trace, "--format", "json"], capture_output=True, text=True, check=True).stdout)["findings"]
    promised = min(fact["figures"]["cost_after"] for finding in found for fact in finding["evidence"] if "cost_after" in fact.get("figures", {}))
    for finding in found:
        for one in finding["fix"]["sql"].split(";\n"):
            pg.psql(one, database)
    vacuum(pg, database)
    real = [json.loads(pg.psql(f"EXPLAIN (FORMAT JSON) {sql}", database))[0]["Plan"]["Total Cost"] for sql in statements]
    assert promised == pytest.approx(sum(real) / len(real), rel=0.1), [(finding["title"], how(finding)) for finding in found]
    again = run_pgassay(client(f"for sql in {statements}: run(sql).fetchall()"), flags=["--database=auto"], dbname=database)
    assert titles(again) == []
