"""The gate over an application's own test suite: a baseline of the main branch, and pull requests against it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from shop_project import FAIL, INCONCLUSIVE, PASS, TROUBLE, Project, entries, with_database


def test_the_commit_of_the_baseline_passes(project: Project) -> None:
    project.baseline()
    code, report = project.gate()
    assert (code, report["verdict"]["outcome"]) == (PASS, "pass")
    assert report["verdict"]["known_findings"] == 1


def test_a_lazy_load_fails_with_one_finding_that_says_it_all(project: Project) -> None:
    project.baseline()
    project.load_orders_lazily()
    code, report = project.gate()
    assert code == FAIL
    (entry,) = [entry for entry in report["verdict"]["entries"] if entry["level"] == "failure"]
    assert entry["kind"] == "new" and entry["parent"] == "users.id"
    assert "orders.user_id" in entry["title"]
    assert "test_list_users" in entry["scope"] or entry["scope"] == "GET /users"
    (finding,) = [finding for finding in report["findings"] if finding["id"] == entry["id"]]
    assert finding["confidence"] == "proven"
    assert "= ANY(" in finding["fix"]["sql"] and "selectinload(User.orders)" in json.dumps(finding["fix"]["orm"])
    said = project.pgassay("gate", project.folder / "run2.db").stdout
    assert "orders.user_id ← users.id" in said and "fails" in said and "selectinload" in said


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_with_the_plugin_the_test_is_named(project: Project, workers: tuple[str, ...]) -> None:
    plugin = project.plugin()
    project.baseline(project.record(*plugin))
    code, report = project.gate(project.record(*plugin, *workers, shuffle=3))
    assert (code, report["verdict"]["entries"]) == (PASS, [])
    project.load_orders_lazily()
    code, report = project.gate(project.record(*plugin, *workers))
    assert code == FAIL
    (entry,) = [entry for entry in report["verdict"]["entries"] if entry["level"] == "failure"]
    assert (entry["kind"], entry["parent"]) == ("new", "users.id")
    assert entry["scope"].startswith("tests/test_users.py::") and entry["site"].startswith("tests/test_users.py:")


def test_a_test_more_passes(project: Project) -> None:
    project.baseline()
    with (project.folder / "tests" / "test_products.py").open("a") as file:
        file.write("\n\ndef test_reviewers(session: Session, shop: Shop) -> None:\n")
        file.write('    assert len(views.product_page(session, shop.product_ids[0])["reviews"]) == 6\n')
    assert project.gate()[0] == PASS


def test_a_column_more_in_every_model_passes(project: Project) -> None:
    project.baseline()
    subprocess.run(["createdb", "wider"], env=project.environment | {"PGDATABASE": "postgres"}, check=True)
    project.environment = with_database(project.environment, "wider") | {"SHOP_EXTRA_COLUMN": "1"}
    code, report = project.gate()
    assert code == PASS, report["verdict"]
    assert not entries(report, "new", "spread", "growth")


def test_what_is_fixed_passes_and_is_said(project: Project) -> None:
    project.baseline()
    project.edit(
        "app/views.py",
        "        .where(Review.product_id == product_id)\n",
        "        .where(Review.product_id == product_id)\n        .options(joinedload(Review.user))\n",
    )
    code, report = project.gate()
    assert code == PASS
    assert len(entries(report, "fixed")) == 1
    assert "1 fixed" in project.pgassay("gate", project.folder / "run2.db").stdout


def test_a_known_relation_loaded_lazily_on_another_route_is_spread(project: Project) -> None:
    project.baseline()
    project.edit("app/views.py", "        .options(joinedload(Review.user))\n", "")
    # Two reviews would prove nothing.
    project.edit("tests/test_products.py", 'latest_reviews(session, limit=2)] == ["User 5", "User 4"]', "latest_reviews(session)]")
    code, report = project.gate()
    assert code == FAIL
    (entry,) = [entry for entry in report["verdict"]["entries"] if entry["level"] == "failure"]
    assert entry["kind"] == "spread" and "GET /reviews" in entry["new_places"]


FIND_USER = """

@route("GET /users/{name}")
def find_user(session: Session, name: str) -> int | None:
    return session.scalar(select(User.id).where(User.username == name))
"""
FIND_USER_TEST = """

def test_find_user(session: Session, shop: Shop) -> None:
    assert [views.find_user(session, f"u{n}") for n in range(6)] == shop.user_ids
