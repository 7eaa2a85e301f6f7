"""The shop through `pgassay run`: each scenario's findings are exactly those written down beside it, under every driver."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from conftest import E2E, Run
from private_postgres import PrivatePostgres

for runtime in ("sqlalchemy", "psycopg2", "psycopg", "asyncpg"):
    pytest.importorskip(runtime)

from shop.scenario import DRIVERS, MODES, differences  # noqa: E402
from shop.scenarios import SCENARIOS  # noqa: E402

SHOP = (sys.executable, "-m", "shop")
LONG = 100  # iterations; sleeping 300 ms in each of them takes longer than an everyday run of the tests has
EVERYTHING = os.environ.get("PGASSAY_E2E_ALL") == "1"


@dataclass(frozen=True)
class Job:
    """One `pgassay run` of the shop. `scenario` "" is all of them, in one process and one trace."""

    scenario: str
    driver: str = "psycopg2"
    mode: str = "transaction"
    form: str = "bad"
    sleep_ms: int = 0
    extra_column: bool = False

    def __str__(self) -> str:
        words = [self.scenario or "all", self.driver, self.mode, self.form]
        words += [f"{self.sleep_ms}ms"] if self.sleep_ms else []
        words += ["extra-column"] if self.extra_column else []
        return "-".join(words)

    def command(self) -> list[str]:
        words = [*SHOP, "run", "--form", self.form, "--mode", self.mode, "--sleep", str(self.sleep_ms)]
        words += ["--scenario", self.scenario] if self.scenario else []
        return words + (["--extra-column"] if self.extra_column else [])


def scenarios(driver: str, mode: str) -> list[str]:
    return [s.name for s in SCENARIOS.values() if s.bad and driver in s.drivers and mode in s.modes]


BAD = [Job(name, driver, mode) for mode in MODES for driver in DRIVERS for name in scenarios(driver, mode)]
GOOD = [Job("", driver, mode, "good") for mode in MODES for driver in DRIVERS]
EXTRA = [Job(name, "psycopg", extra_column=True) for name in scenarios("psycopg", "transaction")]
SLOW = [
    Job(name, driver, sleep_ms=sleep_ms)
    for driver in ("psycopg2", "asyncpg")
    for sleep_ms in (50, 300)
    for name in scenarios(driver, "transaction")
    if EVERYTHING or SCENARIOS[name].iterations * sleep_ms < LONG * 300
]
# Sleeping costs no processor: the slow ones run side by side, the slowest first.
SLOW.sort(key=lambda job: -job.sleep_ms * SCENARIOS[job.scenario].iterations)


@pytest.fixture(scope="session")
def shop_databases(pg: PrivatePostgres) -> dict[bool, str]:
    """The loaded databases: without the extra column, and with it."""
    import subprocess

    names = {False: pg.dbname, True: "shop_extra"}
    pg.psql("CREATE DATABASE shop_extra", "postgres")
    for extra, name in names.items():
        words = [*SHOP, "load", *(["--extra-column"] if extra else [])]
        subprocess.run(words, env=pg.env(name) | {"PYTHONPATH": str(E2E)}, check=True, capture_output=True)
    return names


@pytest.fixture(scope="session")
def jobs(
    request: pytest.FixtureRequest, pg: PrivatePostgres, run_pgassay: Callable[..., Run], shop_databases: dict[bool, str]
) -> Iterator[Callable[[Job], Run]]:
    """Runs the jobs of all selected tests ahead of them, a few at a time."""

    def run(job: Job) -> Run:
        dbname = shop_databases[job.extra_column]
        env = {"DATABASE_URL": pg.dsn(job.driver, dbname), "PYTHONPATH": str(E2E)}
        return run_pgassay(job.command(), env=env, dbname=dbname)

    wanted: dict[Job, None] = {}
    for item in request.session.items:
        job = getattr(item, "callspec", None) and item.callspec.params.get("job")
        if isinstance(job, Job):
            wanted[job] = None
            wanted |= {plain(job): None} if job.sleep_ms or job.extra_column else {}
    busy, idle = ThreadPoolExecutor(2), ThreadPoolExecutor(12)
    futures: dict[Job, Future[Run]] = {
        job: (idle if job.sleep_ms else busy).submit(run, job) for job in sorted(wanted, key=lambda job: -job.sleep_ms)
    }
    yield lambda job: futures[job].result()
    for pool in (busy, idle):
        pool.shutdown(cancel_futures=True)


def plain(job: Job) -> Job:
    return Job(job.scenario, job.driver, job.mode, job.form)


def identity(run: Run) -> list[tuple[str, ...]]:
    """What must not depend on time or on the models' other columns."""
    assert run.code == 0, run.stderr
    return sorted((f["rule"], f["id"], f["confidence"]) for f in run.findings)


def assert_whole(run: Run) -> None:
    assert run.code == 0, run.stderr
    assert run.report is not None
    assert run.report["trace"]["complete"], run.stderr
    assert run.report["totals"]["dropped_events"] == 0
    assert run.report["totals"]["opaque_sessions"] == 0
    assert run.report["totals"]["executions"] > 0


@pytest.mark.parametrize("job", BAD, ids=str)
def test_bad_form_has_exactly_its_findings(job: Job, jobs: Callable[[Job], Run]) -> None:
    run = jobs(job)
    assert_whole(run)
    assert "; ".join(differences(run.findings, SCENARIOS[job.scenario].expected(job.form, job.mode))) == ""


@pytest.mark.parametrize("job", GOOD, ids=str)
def test_good_forms_have_none(job: Job, jobs: Callable[[Job], Run]) -> None:
    run = jobs(job)
    assert_whole(run)
    assert "; ".join(differences(run.findings, ())) == ""


@pytest.mark.parametrize("job", SLOW, ids=str)
def test_slow_loops_have_the_same_findings(job: Job, jobs: Callable[[Job], Run]) -> None:
    slow = jobs(job)
    assert identity(slow) == identity(jobs(plain(job)))
    assert "; ".join(differences(slow.findings, SCENARIOS[job.scenario].expected(job.form, job.mode))) == ""


@pytest.mark.parametrize("job", EXTRA, ids=str)
def test_another_column_changes_no_id(job: Job, jobs: Callable[[Job], Run]) -> None:
    assert identity(jobs(job)) == identity(jobs(plain(job)))
