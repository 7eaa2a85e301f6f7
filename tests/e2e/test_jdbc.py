"""A real JDBC application: `run` reaches it by SPRING_DATASOURCE_URL, its N+1 is proven, its fixed form is silent."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import E2E, Run
from private_postgres import PrivatePostgres

DRIVER = Path("/usr/share/java/postgresql.jar")  # Debian's libpostgresql-jdbc-java
JAVA = shutil.which("java")

pytestmark = pytest.mark.skipif(not JAVA or not DRIVER.exists(), reason="no Java or no JDBC driver here (scripts/setup all)")

TABLES = """
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE bills (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers, cents bigint NOT NULL);
INSERT INTO customers SELECT 7 * n + 1000, md5(n::text) FROM generate_series(1, 40) n;
INSERT INTO bills SELECT n, 7 * (n % 40 + 1) + 1000, n FROM generate_series(1, 120) n;
"""


@pytest.fixture(scope="module")
def jdbc_database(pg: PrivatePostgres) -> str:
    pg.psql("CREATE DATABASE jdbc", "postgres")
    pg.psql(TABLES, "jdbc")
    return "jdbc"


@pytest.mark.parametrize("form, expected", [("bad", [("n-plus-one", "bills.customer_id <- customers.id", "proven")]), ("good", [])])
def test_a_jdbc_application(
    pg: PrivatePostgres, run_pgassay: Callable[..., Run], jdbc_database: str, form: str, expected: list[tuple[str, str, str]]
) -> None:
    command = [str(JAVA), "-cp", str(DRIVER), str(E2E / "client" / "JdbcShop.java"), form]
    url = {"SPRING_DATASOURCE_URL": f"jdbc:postgresql://{pg.host}:{pg.port}/{jdbc_database}?user={pg.user}"}
    direct = subprocess.run(command, env=os.environ | url, capture_output=True, text=True, timeout=120, check=True)
    run = run_pgassay(command, env=url, dbname=jdbc_database)
    assert (run.code, run.stdout, run.stderr) == (0, direct.stdout, run.stderr), run.stderr
    assert run.stdout == f"{sum(range(1, 121))}\n"
    assert [(f["rule"], f["title"], f["confidence"]) for f in run.findings] == expected
