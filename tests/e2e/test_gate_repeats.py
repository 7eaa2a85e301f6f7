"""A commit has one baseline: in any order of its tests, with parallel workers, on a busy machine, on any server version."""

from __future__ import annotations

import os
import threading

import pytest
from private_postgres import PrivatePostgres
from shop_project import PASS, Project
from test_golden_live import other_server

ALL = bool(os.environ.get("PGASSAY_E2E_ALL"))


@pytest.mark.parametrize("seed", range(1, 51 if ALL else 5))
def test_runs_of_a_commit_have_one_baseline_in_any_order_on_a_busy_machine(project: Project, seed: int) -> None:
    repeat_busily(project, seed)


@pytest.mark.parametrize("seed", range(1, 21 if ALL else 3))
def test_runs_with_the_plugin_have_one_baseline_too(project: Project, seed: int) -> None:
    """By test instead of by route: connections of one process serve many tests, and many processes one suite."""
    repeat_busily(project, seed, *project.plugin())


def repeat_busily(project: Project, seed: int, *flags: str) -> None:
    """Every other run with parallel workers."""
    plain = project.baseline(project.record(*flags)).read_bytes()
    workers = ("-n", str(2 + seed // 2 % 2)) if seed % 2 == 0 else ()
    stop = threading.Event()
    busy = [threading.Thread(target=_burn, args=(stop,)) for _ in range(2)]
    for thread in busy:
        thread.start()
    try:
        trace = project.record(*flags, *workers, shuffle=seed)
    finally:
        stop.set()
        for thread in busy:
            thread.join()
    assert project.gate(trace)[0] == PASS
    assert project.baseline(trace).read_bytes() == plain


@pytest.mark.skipif(not ALL, reason="scripts/test --all")
@pytest.mark.parametrize("major", [14, 16, 17, 18])
def test_servers_of_other_versions_have_the_same_baseline(project: Project, major: int) -> None:
    """Debian's server is the other one."""
    programs = other_server(major)
    if programs is None:
        pytest.skip(f"missing runtime: PostgreSQL {major} (scripts/setup servers)")
    plain = project.baseline().read_bytes()
    with PrivatePostgres(programs) as server:
        project.environment |= {name: server.env()[name] for name in ("PGPORT", "DATABASE_URL")}
        trace = project.record()
    assert project.gate(trace)[0] == PASS
    assert project.baseline(trace).read_bytes() == plain


def _burn(stop: threading.Event) -> None:
    while not stop.is_set():
        sum(range(10_000))
