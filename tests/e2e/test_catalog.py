"""The catalogue in the trace: --database, on databases that live shorter than the run, and on those that hide something."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, running_proxy
from private_postgres import PrivatePostgres
from test_canaries import digits, hits, hits_in_cells, hits_in_files, word
from test_golden_live import DEBIANS, other_server
from test_versions import MAJORS


@pytest.fixture
def database(pg: PrivatePostgres, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"catalog_{abs(hash(request.node.name)) % 10**8}"
    pg.psql(f"CREATE DATABASE {name}", "postgres")
    yield name
    pg.psql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", "postgres")


def catalogs(run: Run) -> dict[str, dict[str, Any]]:
    assert run.report is not None, run.stderr
    return {catalog["database"]: catalog for catalog in run.report["trace"].get("catalogs", [])}


def snapshot(trace: Path, database: str) -> dict[str, Any]:
    with closing(sqlite3.connect(trace)) as db:
        rows = db.execute("SELECT c.snapshot FROM catalog c JOIN database d USING (database_id) WHERE d.name = ?", (database,)).fetchall()
    assert len(rows) == 1 and rows[0][0] is not None, rows
    return dict(json.loads(rows[0][0]))


def psql(*sql: str) -> list[str]:
    return ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *[word for text in sql for word in ("-c", text)]]


def test_nothing_is_asked_without_the_flag(run_pgassay: Callable[..., Run]) -> None:
    run = run_pgassay(psql("SELECT 1"))
    assert run.code == 0 and catalogs(run) == {}


def test_auto_sees_what_the_run_itself_made(run_pgassay: Callable[..., Run], database: str) -> None:
    run = run_pgassay(
        psql("CREATE TABLE a (id bigint PRIMARY KEY, note text DEFAULT 'x')", "CREATE TABLE b (a_id bigint REFERENCES a)", "CREATE INDEX ON b (a_id)"),
        flags=["--database=auto"],
        dbname=database,
    )
    assert run.code == 0, run.stderr
    catalog = catalogs(run)[database]
    assert (catalog["read"], catalog["relations"], catalog["indexes"], catalog["foreign_keys"], catalog["problem"]) == (True, 2, 2, 1, "")


def test_a_database_is_read_before_it_is_dropped(pg: PrivatePostgres, run_pgassay: Callable[..., Run]) -> None:
    """As test runners do it: made, migrated, used, dropped, all within the command; the drop must not fail over our look."""
    script = (
        'set -e; psql -XqAt -d postgres -c "CREATE DATABASE short_lived"; '
        'psql -XqAt -d short_lived -c "CREATE TABLE t (id int PRIMARY KEY)" -c "SELECT pg_sleep(1)" -c "SELECT * FROM t"; '
        'psql -XqAt -d postgres -c "DROP DATABASE short_lived"'
    )
    run = run_pgassay(["sh", "-c", script], flags=["--database=auto"])
    assert run.code == 0, run.stderr
    assert catalogs(run)["short_lived"]["relations"] == 1
    assert snapshot(run.trace, "short_lived")["relations"][0]["name"] == "t"
    assert pg.psql("SELECT count(*) FROM pg_database WHERE datname = 'short_lived'", "postgres").strip() == "0"


def test_a_database_that_was_gone_at_once_is_a_stated_reason(run_pgassay: Callable[..., Run]) -> None:
    script = (
        'set -e; i=0; while [ $i -lt 3 ]; do psql -XqAt -d postgres -c "CREATE DATABASE gone"; psql -XqAt -d gone -c "SELECT 1"; '
        'psql -XqAt -d postgres -c "DROP DATABASE gone"; i=$((i+1)); done'
    )
    run = run_pgassay(["sh", "-c", script], flags=["--database=auto"])
    assert run.code == 0, run.stderr  # read in time or not: no DROP failed, and the report stands
    catalog = catalogs(run)["gone"]
    assert catalog["read"] or "does not exist" in catalog["problem"], catalog


def test_a_login_that_fails_is_a_stated_reason(pg: PrivatePostgres, run_pgassay: Callable[..., Run]) -> None:
    url = f"postgresql://nobody_there:geheim@{pg.host}:{pg.port}/{pg.dbname}"
    run = run_pgassay(psql("SELECT 1"), flags=[f"--database={url}"])
    assert run.code == 0
    assert "nobody_there" in catalogs(run)[pg.dbname]["problem"]
    assert f"the catalogue of database {pg.dbname} is missing" in run.stderr
    assert b"geheim" not in run.trace.read_bytes() and "geheim" not in run.stderr


def test_what_is_no_url_is_bad_usage(run_pgassay: Callable[..., Run]) -> None:
    run = run_pgassay(psql("SELECT 1"), flags=["--database=shop"])
    assert run.code == 2 and "--database is no PostgreSQL URL" in run.stderr


def test_a_role_that_may_only_connect_is_enough(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:
    pg.psql("CREATE TABLE t (id int PRIMARY KEY, secret text); INSERT INTO t VALUES (1, 'canary_4711'); ANALYZE t", database)
    pg.psql("DROP ROLE IF EXISTS looker; CREATE ROLE looker LOGIN", "postgres")
    run = run_pgassay(psql("SELECT id FROM t"), flags=[f"--database=postgresql://looker@{pg.host}:{pg.port}"], dbname=database)
    relation = snapshot(run.trace, database)["relations"][0]
    assert (relation["name"], [column["name"] for column in relation["columns"]]) == ("t", ["id", "secret"])
    assert snapshot(run.trace, database)["role"] == "looker"
    assert b"canary_4711" not in run.trace.read_bytes()


def test_no_value_of_a_row_reaches_the_trace(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:
    """The owner sees most common values and histogram bounds in pg_stats, and what views, policies and functions say: none of it is kept."""
    pg.psql(
        "CREATE TABLE t (id bigint PRIMARY KEY, note text, amount numeric, tags text[]); "
        f"INSERT INTO t SELECT {digits(0)} + i, '{word(1)}', {digits(2)}, ARRAY['{word(3)}'] FROM generate_series(1, 100) i; "
        f"CREATE VIEW v AS SELECT id, note FROM t WHERE note <> '{word(4)}' AND amount > {digits(4)}; "
        f"CREATE MATERIALIZED VIEW m AS SELECT '{word(5)}' AS label, id FROM t; "
        f"CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$SELECT '{word(6)}'$$; "
        f"ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (note = '{word(7)}'); "
        "CREATE STATISTICS s (mcv) ON note, amount FROM t",
        database,
    )
    pg.psql("ANALYZE", database)
    run = run_pgassay(psql(f"SELECT id FROM v WHERE id = {digits(8)}"), flags=["--database=auto"], dbname=database)
    columns = {column["name"]: column for relation in snapshot(run.trace, database)["relations"] if relation["name"] == "t" for column in relation["columns"]}
    assert columns["note"]["common_frequencies"] == [1] and columns["id"]["distinct"] == -1, columns  # the statistics were seen
    assert hits_in_files(run.trace) + hits_in_cells(run.trace) == []
    assert hits(json.dumps(run.report).encode()) + hits(run.stderr.encode()) == []


def test_names_are_never_sql(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:
    schema = "x'; drop table t;--"
    pg.psql(f'CREATE TABLE t (id int); CREATE SCHEMA "{schema}"; CREATE TABLE "{schema}".t (id int PRIMARY KEY)', database)
    run = run_pgassay(psql("SELECT 1 FROM t"), flags=["--database=auto"], dbname=database)
    assert sorted(relation["schema"] for relation in snapshot(run.trace, database)["relations"]) == sorted(["public", schema])
    assert pg.psql("SELECT count(*) FROM t", database).strip() == "0"


@contextmanager
def locked(pg: PrivatePostgres, database: str, table: str) -> Iterator[None]:
    holder = subprocess.Popen(["psql", "-XqAt"], env=pg.env(database), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdin and holder.stdout
    holder.stdin.write(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT 'held';\n")
    holder.stdin.flush()
    assert holder.stdout.readline().strip() == "held"
    try:
        yield
    finally:
        holder.stdin.close()
        holder.wait(10)


def test_a_locked_table_costs_itself_alone(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:
    pg.psql("CREATE TABLE free (id int PRIMARY KEY); CREATE TABLE held (id int PRIMARY KEY)", database)
    with locked(pg, database, "held"):
        run = run_pgassay(psql("SELECT 1 FROM free"), flags=["--database=auto"], dbname=database)
    names = {relation["name"] for relation in snapshot(run.trace, database)["relations"]}
    assert "free" in names
    assert catalogs(run)[database]["notes"], "what could not be read is not said"


def test_partitions_and_tenants_are_all_there(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:
    pg.psql(
        "CREATE TABLE event (id int, day date NOT NULL) PARTITION BY RANGE (day); "
        "CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'); "
        "CREATE SCHEMA tenant_1; CREATE TABLE tenant_1.invoice (id int PRIMARY KEY); "
        "CREATE SCHEMA tenant_2; CREATE TABLE tenant_2.invoice (id int PRIMARY KEY)",
        database,
    )
    run = run_pgassay(psql("SELECT 1"), flags=["--database=auto"], dbname=database)
    relations = snapshot(run.trace, database)["relations"]
    by_name = {(relation["schema"], relation["name"]): relation for relation in relations}
    assert by_name["public", "event_1"]["parent_oid"] == by_name["public", "event"]["oid"]
    assert {("tenant_1", "invoice"), ("tenant_2", "invoice")} <= by_name.keys()


def test_proxy_reads_again_after_ddl(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path, database: str) -> None:
    def tables() -> set[str]:
        with closing(sqlite3.connect(tmp_path / "trace.db")) as db:
            return {name for (name,) in db.execute("SELECT r.value ->> 'name' FROM catalog, json_each(snapshot, '$.relations') r")}

    def wait_for(names: set[str]) -> None:
        until = time.monotonic() + 20
        while tables() != names and time.monotonic() < until:
            time.sleep(0.05)
        assert tables() == names

    with running_proxy(pgassay_binary, pg, tmp_path / "trace.db", "--database=auto") as proxy:
        session = subprocess.Popen(["psql", "-XqAt"], env=pg.env(database) | proxy.env(pg, database), stdin=subprocess.PIPE, text=True)
        assert session.stdin
        session.stdin.write("CREATE TABLE first (id int);\n")
        session.stdin.flush()
        wait_for({"first"})
        session.stdin.write("BEGIN; CREATE TABLE second (id int); COMMIT;\n")
        session.stdin.flush()
        wait_for({"first", "second"})
        session.stdin.close()
        session.wait(10)
        assert proxy.stop() == 0


def test_a_foreign_key_relates_what_names_do_not(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> None:
    """"issued" says nothing of a reader: without the catalogue no N+1 is proven of one run; the foreign key proves it."""
    pg.psql(
        "CREATE TABLE reader (card int PRIMARY KEY, name text); CREATE TABLE loan (ref int PRIMARY KEY, issued int REFERENCES reader); CREATE INDEX ON loan (issued); "
        "INSERT INTO reader SELECT i * 7 + 100, 'r' FROM generate_series(1, 40) i; INSERT INTO loan SELECT i, i * 7 + 100 FROM generate_series(1, 40) i",
        database,
    )
    looped = ["BEGIN", "SELECT card, name FROM reader ORDER BY card", *[f"SELECT ref FROM loan WHERE issued = {i * 7 + 100}" for i in range(1, 41)], "COMMIT"]
    blind = run_pgassay(psql(*looped), dbname=database)
    seeing = run_pgassay(psql(*looped), flags=["--database=auto"], dbname=database)

    def evidence(run: Run) -> list[str]:
        return [piece["text"] for finding in run.findings if finding["rule"] == "n-plus-one" for piece in finding["evidence"]]

    assert "a foreign key joins loan.issued and reader.card" in evidence(seeing)
    assert not any("foreign key" in text for text in evidence(blind))
    assert [(f["rule"], f["confidence"]) for f in seeing.findings] == [("n-plus-one", "proven")]
    assert ("n-plus-one", "proven") not in [(f["rule"], f["confidence"]) for f in blind.findings]


@pytest.mark.parametrize("major", MAJORS)
def test_every_version_tells_its_whole_catalogue(major: int, run_pgassay: Callable[..., Run]) -> None:
    with PrivatePostgres(None if major == DEBIANS else other_server(major)) as server:
        server.psql(
            "CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE DOMAIN cents AS int CHECK (VALUE >= 0); "
            "CREATE TABLE p (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mood mood, price cents, body jsonb, twice int GENERATED ALWAYS AS (1 + 1) STORED); "
            "CREATE TABLE c (p_id bigint REFERENCES p ON DELETE CASCADE, at timestamptz NOT NULL DEFAULT now()) PARTITION BY RANGE (at); "
            "CREATE TABLE c1 PARTITION OF c FOR VALUES FROM ('2024-01-01') TO ('2030-01-01'); "
            "CREATE INDEX ON c (p_id); CREATE INDEX ON p USING gin (body jsonb_path_ops); CREATE INDEX ON p (lower(body ->> 'a')) WHERE price > 5; "
            "CREATE VIEW v AS SELECT id, price FROM p; CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM p; "
            "INSERT INTO p (mood, price) SELECT 'good', i FROM generate_series(1, 50) i; INSERT INTO c SELECT i, '2024-06-01' FROM generate_series(1, 50) i"
        )
        server.psql("ANALYZE")
        run = run_pgassay(psql("SELECT id FROM v"), flags=["--database=auto"], env=server.env())
        catalog = catalogs(run)[server.dbname]
        assert (catalog["read"], catalog["server_version"] // 10000, catalog["problem"], catalog["notes"]) == (True, major, "", [])
        seen = snapshot(run.trace, server.dbname)
    relations = {relation["name"]: relation for relation in seen["relations"]}
    assert relations.keys() == {"p", "c", "c1", "v", "m"}
    assert relations["p"]["rows"] == 50 and relations["c1"]["rows"] == 50
    assert {column["column"] for column in relations["v"]["view_columns"]} == {"id", "price"}
    assert len(seen["indexes"]) == 5 and {index["access_method"] for index in seen["indexes"]} >= {"gin"}
    assert any(key["on_delete"] == "c" for key in seen["foreign_keys"])
