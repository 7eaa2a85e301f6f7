"""The server's own log of a big run against the trace: the same statements, in the same order, with the same outcome.

PostgreSQL writes every statement to its csvlog (log_statement = all); real clients run through the proxy; then both accounts pass the recorder's
redactor (the program redact_texts) and are compared session by session. A text of several statements is one group: the log has it once, the trace has
each statement that was executed. Row counts are compared with pg_stat_statements, which counts by other means than the log.
"""

from __future__ import annotations

import csv
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import E2E, Proxy, running_proxy
from private_postgres import NoServer, PrivatePostgres
from wire_client import SYNC, Wire, bind, close, describe, execute, parse, query

EVERYTHING = os.environ.get("PGASSAY_E2E_ALL") == "1"
DATABASE = "oracle"
SHARE = 0.9999  # of statements that must be attributed

csv.field_size_limit(1 << 30)


class LoggingPostgres(PrivatePostgres):
    """Writes log/oracle.csv, and counts in pg_stat_statements where that is installed."""

    def _initdb(self, owner) -> None:
        super()._initdb(owner)
        settings = ["logging_collector = on", "log_destination = 'csvlog'", "log_directory = 'log'", "log_filename = 'oracle.log'",
                    "log_rotation_age = 0", "log_rotation_size = 0", "log_statement = 'all'", "log_duration = on",
                    "log_min_error_statement = error", "compute_query_id = on"]  # fmt: skip
        if (self.programs.parent / "lib" / "pg_stat_statements.so").exists():
            settings += ["shared_preload_libraries = 'pg_stat_statements'", "pg_stat_statements.max = 20000", "pg_stat_statements.track = 'top'"]
        with (self.folder / "data" / "postgresql.conf").open("a") as configuration:
            configuration.write("\n".join(settings) + "\n")

    @property
    def log(self) -> Path:
        return self.folder / "data" / "log" / "oracle.csv"


# ---- one account: the log


@dataclass
class Group:
    """What the log knows of one text: how it ended, if not well, and what it refers to."""

    text: str | None  # None: an error of which the log does not say what it was about
    sqlstate: str = ""
    detail: str = ""
    open: bool = True  # no duration yet: an error that follows is its own
    shapes: list[tuple[int, str]] = field(default_factory=list)


STATEMENT = re.compile(r"(?:statement|execute (?!fetch from )(?:<unnamed>|[^:]*)): (.*)", re.DOTALL)
FETCH_ON = re.compile(r"execute fetch from (?:<unnamed>|[^:]*): (.*)", re.DOTALL)
FASTPATH = re.compile(r"fastpath function call: ")
DURATION = re.compile(r"duration: [\d.]+ ms\Z")
# Columns of a csvlog line.
APPLICATION, DB, PID, SESSION, SEVERITY, STATE, MESSAGE, DETAIL, QUERY = 22, 2, 3, 5, 11, 12, 13, 14, 19


def logged_sessions(log: Path) -> tuple[dict[str, list[Group]], set[str]]:
    """Groups by session of the log, in its order; and the texts of portals that were fetched from more than once."""
    in_pieces: set[str] = set()
    sessions: dict[str, list[Group]] = defaultdict(list)
    with log.open(newline="") as lines:
        for line in csv.reader(lines):
            if line[DB] != DATABASE or line[APPLICATION].startswith("direct"):
                continue
            groups, message = sessions[line[SESSION]], line[MESSAGE]
            if line[SEVERITY] == "LOG":
                if match := FETCH_ON.match(message):
                    in_pieces.add(match[1])
                elif match := STATEMENT.match(message):
                    groups.append(Group(match[1], detail=line[DETAIL]))
                elif FASTPATH.match(message):
                    groups.append(Group("(function call)"))
                elif DURATION.match(message) and groups:
                    groups[-1].open = False
            elif line[SEVERITY] in ("ERROR", "FATAL") and (line[QUERY] or line[SEVERITY] == "ERROR"):
                if not (groups and groups[-1].open and groups[-1].text == line[QUERY]):
                    groups.append(Group(line[QUERY] or None))
                groups[-1].sqlstate, groups[-1].open = line[STATE], False
    return {session: groups for session, groups in sessions.items() if groups}, in_pieces


