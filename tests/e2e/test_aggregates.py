"""`repeated-aggregate`: the shop's order summary that every request computes anew, the views that stand in for it, and where none is due."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from conftest import E2E, Run
from private_postgres import PrivatePostgres

pytest.importorskip("sqlalchemy")
pytest.importorskip("psycopg2")

RULE = "repeated-aggregate"
DATABASE = "aggregates"
Play = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def play(pg: PrivatePostgres, run_pgassay: Callable[..., Run]) -> Play:
    """The findings of one form of the application."""
    pg.psql(f"CREATE DATABASE {DATABASE}", "postgres")
    env = {"DATABASE_URL": pg.dsn("psycopg2", DATABASE), "PYTHONPATH": str(E2E)}
    subprocess.run([sys.executable, "-m", "shop.aggregates", "load"], env=pg.env(DATABASE) | env, check=True)

    def of(form: str, *, catalogue: bool = True) -> list[dict[str, Any]]:
        flags = ["--database=auto"] if catalogue else []
        run = run_pgassay([sys.executable, "-m", "shop.aggregates", form], flags=flags, env=env, dbname=DATABASE)
        assert run.code == 0, run.stderr
        return [finding for finding in run.findings if finding["rule"] == RULE]

    return of


@pytest.mark.parametrize("form", ["written", "each_user", "one_request"])
def test_nothing_is_said_where_a_view_would_be_out_of_date_or_of_no_use(play: Play, form: str) -> None:
    assert play(form) == []


def test_cheap_ones_are_left_alone_where_nobody_knows_what_they_read(play: Play) -> None:
    """What takes a tenth of a second is said without a catalogue too; on most machines these take less."""
    assert all(finding["evidence"][1]["figures"]["mean_ms"] >= 100 for finding in play("computed", catalogue=False))


def test_the_printed_views_stand_in_for_what_was_computed(pg: PrivatePostgres, play: Play) -> None:
    """Last: it makes the views."""
    findings = {finding["title"]: finding for finding in play("computed")}
    assert set(findings) == {"orders by status", "orders by user_id", "totals of orders"}
    for title, finding in findings.items():
        # A trace of seconds cannot tell how often the answer changes.
        assert (finding["confidence"], finding["severity"], finding["executions"]) == ("hint", "info", 12), title
        assert "stayed the same" in finding["summary"] and "every minute" in finding["summary"]
        assert "select(table(" in finding["fix"]["orm"]["sqlalchemy"]
        script = finding["fix"]["sql"]
        assert script.startswith("CREATE MATERIALIZED VIEW ") and script.endswith(";")
        subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], input=script, env=pg.env(DATABASE), text=True, check=True)

    def same(view: str, query: str) -> bool:
        return pg.psql(f"SELECT * FROM {view} ORDER BY 1", DATABASE) == pg.psql(query, DATABASE)

    assert same("orders_by_status", "SELECT status, count(*), sum(total) FROM orders GROUP BY status ORDER BY 1")
    assert same("orders_by_user_id", "SELECT user_id, count(*), sum(total) FROM orders GROUP BY user_id ORDER BY 1")
    reading = findings["totals of orders"]["fix"]["advice"].split(": ")[1].split(". ")[0]
    assert reading.startswith("SELECT count_1, sum_1 FROM orders_by_status_2 WHERE status = $1"), reading
    asked = reading.split("$1")[0] + "'delivered'"
    assert pg.psql(asked, DATABASE) == pg.psql("SELECT count(*), sum(total) FROM orders WHERE status = 'delivered'", DATABASE)
    pg.psql("VACUUM ANALYZE", DATABASE)
    assert play("kept") == []