"""


def test_an_index_that_is_used_no_more_is_a_new_seq_scan(project: Project) -> None:
    """By what the planner does without sequential scans: the tests' rows are rolled back, and tell it nothing."""
    (project.folder / "pgassay.toml").write_text('[rules.seq-scan]\nenabled = 1\nmin_rows = 0\n[gate.rules]\nseq-scan = "fail"\n')
    for file, text in (("app/views.py", FIND_USER), ("tests/test_users.py", FIND_USER_TEST)):
        with (project.folder / file).open("a") as lines:
            lines.write(text)
    planned = ("--database", "auto")
    project.baseline(project.record(pgassay=planned))
    # The twin: by another indexed column.
    project.edit("app/views.py", "User.username == name", 'User.email == f"{name}@shop.test"')
    code, report = project.gate(project.record(pgassay=planned))
    assert (code, [entry["kind"] for entry in report["verdict"]["entries"]]) == (PASS, ["statement"])
    project.edit("app/views.py", 'User.email == f"{name}@shop.test"', 'User.name == name.replace("u", "User ")')
    code, report = project.gate(project.record(pgassay=planned))
    assert code == FAIL
    (entry,) = [entry for entry in report["verdict"]["entries"] if entry["level"] == "failure"]
    assert (entry["kind"], entry["rule"], entry["scope"]) == ("new", "seq-scan", "GET /users/{name}")
    assert entry["title"] == "users.name"


def test_run_with_the_gate_says_it_at_once(project: Project) -> None:
    project.baseline()
    project.load_orders_lazily()
    done = project.pgassay("run", "--gate", "--trace", "gated.db", "--", *project.suite())
    assert done.returncode == FAIL and "gate      fail: 1 new finding" in done.stdout


def test_the_commands_own_failure_comes_first(project: Project) -> None:
    project.baseline()
    done = project.pgassay("run", "--gate", "--trace", "gated.db", "--", *project.suite("-k", "nothing_is_named_so"))
    assert done.returncode == 5  # pytest: no tests


def test_an_empty_run_is_inconclusive_unless_the_policy_says_otherwise(project: Project) -> None:
    project.baseline()
    done = project.pgassay("run", "--gate", "--trace", "empty.db", "--", "true")
    assert done.returncode == INCONCLUSIVE and "No query was recorded" in done.stdout
    (project.folder / "pgassay.toml").write_text('[gate]\non_empty = "pass"\n')
    assert project.pgassay("gate", "empty.db").returncode == PASS


