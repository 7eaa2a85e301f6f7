"""`pgassay advise`: the index that each table lacks, silence on the clean twin; its SQL runs as printed, and the planner uses what it made."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from private_postgres import PrivatePostgres

pytest.importorskip("sqlalchemy")

from shop.indexes import INDEXES, Index, schema, traffic  # noqa: E402


@dataclass(frozen=True)
class Advised:
    database: str
    trace: Path
    said: Callable[..., str]

    def findings(self, *words: str) -> list[dict[str, Any]]:
        return list(json.loads(self.said("--format", "json", *words))["findings"])


def vacuum(pg: PrivatePostgres, database: str) -> None:
    """Until all pages are visible to all, which a snapshot of another test may put off: a covering index is worth nothing before."""
    hidden = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relallvisible < relpages"
    for _ in range(40):
        pg.psql("VACUUM ANALYZE", database)
        if pg.psql(hidden, database).strip() == "0":
            return
        time.sleep(0.5)
    raise AssertionError("the tables' pages do not become visible to all")


def advised(
    form: str, pg: PrivatePostgres, binary: Path, run_pgassay: Callable[..., Run], *, name: str = "", extra: str = "SELECT 1", flags: Sequence[str] = ()
) -> Advised:
    database = name or f"advise_{form}"
    pg.psql(f"CREATE DATABASE {database}", "postgres")
    pg.psql(extra, database)
    pg.psql(schema(form), database)
    vacuum(pg, database)
    run = run_pgassay(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], flags=["--database=auto", *flags], stdin=traffic(), env=pg.env(database))
    assert run.code == 0, run.stderr

    def said(*words: str) -> str:
        done = subprocess.run([binary, "advise", run.trace, *words], env=pg.env(database), capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return Advised(database, run.trace, said)


@pytest.fixture(scope="module")
def flagged(pg: PrivatePostgres, pgassay_binary: Path, run_pgassay: Callable[..., Run]) -> Advised:
    return advised("flagged", pg, pgassay_binary, run_pgassay)


@pytest.fixture(scope="module")
def clean(pg: PrivatePostgres, pgassay_binary: Path, run_pgassay: Callable[..., Run]) -> Advised:
    return advised("clean", pg, pgassay_binary, run_pgassay)


def the(findings: list[dict[str, Any]], index: Index) -> dict[str, Any]:
    found = [finding for finding in findings if finding["rule"] == index.rule and finding["title"] == index.advice]
    assert len(found) == 1, [finding["title"] for finding in findings]
    return found[0]


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: index.name)
def test_the_index_that_a_table_lacks_is_advised(flagged: Advised, index: Index) -> None:
    finding = the(flagged.findings(), index)
    assert finding["confidence"] == "likely"
    assert index.ddl in finding["fix"]["sql"]
    assert set(finding["fix"]["orm"]) == {"sqlalchemy", "django", "rails", "prisma"}


def test_no_other_index_is_advised(flagged: Advised) -> None:
    assert sorted(finding["title"] for finding in flagged.findings()) == sorted(index.advice for index in INDEXES)


def test_the_clean_twin_is_silent(clean: Advised) -> None:
    assert [finding["title"] for finding in clean.findings()] == []


def test_a_budget_takes_what_fits(flagged: Advised) -> None:
    def bytes_of(findings: list[dict[str, Any]]) -> float:
        return sum(fact["figures"].get("bytes", 0) for finding in findings if finding["rule"] == "missing-index" for fact in finding["evidence"])

    few = flagged.findings("--budget", "1MB")
    assert 0 < bytes_of(few) <= 1e6 < bytes_of(flagged.findings())


def test_a_finding_has_one_id_in_report_and_advise(flagged: Advised, pgassay_binary: Path) -> None:
    report = subprocess.run([pgassay_binary, "report", flagged.trace, "--format", "json"], capture_output=True, text=True, check=True)
    ids = {finding["title"]: finding["id"] for finding in json.loads(report.stdout)["findings"] if finding["rule"] == "missing-index"}
    assert ids.items() <= {finding["title"]: finding["id"] for finding in flagged.findings()}.items() and ids


def test_show_shows_what_advise_printed(flagged: Advised, pgassay_binary: Path) -> None:
    """Another rule may say the same index in a report: the id that advise printed is shown nevertheless."""
    for finding in flagged.findings():
        shown = subprocess.run([pgassay_binary, "show", flagged.trace, finding["id"]], capture_output=True, text=True, check=False)
        assert (shown.returncode, shown.stderr) == (0, ""), finding["title"]


def test_a_trace_without_a_catalogue_is_one_sentence(pg: PrivatePostgres, pgassay_binary: Path, run_pgassay: Callable[..., Run]) -> None:
    run = run_pgassay(["psql", "-XqAt"], stdin="SELECT 1;", dbname="postgres")
    done = subprocess.run([pgassay_binary, "advise", run.trace], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--database" in done.stderr and done.stderr.count("\n") == 1
    live = subprocess.run([pgassay_binary, "advise", run.trace, "--database", pg.dsn(dbname="postgres")], env=pg.env(), capture_output=True, text=True, check=False)
    assert live.returncode == 0, live.stderr


EXPORT = """COPY (SELECT s.*, c.reltuples, c.relpages, c.relallvisible FROM pg_stats s JOIN pg_namespace n ON n.nspname = s.schemaname
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename) TO STDOUT (FORMAT csv, HEADER)"""


def test_statistics_of_production_tell_what_a_small_database_cannot(
    pg: PrivatePostgres, flagged: Advised, pgassay_binary: Path, run_pgassay: Callable[..., Run], tmp_path: Path
) -> None:
    """The same tables with two hundred rows and no statistics: hints. With the large database's statistics: its advice."""
    database, export = "advise_small", tmp_path / "stats.csv"
    export.write_text(pg.psql(EXPORT.replace("\n", " "), flagged.database))
    pg.psql(f"CREATE DATABASE {database}", "postgres")
    pg.psql(schema("flagged").replace("30000", "200"), database)
    vacuum(pg, database)
    run = run_pgassay(["psql", "-XqAt"], flags=["--database=auto"], stdin=traffic(), dbname=database)

    def likely(*words: str) -> set[str]:
        done = subprocess.run([pgassay_binary, "advise", run.trace, "--format", "json", *words], capture_output=True, text=True, check=True)
        assert "the planner's cost today" not in done.stdout  # of two hundred rows
        return {one["title"] for one in json.loads(done.stdout)["findings"] if (one["rule"], one["confidence"]) == ("missing-index", "likely")}

    assert likely() == set()
    found = likely("--stats", str(export))
    assert len(found & {index.advice for index in INDEXES}) >= 9, found
    assert likely("--stats", str(export), "--database", pg.dsn(dbname=database)) == found
    export.write_text("a,b\n1,2\n")
    done = subprocess.run([pgassay_binary, "advise", run.trace, "--stats", export], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "no column schemaname" in done.stderr and done.stderr.count("\n") == 1


def run_the_script_and_look_for_every_index_in_plans(pg: PrivatePostgres, flagged: Advised) -> None:
    findings, script = flagged.findings(), flagged.said("--format", "sql")
    subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], input=script, env=pg.env(flagged.database), text=True, check=True)
    pg.psql("VACUUM ANALYZE", flagged.database)
    for index in INDEXES:
        names = set(re.findall(r"CREATE INDEX (?:CONCURRENTLY )?(\S+) ON", the(findings, index)["fix"]["sql"]))
        # A foreign key's look-ups are the server's own: its statement stands for them.
        asked = "SELECT 1 FROM ONLY lines WHERE cart_id = 1001" if index.rule == "unindexed-foreign-key" else index.traffic[0]
        plan = pg.psql(f"EXPLAIN {asked}", flagged.database)
        assert any(name in plan for name in names), f"{index.name}: {names} not in\n{plan}"
    assert pg.psql("SELECT count(*) FROM pg_index WHERE NOT indisvalid", flagged.database).strip() == "0"


def test_the_printed_script_runs_and_the_planner_uses_every_index(pg: PrivatePostgres, flagged: Advised) -> None:
    """Last: it changes the tables."""
    run_the_script_and_look_for_every_index_in_plans(pg, flagged)
