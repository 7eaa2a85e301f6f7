"""`pgassay lint` over a real schema: each rule has a table that breaks its practice and a twin that follows it. Traffic comes from psql
through the proxy. The twins, and everything else, stay silent."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BAD, GOOD = "bad", "good"

# relation -> DDL; the same names in both schemas.
SCHEMA = {
    BAD: """
create table events (id bigint primary key, happened_at timestamp not null);
create table payments (id bigint primary key, amount double precision not null);
create table tickets (id bigint primary key, state varchar(20) not null);
create table posts (id bigint primary key, title text not null, tag_ids text not null);
create table comments (id bigint primary key, post_id bigint not null, body text not null);
create table visits (page text not null, seen int not null);
create table counters (id serial primary key, name text not null);
create table contacts (id bigint primary key, phone_1 text, phone_2 text, phone_3 text);
create table documents (id bigint primary key, data jsonb not null);
create table audit_entries (id bigint primary key, table_name text not null, record_id bigint not null, what text not null);
create index on audit_entries (table_name);
create table shipments (id bigint primary key, warehouse_id int not null, carrier_id int not null, note text not null);
create index on shipments (warehouse_id);
create index on shipments (carrier_id);
""",
    GOOD: """
create table events (id bigint primary key, happened_at timestamptz not null);
create table payments (id bigint primary key, amount numeric(12, 2) not null);
create table tickets (id bigint primary key, state varchar(20) not null check (state in ('open', 'held', 'done', 'lost')));
create table posts (id bigint primary key, title text not null, tag_ids bigint[] not null);
create table comments (id bigint primary key, post_id bigint not null references posts, body text not null);
create index on comments (post_id);
create table visits (id bigint generated always as identity primary key, page text not null, seen int not null);
create table counters (id bigserial primary key, name text not null);
create table contacts (id bigint primary key);
create table contact_phones (contact_id bigint not null references contacts, position int not null, phone text not null, primary key (contact_id, position));
create table documents (id bigint primary key, data jsonb not null);
create index on documents using gin (data jsonb_path_ops);
create table audit_entries (id bigint primary key, table_name text not null, record_id bigint not null, what text not null);
create index on audit_entries (table_name, record_id);
create table shipments (id bigint primary key, warehouse_id int not null, carrier_id int not null, note text not null);
create index on shipments (warehouse_id, carrier_id);
""",
}
ROWS = """
insert into events select g, timestamp '2026-01-01 08:00' + g * interval '7 minutes' from generate_series(1, 500) g;
insert into payments select g, g * 1.25 from generate_series(1, 500) g;
insert into tickets select g, (array['open', 'held', 'done', 'lost'])[1 + g % 4] from generate_series(1, 2000) g;
insert into posts select g, 'title ' || g, {lists} from generate_series(1, 500) g;
insert into comments select g, 1 + g % 500, 'body ' || g from generate_series(1, 2000) g;
insert into visits (page, seen) select 'page ' || g, g from generate_series(1, 500) g;
select setval('counters_id_seq', 1900000000);
insert into counters (name) select 'counter ' || g from generate_series(1, 50) g;
insert into documents select g, jsonb_build_object('color', (array['red', 'blue'])[1 + g % 2], 'n', g) from generate_series(1, 3000) g;
insert into audit_entries select g, 'table_' || g % 4, g % 500, 'update' from generate_series(1, 20000) g;
insert into shipments select g, g % 20, (g / 20) % 20, 'note ' || g from generate_series(1, 40000) g;
"""
PHONES = {
    BAD: "insert into contacts select g, '1-' || g, case when g % 3 = 0 then '2-' || g end, case when g % 20 = 0 then '3-' || g end from generate_series(1, 500) g;",
    GOOD: "insert into contacts select g from generate_series(1, 500) g; insert into contact_phones select g, 1, '1-' || g from generate_series(1, 500) g;",
}
LISTS = {BAD: "g || ',' || g + 7 || case when g % 2 = 0 then ',' || g + 9 else '' end", GOOD: "array[g, g + 7, g + 9]"}
TRAFFIC = [
    *(f"select p.title, c.body from posts p join comments c on c.post_id = p.id where p.id = {n}" for n in range(1, 6)),
    *(f"update visits set seen = seen + 1 where page = 'page {n}'" for n in range(1, 4)),
    *(f"select id from documents where data @> '{{\"n\": {n}}}'" for n in range(1, 8)),
    *(f"select what from audit_entries where table_name = 'table_1' and record_id = {n}" for n in range(1, 8)),
    *(f"select note from shipments where warehouse_id = {n % 20} and carrier_id = {n % 7}" for n in range(1, 30)),
]
EXPECTED = {
    ("timestamp-without-time-zone", "events"),
    ("float-money", "payments"),
    ("free-text-enum", "tickets"),
    ("list-in-text", "posts"),
    ("missing-foreign-key", "comments"),
    ("no-primary-key", "visits"),
    ("key-overflow", "counters"),
    ("repeating-groups", "contacts"),
    ("gin-for-jsonb", "documents"),
    ("audit-lookup", "audit_entries"),
    ("composite-for-pair", "shipments"),
}
NORMAL_FORMS = ["repeating-groups", "list-in-text", "partial-key-dependency", "transitive-dependency"]


@pytest.fixture(scope="module")
def lint(pg: Any, pgassay_binary: Path, run_pgassay: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """Findings of one form's database, with a recording of its traffic."""
    folder = tmp_path_factory.mktemp("lint")
    config = folder / "pgassay.toml"
    config.write_text("".join(f"[rules.{rule}]\nenabled = 1\n" for rule in NORMAL_FORMS))
    made: dict[str, Path] = {}

    def database(form: str) -> tuple[dict[str, str], Path]:
        environment = pg.env(f"lint_{form}")
        if form not in made:
            subprocess.run(["createdb", f"lint_{form}"], env=pg.env("postgres"), check=True)
            load = SCHEMA[form] + ROWS.format(lists=LISTS[form]) + PHONES[form] + "analyze;"
            subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null"], env=environment, input=load, text=True, check=True)
            done = run_pgassay(["psql", "-q", "-o", "/dev/null"], dbname=f"lint_{form}", stdin=";\n".join(TRAFFIC) + ";\n")
            assert done.code == 0, done.stderr
            made[form] = done.trace
        return environment, made[form]

    def run(form: str, *flags: str, with_trace: bool = True, url: str = "") -> Any:
        environment, trace = database(form)
        words = [str(pgassay_binary), "lint", "--database", url or environment["DATABASE_URL"], "--format", "json", "--config", str(config)]
        words += ["--trace", str(trace)] if with_trace else []
        done = subprocess.run([*words, *flags], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def found(report: dict[str, Any]) -> set[tuple[str, str]]:
    return {(finding["rule"], finding["relation"]) for finding in report["findings"]}


def test_every_practice_that_is_broken_is_found_and_nothing_else(lint: Callable[..., dict[str, Any]]) -> None:
    assert found(lint(BAD)) == EXPECTED


def test_the_schema_that_follows_the_practices_is_silent(lint: Callable[..., dict[str, Any]]) -> None:
    assert found(lint(GOOD)) == set()


def test_without_traffic_only_what_the_catalogue_proves(lint: Callable[..., dict[str, Any]]) -> None:
    report = lint(BAD, with_trace=False)
    needs_traffic = {"gin-for-jsonb", "audit-lookup", "composite-for-pair"}
    assert {rule for rule, _ in found(report)}.isdisjoint(needs_traffic)
    assert ("timestamp-without-time-zone", "events") in found(report)


def test_every_ddl_that_it_prints_runs(lint: Callable[..., dict[str, Any]], pg: Any) -> None:
    environment = pg.env("lint_bad")
    ran = 0
    for finding in lint(BAD)["findings"]:
        sql = (finding["fix"] or {}).get("sql") or ""
        if not sql:
            continue
        # CONCURRENTLY refuses to run in a transaction; a copy of the database would take longer than to undo each by hand.
        text = sql.replace(" CONCURRENTLY", "")
        script = f"begin;\n{text.rstrip().rstrip(';')};\nrollback;\n"
        done = subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1"], env=environment, input=script, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{finding['rule']}: {sql}\n{done.stderr}"
        ran += 1
    assert ran >= 5


def test_a_role_that_may_only_read_suffices(lint: Callable[..., dict[str, Any]], pg: Any) -> None:
    lint(BAD)
    grants = "drop role if exists reader; create role reader login; grant usage on schema public to reader; grant select on all tables in schema public to reader;"
    subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1"], env=pg.env("lint_bad"), input=grants, text=True, check=True)
    url = pg.env("lint_bad")["DATABASE_URL"].replace(f"//{pg.user}@", "//reader@")
    rules = {rule for rule, _ in found(lint(BAD, url=url))}
    assert {"timestamp-without-time-zone", "float-money", "missing-foreign-key", "repeating-groups"} <= rules


@pytest.mark.parametrize(
    ("words", "says"),
    [([], "lint needs --database"), (["--database", "postgresql://127.0.0.1:1/none"], "127.0.0.1"), (["--database", "host=?"], "")],
)
def test_trouble_is_one_sentence(pgassay_binary: Path, pg: Any, words: list[str], says: str) -> None:
    done = subprocess.run([str(pgassay_binary), "lint", *words], env=pg.env(), capture_output=True, text=True, check=False)
    assert done.returncode == 2 and says in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