def test_a_proxy_that_is_stopped_halfway_is_inconclusive(project: Project) -> None:
    project.baseline()
    trace = project.folder / "stopped.db"
    words = [str(project.binary), "run", "--gate", "--trace", str(trace), "--", *project.suite()]
    process = subprocess.Popen(words, cwd=project.folder, env=project.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and _judged(trace) < 20:
        time.sleep(0.05)
    _kill_tree(process.pid)
    process.wait()
    done = project.pgassay("gate", trace)
    assert done.returncode == INCONCLUSIVE, done.stdout
    assert "has not ended in order" in done.stdout


def test_a_session_that_cannot_be_read_is_inconclusive(project: Project) -> None:
    project.baseline()
    script = project.folder / "tests" / "test_opaque.py"
    script.write_text(OPAQUE_TEST)
    done = project.pgassay("run", "--gate", "--trace", "opaque.db", "--", *project.suite())
    assert done.returncode == INCONCLUSIVE, done.stdout + done.stderr
    assert "1 session could not be read to the end" in done.stdout


# A message of a type that no protocol has.
OPAQUE_TEST = """
import os, socket
from sqlalchemy import make_url
from wire_client import message, startup

def test_opaque():
    url = make_url(os.environ["DATABASE_URL"])
    with socket.create_connection((url.host, url.port)) as peer:
        peer.sendall(startup({"user": url.username, "database": url.database}))
        assert peer.recv(1)
        peer.sendall(message(b"\\x01", b"what is this"))
        while peer.recv(65536):
            pass
"""


def test_dropped_events_are_inconclusive(project: Project) -> None:
    """The recorder is held while more than the ring takes goes by."""
    project.baseline()
    (project.folder / "tests" / "test_flood.py").write_text(FLOOD_TEST)
    done = project.pgassay("run", "--gate", "--trace", "dropped.db", "--", *project.suite())
    assert done.returncode == INCONCLUSIVE, done.stdout + done.stderr
    assert "did not fit the ring: queries are missing" in done.stdout


FLOOD_TEST = """
import os, signal, time
from pathlib import Path
from sqlalchemy import make_url
from wire_client import Wire, bind, execute, message, parse

def writes_trace(process):
    try:
        return any(os.readlink(file).endswith("dropped.db") for file in (process / "fd").iterdir())
    except OSError:
        return False

def test_flood():
    url = make_url(os.environ["DATABASE_URL"])
    (recorder,) = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and writes_trace(p)]
    one = parse("SELECT $1::int AS flood, $2::text") + bind([b"1", b"x" * 400]) + execute()
    with Wire(url.port, user=url.username, database=url.database) as to:
        os.kill(recorder, signal.SIGSTOP)
        try:
            for _ in range(120):
                to.send(one * 500, message(b"S"))
                to.replies()
        finally:
            os.kill(recorder, signal.SIGCONT)
"""


def _judged(trace: Path) -> int:
    import sqlite3

    try:
        with sqlite3.connect(f"file:{trace}?mode=ro", uri=True) as db:
            return int(db.execute("select count(*) from execution").fetchone()[0])
    except sqlite3.Error:
        return 0


def _kill_tree(pid: int) -> None:
    """From the top: a supervisor would start a new recorder for one that is killed before it."""
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    for child in children:
        _kill_tree(int(child))


def test_a_limit_that_is_gone_is_seen_though_the_list_is_read_once(project: Project) -> None:
    def listing(limit: int) -> list[str]:
        return ["psql", "-qc", f"/*route='GET /numbers'*/ SELECT number FROM numbers ORDER BY number LIMIT {limit}", "-o", os.devnull]

    table = "CREATE TABLE IF NOT EXISTS numbers AS SELECT generate_series(1, 5000) AS number"
    subprocess.run(["psql", "-qc", table], env=project.environment, check=True)
    for name, limit in (("main", 50), ("branch", 5000)):
        assert project.pgassay("run", "--trace", f"{name}.db", "--", *listing(limit)).returncode == 0
    project.baseline(project.folder / "main.db")
    assert project.gate(project.folder / "main.db")[1]["verdict"]["entries"] == []
    code, report = project.gate(project.folder / "branch.db")
    (entry,) = report["verdict"]["entries"]
    assert (code, entry["kind"], entry["level"], entry["scope"]) == (PASS, "volume", "warning", "GET /numbers")
    (project.folder / "pgassay.toml").write_text('[gate]\nvolume = "fail"\n')
    assert project.gate(project.folder / "branch.db")[0] == FAIL
    (project.folder / "pgassay.toml").write_text('[gate.budgets]\n"GET /numbers" = { rows = 100 }\n')
    assert project.gate(project.folder / "branch.db")[0] == FAIL and project.gate(project.folder / "main.db")[0] == PASS
    changed = json.loads(project.pgassay("diff", "main.db", "branch.db", "--format", "json").stdout)["scopes"]
    assert {"what": "rows", "from": 50, "to": 5000} in changed[0]["changes"]


TRANSFERS = """
import os, sys, psycopg2
def attempt(sqlstate):
    connection = psycopg2.connect(os.environ["DATABASE_URL"])
    cursor = connection.cursor()
    for account in range(30):
        cursor.execute("/*route='POST /transfers'*/ UPDATE accounts SET balance = balance + 1 WHERE id = %s", (account,))
    try:
        if sqlstate:
            cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}'; END $$")
        connection.commit()
    except psycopg2.Error as error:
        assert error.pgcode == sqlstate
        connection.rollback()
    connection.close()
for sqlstate in [*sys.argv[1:], ""]:
    attempt(sqlstate)
"""


@pytest.mark.parametrize(("sqlstate", "counted"), [("40001", False), ("40P01", False), ("23505", True)])
def test_what_is_tried_again_after_a_conflict_is_in_no_count(project: Project, sqlstate: str, counted: bool) -> None:
    subprocess.run(["psql", "-qc", "CREATE TABLE IF NOT EXISTS accounts (id int, balance int)"], env=project.environment, check=True)
    for name, again in (("once", []), ("again", [sqlstate] * 2)):
        done = project.pgassay("run", "--trace", f"{name}.db", "--", sys.executable, "-c", TRANSFERS, *again)
        assert done.returncode == 0, done.stderr
    done = project.pgassay("diff", "once.db", "again.db", "--format", "json")
    assert ([scope["label"] for scope in json.loads(done.stdout)["scopes"]] == ["POST /transfers"]) == counted, done.stdout


def test_shards_make_one_verdict(project: Project) -> None:
    shards = [project.record("tests/test_users.py"), project.record("tests/test_products.py", "tests/test_orders.py")]
    whole = project.record()
    assert project.baseline(*shards).read_bytes() == project.baseline(whole).read_bytes()
    assert project.gate(*shards)[0] == PASS


def test_a_part_of_the_suite_is_not_a_fix(project: Project) -> None:
    project.baseline()
    code, report = project.gate(project.record("tests/test_users.py"))
    assert code == PASS
    assert not entries(report, "fixed") and entries(report, "not-exercised")


def test_suppressions_and_policy_are_read_from_the_configuration(project: Project) -> None:
    project.baseline()
    project.load_orders_lazily()
    trace = project.record()
    (new,) = entries(project.gate(trace)[1], "new")
    config = project.folder / "pgassay.toml"
    suppression = f'[[gate.suppress]]\nid = "{new["id"]}"\nreason = "two orders each"\nowner = "shop team"\n'
    config.write_text(suppression)
    code, report = project.gate(trace)
    assert code == PASS and [entry["owner"] for entry in entries(report, "suppressed")] == ["shop team"]
    config.write_text(suppression + "expires = 2020-01-01\n")
    assert project.gate(trace)[0] == FAIL
    config.write_text('[gate.rules]\nn-plus-one = "warn"\n')
    assert project.gate(trace)[0] == PASS
    config.write_text('[gate.budgets]\n"GET /stock" = { queries = 0 }\n[gate.rules]\nn-plus-one = "off"\n')
    assert project.gate(trace)[0] == FAIL


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ('[gate]\nfail_onn = "likely"\n', "did you mean fail_on"),
        ('[gate.rules]\nn-plus-two = "off"\n', "is no rule"),
        ('[gate.rules]\ngrowth = "warn"\n', "is no rule"),
        ('[[gate.suppress]]\nid = "12"\n', "needs a reason"),
        ("[gate]\ngrowth_ratio = 0.5\n", "is no number from 1 on"),
    ],
)
def test_a_wrong_policy_is_trouble_in_one_sentence(project: Project, config: str, says: str) -> None:
    (project.folder / "pgassay.toml").write_text(config)
    done = project.pgassay("gate", "none.db")
    assert done.returncode == TROUBLE and says in done.stderr and len(done.stderr.splitlines()) == 1