PREPARED_AS = re.compile(r"prepare: \s*PREPARE\s+(?:\"(?:[^\"]|\"\")*\"|\w+)\s*(?:\([^)]*\))?\s*AS\s+(.*)", re.DOTALL | re.IGNORECASE)
DECLARED = re.compile(r"\s*DECLARE\s+(\"(?:[^\"]|\"\")*\"|\w+)\s.*?\bFOR\s+(.*)", re.DOTALL | re.IGNORECASE)
FETCHED = re.compile(r"\s*FETCH\b.*?(\"(?:[^\"]|\"\")*\"|\w+)\s*;?\s*\Z", re.DOTALL | re.IGNORECASE)


def folded(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


class Redactor:
    """redact_texts, asked for many texts at once and remembered."""

    def __init__(self, program: Path) -> None:
        self.program = program
        self.known: dict[str, list[tuple[int, str, str]]] = {}

    def learn(self, texts: Iterable[str]) -> None:
        new = sorted({text for text in texts if text not in self.known})
        done = subprocess.run([self.program], input=b"".join(text.encode() + b"\0" for text in new), capture_output=True, check=True)
        for text, statements in zip(new, done.stdout.split(b"\0"), strict=False):
            fields = (statement.split(b"\x1f") for statement in statements.split(b"\x1e") if statement)
            self.known[text] = [(int(shape), own.decode(errors="replace"), sql.decode(errors="replace")) for shape, own, sql in fields]

    def statements(self, text: str) -> list[tuple[int, str, str]]:
        if text not in self.known:
            self.learn([text])
        return self.known[text]


EMPTY, FUNCTION, UNKNOWN = "(empty query)", "(function call)", "(statement unknown)"


def resolve(groups: Sequence[Group], redactor: Redactor, in_pieces: set[str]) -> None:
    """Gives each group the shapes that the trace should show: an EXECUTE counts as what was prepared, the first FETCH that has a cursor as what was
    declared (later ones stand for themselves: the rows of that execution go on), an error without a statement as that of the statement before it, for
    it is the commit at Sync that failed, unless a name was not known."""
    cursors: dict[str, str] = {}
    for before, group in zip([None, *groups], groups):
        if group.text == FUNCTION:
            group.shapes = [(0, FUNCTION)]
            continue
        if group.text is None:
            unknown = group.sqlstate in ("26000", "34000") or before is None
            group.shapes = [(0, UNKNOWN)] if unknown else before.shapes[-1:]
            continue
        for shape, own, sql in redactor.statements(group.text):
            if match := DECLARED.match(own):
                cursors[folded(match[1])] = match[2]
                in_pieces.add(match[2])
            elif (match := FETCHED.match(own)) and (declared := cursors.pop(folded(match[1]), None)) is not None:
                shape, _, sql = redactor.statements(declared)[0]
            elif re.match(r"\s*EXECUTE\b", own, re.IGNORECASE) and (match := PREPARED_AS.match(group.detail)):
                shape, _, sql = redactor.statements(match[1])[0]
            group.shapes.append((shape, sql))
        if not group.shapes:
            group.shapes = [(0, EMPTY)]


# ---- the other account: the trace


@dataclass(frozen=True)
class Execution:
    shape: int
    sql: str
    sqlstate: str

    def is_one_of(self, shape: tuple[int, str]) -> bool:
        return self.shape == shape[0] or (shape[0] == 0 and self.sql == shape[1])


def recorded_sessions(trace: Path) -> dict[int, list[Execution]]:
    sessions: dict[int, list[Execution]] = defaultdict(list)
    with sqlite3.connect(f"file:{trace}?mode=ro", uri=True) as database:
        rows = database.execute(
            "SELECT session_id, shape_hash, sql, coalesce(sqlstate, '') FROM execution JOIN statement USING (statement_id)"
            " ORDER BY session_id, sent_ns, execution_no"  # a portal that is fetched from in pieces ends later than it began
        )
        for session, shape, sql, state in rows:
            sessions[session].append(Execution(shape, sql, state))
    return dict(sessions)


# ---- the comparison


@dataclass
class Difference:
    session: str
    kind: str  # "missing" from the trace, "extra" in it, "outcome"
    said: str
    recorded: str

    def __str__(self) -> str:
        return f"{self.session}: {self.kind}: log {self.said!r}, trace {self.recorded!r}"


def consume(group: Group, executions: Sequence[Execution], at: int) -> int:
    """How many executions from `at` on are this group: all its statements, or up to the one that failed. 0: it is not here."""
    taken = 0
    while taken < len(group.shapes) and at + taken < len(executions) and executions[at + taken].is_one_of(group.shapes[taken]):
        taken += 1
        if executions[at + taken - 1].sqlstate:
            break
    complete = taken == len(group.shapes) or (taken > 0 and executions[at + taken - 1].sqlstate != "")
    return taken if complete else 0


def compare_session(name: str, groups: Sequence[Group], executions: Sequence[Execution]) -> list[Difference]:
    differences = []
    g = e = 0
    while g < len(groups):
        taken = consume(groups[g], executions, e)
        if taken:
            state = executions[e + taken - 1].sqlstate
            if state != groups[g].sqlstate:
                differences.append(Difference(name, "outcome", f"{groups[g].sqlstate} {groups[g].text[:200]}", state))
            g, e = g + 1, e + taken
            continue
        # The nearest place where both go on together.
        ahead = next(((more_g, more_e) for far in range(1, 40) for more_g in range(far + 1) for more_e in (far - more_g,)
                      if g + more_g < len(groups) and consume(groups[g + more_g], executions, e + more_e)), None)  # fmt: skip
        more_g, more_e = ahead or (len(groups) - g, len(executions) - e)
        said = [f"{group.sqlstate} {group.text[:200]}" for group in groups[g : g + more_g]]
        recorded = [f"{execution.sqlstate} {execution.sql[:200]}" for execution in executions[e : e + more_e]]
        differences += [Difference(name, "missing", text, "") for text in said]
        differences += [Difference(name, "extra", "", text) for text in recorded]
        g, e = g + more_g, e + more_e
    differences += [Difference(name, "extra", "", f"{execution.sqlstate} {execution.sql[:200]}") for execution in executions[e:]]
    return differences


def pair_sessions(
    logged: dict[str, list[Group]], recorded: dict[int, list[Execution]]
) -> Iterator[tuple[str, list[Group], list[Execution]]]:
    """Sessions have no name in common. Those that agree find each other; the rest are paired in the order of their beginning."""
    by_content: dict[tuple, list[int]] = defaultdict(list)
    for session in sorted(recorded):
        first = tuple(execution.shape for execution in recorded[session][:50])
        by_content[first, len(recorded[session])].append(session)
    left: list[str] = []
    used: set[int] = set()
    for name, groups in logged.items():
        shapes = [shape for group in groups for shape in group.shapes]
        candidates = by_content.get((tuple(shape[0] for shape in shapes[:50]), len(shapes)), [])
        match = next((s for s in candidates if s not in used and not compare_session(name, groups, recorded[s])), None)
        if match is None:
            left.append(name)
        else:
            used.add(match)
            yield name, groups, recorded[match]
    rest = [session for session in sorted(recorded) if session not in used]
    # What differs a little is paired with what it is most like.
    for name in left:
        groups = logged[name]
        want = Counter(shape[0] for group in groups for shape in group.shapes)
        best = max(rest, key=lambda s: sum((want & Counter(e.shape for e in recorded[s])).values()) - abs(len(recorded[s]) - want.total()) / 2, default=None)
        if best is not None:
            rest.remove(best)
        yield name, groups, recorded[best] if best is not None else []
    for session in rest:
        yield f"session {session} of the trace", [], recorded[session]


# ---- the run

PSQL_SCRIPT = r"""
CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL, price numeric(8,2), parent int REFERENCES items DEFERRABLE INITIALLY DEFERRED);
INSERT INTO items SELECT i, 'name ' || i, i * 1.25, NULL FROM generate_series(1, 500) AS i;
SELECT count(*) FROM items; SELECT * FROM items ORDER BY id LIMIT 20;
SELECT 1 \; SELECT 2 \; SELECT name FROM items WHERE id IN (1, 2, 3);
SELECT 1 \; SELECT 1/0 \; SELECT 'never';
SELECT 1 \; SELEC 2;
SELECT 'unterminated \; ' || 'but whole';
SELECT * FROM nowhere;
INSERT INTO items VALUES (1, 'again');
INSERT INTO items VALUES (1000, NULL);
;
-- only a comment
/* a comment */ SELECT 'after a comment' -- and one more
;
BEGIN; SAVEPOINT s; SELECT * FROM nowhere; ROLLBACK TO s; SELECT 'still here'; RELEASE s; COMMIT;
BEGIN; SELECT 1/0; SELECT 'in a failed transaction'; ROLLBACK;
BEGIN; INSERT INTO items VALUES (2000, 'orphan', 1, 9999); COMMIT;
INSERT INTO items VALUES (2001, 'orphan', 1, 9999);
PREPARE p (int) AS SELECT name FROM items WHERE id = $1;
EXECUTE p(7); EXECUTE p(8); EXECUTE p('x'); DEALLOCATE p; EXECUTE p(9);
PREPARE "Quoted" AS UPDATE items SET price = price + 1 WHERE id = $1; EXECUTE "Quoted"(3); DEALLOCATE ALL;
DO $$ BEGIN RAISE NOTICE 'a notice with %', 42; END $$;
DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'P0042'; END $$;
LISTEN channel; NOTIFY channel, 'payload'; SELECT 1;
BEGIN; DECLARE c SCROLL CURSOR FOR SELECT id, name FROM items ORDER BY id; FETCH 5 FROM c; FETCH 5 FROM c; FETCH ALL IN c; MOVE FIRST FROM c; CLOSE c; COMMIT;
COPY items FROM STDIN;
3000	three thousand	1	\N
3001	three thousand and one	1	\N
\.
COPY items FROM STDIN;
not a number
\.
COPY (SELECT * FROM items ORDER BY id LIMIT 3) TO STDOUT;
\copy items (id, name) TO '/dev/null' CSV
CREATE FUNCTION twice(i int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2'; SELECT twice(21);
CREATE PROCEDURE nothing(t text) LANGUAGE plpgsql AS $$ BEGIN PERFORM t; END $$; CALL nothing('text');
SET search_path = public, pg_catalog; SHOW search_path; RESET search_path; SET statement_timeout = '50ms'; SELECT pg_sleep(10); RESET statement_timeout;
EXPLAIN SELECT * FROM items WHERE id = 3; EXPLAIN (ANALYZE) SELECT * FROM items WHERE name LIKE 'name%';
WITH moved AS (DELETE FROM items WHERE id > 490 RETURNING *) SELECT count(*) FROM moved;
UPDATE items SET price = price * 1.1 WHERE id BETWEEN 10 AND 20 RETURNING id, price;
MERGE INTO items USING (VALUES (1, 'one')) AS v (id, name) ON items.id = v.id WHEN MATCHED THEN UPDATE SET name = v.name;
VALUES (1, 'a'), (2, 'b'); TABLE items;
SELECT * FROM items WHERE name = 'it''s' OR name = E'a\'b' OR name = $q$x$q$ OR name = U&'\0061';
SELECT repeat('wide ', 1000), 'AE' AS "Mixed Case";
DROP FUNCTION twice; DROP PROCEDURE nothing;
SELECT id FROM items WHERE id < 4 \gexec
SELECT name FROM items WHERE id = 5 \gdesc
"""

PSYCOPG = r"""
import psycopg, os
with psycopg.connect(autocommit=True) as c:
    with c.pipeline() as p:
        for i in range(200):
            c.execute("SELECT %s::int + id FROM items WHERE id = %s", (i, i % 50))
        p.sync()
        cursors = [c.execute("SELECT name FROM items WHERE id = %s", (i,)) for i in range(30)]
    for attempt in range(5):
        try:
            with c.pipeline() as p:
                c.execute("SELECT 1 / %s", (attempt - 2,))
                c.execute("SELECT 'later', %s", (attempt,))
        except psycopg.Error as error:
            pass
    with c.transaction():
        with c.cursor() as cur:
            cur.executemany("INSERT INTO items (id, name) VALUES (%s, %s)", [(5000 + i, f"many {i}") for i in range(300)])
            cur.executemany("UPDATE items SET name = %s WHERE id = %s RETURNING id", [(f"more {i}", 5000 + i) for i in range(50)], returning=True)
    with c.transaction():
        with c.cursor(name='a "named" cursor') as cur:
            cur.execute("SELECT * FROM items ORDER BY id")
            cur.fetchmany(10), cur.fetchmany(10), cur.fetchall()
        for attempt in range(3):
            try:
                with c.transaction():
                    c.execute("INSERT INTO items (id, name) VALUES (1, 'twice')")
            except psycopg.errors.UniqueViolation:
                pass
    with c.cursor() as cur:
        with cur.copy("COPY items (id, name) FROM STDIN") as copy:
            for i in range(100):
                copy.write_row((7000 + i, f"copied {i}"))
        with cur.copy("COPY (SELECT id, name FROM items WHERE id > %s) TO STDOUT", (6999,)) as copy:
            rows = list(copy.rows())
    for prepare in (True, False, None):
        for i in range(20):
            c.execute("SELECT price FROM items WHERE id = %s AND name <> %s", (i, "x"), prepare=prepare, binary=bool(i % 2))
    c.execute("SELECT 1; SELECT 2; SELECT 3")
    try:
        c.execute("SELECT 1; SELECT 1/0; SELECT 3")
    except psycopg.Error:
        pass
    try:
        c.execute("SELECT nothing FROM items WHERE id = %s", (1,))
    except psycopg.Error:
        pass
    try:
        c.execute("SELECT %s::int", ("not a number",))
    except psycopg.Error:
        pass
    try:
        c.execute("INSERT INTO items (id, name, parent) VALUES (%s, 'x', %s)", (8000, 99999))
    except psycopg.Error:
        pass
"""

ASYNCPG = r"""
import asyncio, asyncpg
async def main():
    c = await asyncpg.connect()
    for i in range(100):
        await c.fetch("SELECT id, name FROM items WHERE id = $1", i)
    await c.executemany("INSERT INTO items (id, name) VALUES ($1, $2)", [(9000 + i, str(i)) for i in range(200)])
    async with c.transaction():
        async for row in c.cursor("SELECT * FROM items ORDER BY id", prefetch=50):
            pass
        cursor = await c.cursor("SELECT id FROM items ORDER BY id")
        await cursor.fetch(7); await cursor.forward(3); await cursor.fetch(5)
    for sql, arguments in (("SELECT 1 / $1::int", (0,)), ("SELECT nothing", ()), ("INSERT INTO items (id, name) VALUES (1, $1)", ("x",))):
        try:
            await c.fetch(sql, *arguments)
        except asyncpg.PostgresError:
            pass
    await c.execute("SELECT 1; SELECT 2")
    await c.copy_records_to_table("items", records=[(11000 + i, "r", None, None) for i in range(50)])
    statement = await c.prepare("SELECT count(*) FROM items WHERE id > $1")
    for i in range(50):
        await statement.fetchval(i)
    await c.reset()
    await c.close()
    pool = await asyncpg.create_pool(min_size=2, max_size=4)
    await asyncio.gather(*[pool.fetchval("SELECT name FROM items WHERE id = $1", i) for i in range(200)])
    await pool.close()
asyncio.run(main())
"""

PSYCOPG2 = r"""
import psycopg2
c = psycopg2.connect("")
large = c.lobject(0, "wb"); large.write(b"x" * 100000); large.close()
large = c.lobject(large.oid, "rb"); large.read(); large.seek(10); large.tell(); large.close(); large.unlink()
cursor = c.cursor()
for i in range(100):
    cursor.execute("SELECT name FROM items WHERE id = %s", (i,)); cursor.fetchall()
named = c.cursor("server_side"); named.itersize = 40
named.execute("SELECT id FROM items ORDER BY id LIMIT 130")
list(named); named.close()
c.commit()
"""


def by_hand(pg: PrivatePostgres, port: int) -> None:
    """Pipelines that no driver sends: errors at every position, several portals, partial fetches."""
    one = [parse("SELECT $1::int"), bind([b"1"]), describe(), execute()]
    fails = [parse("SELECT 1 / $1::int"), bind([b"0"]), describe(), execute()]
    no_parse = [parse("SELEC"), bind(), execute()]
    no_bind = [parse("SELECT $1::int"), bind([b"x"]), execute()]
    with Wire(port, pg.user, DATABASE) as wire:
        for at in range(5):
            for bad in (fails, no_parse, no_bind):
                parts = [one] * at + [bad] + [one] * (4 - at)
                wire.send(*[message for part in parts for message in part], SYNC, *one, SYNC)
                wire.replies(2)
        wire.send(query("BEGIN"), parse("SELECT generate_series(1, 30)", name="series"), SYNC)
        wire.replies(2)
        wire.send(bind(portal="a", name="series"), execute("a", 4), execute("a", 4), execute("a"), close(b"P", "a"), SYNC)
        wire.replies()
        wire.send(bind(portal="b", name="series"), execute("b", 4), close(b"P", "b"), SYNC, query("COMMIT"))
        wire.replies(2)
        for _ in range(50):
            wire.send(*[bind(name="series") + execute() + SYNC] * 20)
            wire.replies(20)
        wire.send(query("SELECT 1"), query("SELECT 2; SELECT 3"), query("SELECT 1/0; SELECT 4"), query(""), query(" ; "), query("SELECT 5"))
        wire.replies(6)
        wire.send(close(b"S", "series"), SYNC, bind(name="series"), execute(), SYNC)
        wire.replies(2)


def run_clients(pg: PrivatePostgres, proxy: Proxy, scale: int) -> None:
    env = proxy.env(pg, DATABASE)

    def run(*command: str | Path, stdin: str | None = None, name: str = "", cwd: Path | None = None) -> None:
        done = subprocess.run(list(map(str, command)), env=env | {"PGAPPNAME": name or Path(command[0]).name}, input=stdin, capture_output=True, text=True,
                              timeout=300, check=False, cwd=cwd)  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]

    run(pg.programs / "psql", "-X", "-f", "-", stdin=PSQL_SCRIPT)
    run(pg.programs / "pgbench", "-i", "-q")
    for mode in ("simple", "extended", "prepared"):
        run(pg.programs / "pgbench", "-n", "-M", mode, "-c", "4", "-t", str(150 * scale))
        run(pg.programs / "pgbench", "-n", "-S", "-M", mode, "-c", "2", "-t", str(300 * scale))
    run(sys.executable, "-c", PSYCOPG, name="psycopg")
    run(sys.executable, "-c", ASYNCPG, name="asyncpg")
    run(sys.executable, "-c", PSYCOPG2, name="psycopg2")
    by_hand(pg, proxy.port)
    shop = (sys.executable, "-m", "shop")
    run(*shop, "load", "--users", "60", cwd=E2E)
    for driver in ("psycopg2", "psycopg", "asyncpg") if scale > 1 else ("psycopg", "asyncpg"):
        run(*shop, "run", "--form", "bad", "--driver", driver, cwd=E2E)


