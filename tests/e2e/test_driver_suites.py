"""The complete test suites of real drivers, as their packages ship them, direct and through pgassay: the same result test by test.

`scripts/setup drivers` fetches them into build/drivers; they take part in scripts/test --all. Each run has a server of its own, so that nothing but the
address differs. What a suite skips or fails direct it must skip or fail through.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import REPOSITORY, running_proxy
from private_postgres import NoServer, PrivatePostgres
from test_relay import ask, counters

DRIVERS = REPOSITORY / "build" / "drivers"
EVERYTHING = os.environ.get("PGASSAY_E2E_ALL") == "1"
SETTINGS = {"wal_level": "logical", "max_prepared_transactions": "20", "max_connections": "200"}
Results = dict[str, str]  # test -> passed, failed, skipped


@dataclass(frozen=True)
class Suite:
    """A driver's tests. prepare: SQL for its database · variables: what it reads besides PGHOST and its kin · races: tests whose
    outcome differs from run to run without a proxy too."""

    folder: str
    run: Callable[[Path, Mapping[str, str], Path], Results]
    at_least: int  # tests that pass direct: a suite that hardly runs proves nothing
    prepare: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    races: frozenset[str] = frozenset()


def with_pytest(source: Path, env: Mapping[str, str], folder: Path) -> Results:
    """Of the sources only the tests are taken: they are to import the installed driver."""
    shutil.copytree(source / "tests", folder / "tests")
    junit = folder / "junit.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", f"--junitxml={junit}", "tests"]
    done = subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1500, check=False)
    (folder / "output.txt").write_text(done.stdout + done.stderr)
    results: Results = {}
    for case in ElementTree.parse(junit).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        results[f"{case.get('classname')}.{case.get('name')}"] = outcome
    return results


def with_go(source: Path, env: Mapping[str, str], folder: Path) -> Results:
    command = ["go", "test", "-json", "-count=1", "-p", "1", "-vet=off", "-timeout", "20m", "./..."]
    done = subprocess.run(command, cwd=source, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1500, check=False)
    (folder / "output.txt").write_text(done.stdout + done.stderr)
    results: Results = {}
    for line in done.stdout.splitlines():
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("Test") and event["Action"] in ("pass", "fail", "skip"):
            results[f"{event['Package']}.{event['Test']}"] = {"pass": "passed", "fail": "failed", "skip": "skipped"}[event["Action"]]
    return results


SUITES = {
    "psycopg2": Suite("psycopg2", with_pytest, 400, "CREATE EXTENSION hstore", {"PSYCOPG2_TEST_REPL_DSN": ""}),
    # They cancel after some milliseconds, whether or not the query has begun: on a busy machine of 40 runs each 7, 7, 6 and 1 failed direct, 9, 7, 7 and 0
    # through.
    "pq": Suite("pq", with_go, 150, races=frozenset({
        "github.com/lib/pq.TestQueryCancelRace", "github.com/lib/pq.TestContextCancelExec", "github.com/lib/pq.TestContextCancelQuery",
        "github.com/lib/pq.TestContextCancelBegin",
    })),  # fmt: skip
}


def environment(suite: Suite, server: PrivatePostgres, port: int) -> dict[str, str]:
    return server.env() | {
        "PGPORT": str(port),
        "PGSSLMODE": "disable",
        "PSYCOPG2_TESTDB": server.dbname,
        "PYTHONDONTWRITEBYTECODE": "1",
    } | dict(suite.variables)  # fmt: skip


def results(suite: Suite, binary: Path, folder: Path, through: bool) -> Results:
    folder.mkdir()
    with PrivatePostgres(settings=SETTINGS) as server:
        for statement in filter(str.strip, suite.prepare.split(";")):
            server.psql(statement)
        if not through:
            return suite.run(DRIVERS / suite.folder, environment(suite, server, server.port), folder)
        trace = folder / "trace.db"
        with running_proxy(binary, server, trace) as proxy:
            found = suite.run(DRIVERS / suite.folder, environment(suite, server, proxy.port), folder)
        total = counters(trace)
        assert total["relayed_bytes"] == total["decoded_bytes"] + total["skipped_bytes"] + total["opaque_bytes"]
        assert ask(trace, "SELECT count(*) > 100 FROM execution") == [(1,)], "the suite did not come through"
        return found


def normal(found: Results) -> Results:
    """Some names hold an address in memory."""
    return {re.sub(r"0x[0-9a-f]+", "0x", name): outcome for name, outcome in found.items()}


@pytest.mark.skipif(not EVERYTHING, reason="takes part in scripts/test --all")
@pytest.mark.parametrize("name", SUITES)
def test_a_drivers_own_tests_give_the_same(pgassay_binary: Path, tmp_path: Path, name: str) -> None:
    suite = SUITES[name]
    if not (DRIVERS / suite.folder).is_dir():
        pytest.skip(f"missing: {suite.folder} (scripts/setup drivers)")
    try:
        direct, through = (normal(results(suite, pgassay_binary, tmp_path / side, side == "through")) for side in ("direct", "through"))
    except NoServer as error:
        pytest.skip(str(error))
    counts = {outcome: list(direct.values()).count(outcome) for outcome in ("passed", "failed", "skipped")}
    print(f"{name}: {counts}")
    assert counts["passed"] >= suite.at_least
    differing = {test: (direct.get(test, "-"), through.get(test, "-")) for test in direct.keys() | through.keys() if direct.get(test) != through.get(test)}
    assert differing.keys() <= suite.races, {test: how for test, how in differing.items() if test not in suite.races}