def test_diff_says_what_a_branch_changed(project: Project) -> None:
    before = project.record()
    baseline = project.baseline(before)
    project.load_orders_lazily()
    after = project.record()
    worse = project.pgassay("diff", before, after)
    assert worse.returncode == 0 and "orders.user_id ← users.id" in worse.stdout
    better = project.pgassay("diff", after, before)
    assert "fixed 1" in better.stdout
    assert json.loads(project.pgassay("diff", baseline, after, "--format", "json").stdout)["findings"]


def services(first: str, second: str) -> Sequence[str]:
    return [f'[service.{first}]\ndatabase = ["{first}"]\nbaseline = "{first}.json"\n', f'[service.{second}]\ndatabase = ["{second}"]\nbaseline = "{second}.json"\n']


def test_services_have_their_own_baselines_and_one_verdict(project: Project, pg: Any) -> None:
    traces: dict[str, Path] = {}
    plain = dict(project.environment)
    for name in ("front", "back"):
        subprocess.run(["createdb", name], env=plain | {"PGDATABASE": "postgres"}, check=True)
    (project.folder / "pgassay.toml").write_text("\n".join(services("front", "back")))
    for name in ("front", "back"):
        project.environment = with_database(plain, name)
        traces[name] = project.record()
        written = project.pgassay("baseline", traces[name], "--service", name, "--output", f"{name}.json")
        assert written.returncode == 0, written.stderr
    project.environment = plain
    (project.folder / "pgassay.baseline.json").write_text((project.folder / "front.json").read_text())
    done = project.pgassay("gate", *traces.values(), "--format", "json")
    assert done.returncode == PASS, done.stdout + done.stderr
    assert json.loads(done.stdout)["verdict"]["known_findings"] == 2