@dataclass
class Accounts:
    logged: dict[str, list[Group]]
    recorded: dict[int, list[Execution]]
    trace: Path
    redactor: Redactor
    in_pieces: set[int]  # shapes of which at least one execution was fetched in pieces
    counted: list[tuple[str, int, int]]  # pg_stat_statements: text, calls, rows; empty where it is not installed


@pytest.fixture(scope="module")
def accounts(pgassay_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Accounts:
    for driver in ("psycopg", "psycopg2", "asyncpg", "sqlalchemy"):
        pytest.importorskip(driver)
    program = pgassay_binary.parent / "redact_texts"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    trace = tmp_path_factory.mktemp("oracle") / "trace.db"
    try:
        server = LoggingPostgres().start()
    except NoServer as error:
        pytest.skip(str(error))
    with server:
        server.psql(f"CREATE DATABASE {DATABASE}", "postgres")
        counts = "pg_stat_statements" in server.psql("SHOW shared_preload_libraries", "postgres")
        if counts:
            server.psql("CREATE EXTENSION pg_stat_statements", "postgres")
        with running_proxy(pgassay_binary, server, trace) as proxy:
            run_clients(server, proxy, 5 if EVERYTHING else 1)
            assert proxy.stop() == 0
        counted = []
        if counts:
            rows = server.psql(
                "SELECT json_build_array(query, calls, rows) FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid"
                f" WHERE datname = '{DATABASE}'", "postgres",
            )  # fmt: skip
            counted = [tuple(json.loads(row)) for row in rows.splitlines()]
        logged, in_pieces = logged_sessions(server.log)
    redactor = Redactor(program)
    redactor.learn(group.text for groups in logged.values() for group in groups if group.text)
    for groups in logged.values():
        resolve(groups, redactor, in_pieces)
    redactor.learn(in_pieces)
    shapes_in_pieces = {redactor.statements(text)[0][0] for text in in_pieces}
    return Accounts(logged, recorded_sessions(trace), trace, redactor, shapes_in_pieces, counted)


def test_log_and_trace_tell_the_same(accounts: Accounts) -> None:
    statements = sum(len(group.shapes) for groups in accounts.logged.values() for group in groups)
    errors = Counter(group.sqlstate for groups in accounts.logged.values() for group in groups if group.sqlstate)
    assert statements > 8_000 and len(errors) >= 8, (statements, errors)
    differences = [d for name, groups, executions in pair_sessions(accounts.logged, accounts.recorded) for d in compare_session(name, groups, executions)]
    for difference in differences:
        print(difference)
    share = 1 - len(differences) / statements
    print(f"{len(accounts.logged)} sessions, {statements} statements, {errors.total()} errors, {len(differences)} differences: {share:.4%}")
    with sqlite3.connect(f"file:{accounts.trace}?mode=ro", uri=True) as database:
        assert database.execute("SELECT count(*) FROM gap").fetchone() == (0,)
        assert database.execute("SELECT sum(value) FROM counter WHERE name IN ('dropped_events', 'opaque_sessions')").fetchone()[0] in (0, None)
    assert share >= SHARE, "\n".join(map(str, differences[:50]))


PREPARED = re.compile(r"\s*PREPARE\s.*?\bAS\s+(.*)", re.DOTALL | re.IGNORECASE)
COUNTED = re.compile(r"(WITH|SELECT|INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
OF_A_CONSTRAINT = re.compile(r"SELECT \$\d+ FROM ONLY .* OPERATOR\(pg_catalog\.=\)")  # foreign keys are checked by queries of the server's own


def why_different(accounts: Accounts, shape: int, text: str, server: list[int], trace: list[int] | None) -> str:
    """The reason that the server counts otherwise; "" if there is none."""
    groups = [(before, group) for groups in accounts.logged.values() for before, group in zip([None, *groups], groups)]
    if OF_A_CONSTRAINT.match(text):
        return "the server's own"
    if shape in accounts.in_pieces:
        return "fetched in pieces: the server counts the last piece, or the FETCH"
    cut = [group.text for _, group in groups if group.text and len(group.text.encode()) > 65_536]
    if trace is None and any(whole.split("(")[0] == text.split("(")[0] for whole in cut):
        return "longer than the text that is kept"
    # An execution that is still open when the transaction fails is not counted; one whose commit fails is.
    before_errors = sum(1 for before, group in groups if group.sqlstate and before and before.shapes[-1][0] == shape)
    failed = sum(1 for _, group in groups if group.sqlstate.startswith("23") and any(shape == s for s, _ in group.shapes))
    if trace is not None and -failed <= trace[0] - server[0] <= before_errors and trace != server:
        return f"{before_errors} were open when the transaction failed, {failed} were done when the commit failed"
    return ""


def test_rows_are_those_that_the_server_counted(accounts: Accounts) -> None:
    """Calls and rows, by shape, of what ended well and is a statement on rows: COPY and utilities are counted in ways of their own. (To the server,
    statements that differ in the names of output columns alone are one; the run has none that would be mixed up by that.)"""
    if not accounts.counted:
        pytest.skip("pg_stat_statements is not installed")
    counted: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    texts: dict[int, list[str]] = defaultdict(list)
    for text, calls, rows in accounts.counted:
        prepared = PREPARED.match(text)
        statements = accounts.redactor.statements(prepared[1] if prepared else text)
        if len(statements) == 1 and COUNTED.match(statements[0][2]):
            shape = statements[0][0]
            counted[shape][0] += calls
            counted[shape][1] += rows
            texts[shape].append(text)
    with sqlite3.connect(f"file:{accounts.trace}?mode=ro", uri=True) as database:
        rows_of = database.execute(
            "SELECT shape_hash, count(*), sum(e.rows) FROM execution e JOIN statement USING (statement_id) WHERE sqlstate IS NULL GROUP BY 1"
        )
        recorded = {shape: [calls, rows] for shape, calls, rows in rows_of}
    unexplained = []
    for shape, server in counted.items():
        trace = recorded.get(shape)
        if trace == server:
            continue
        reason = why_different(accounts, shape, texts[shape][0], server, trace)
        line = f"server {server}, trace {trace}: {reason or 'NO REASON'}: {[text[:150] for text in texts[shape]]}"
        print(line)
        if not reason:
            unexplained.append(line)
    calls = sum(counts[0] for counts in counted.values())
    print(f"{len(counted)} shapes, {calls} calls")
    assert calls > 5_000 and len(counted) > 60
    assert not unexplained, "\n".join(unexplained)
