"""The shop's schema as it should not be, and its clean twin: for each rule of `pgassay lint` tables, traffic and what is expected.

Rows and traffic are the same in both forms; only what the rule is about differs.
"""

from __future__ import annotations

from dataclasses import dataclass

from .scenario import Expectation


@dataclass(frozen=True)
class Lint:
    """`flagged` and `clean` make the tables; `fill` fills them and `traffic` asks, in either form. `fixed`: the printed SQL mends it."""

    name: str
    flagged: str
    clean: str
    expect: tuple[Expectation, ...]
    fill: str = ""
    traffic: tuple[str, ...] = ()
    fixed: bool = True


def found(rule: str, title: str, confidence: str) -> tuple[Expectation, ...]:
    return (Expectation(rule, title, confidence),)


LINTS = [
    Lint(
        "moments",
        "CREATE TABLE visits (id bigserial PRIMARY KEY, seen_at timestamp NOT NULL)",
        "CREATE TABLE visits (id bigserial PRIMARY KEY, seen_at timestamptz NOT NULL)",
        found("timestamp-without-time-zone", "visits.seen_at", "likely"),
        "INSERT INTO visits (seen_at) SELECT now() - i * interval '7 minutes' FROM generate_series(1, 200) i",
        ("SELECT id, seen_at FROM visits ORDER BY seen_at DESC LIMIT 20",),
    ),
    Lint(
        "money",
        "CREATE TABLE invoices (id bigserial PRIMARY KEY, total double precision NOT NULL, discount_rate double precision)",
        "CREATE TABLE invoices (id bigserial PRIMARY KEY, total numeric(12, 2) NOT NULL, discount_rate double precision)",
        found("float-money", "invoices.total", "likely"),
        "INSERT INTO invoices (total, discount_rate) SELECT i / 7.0, 0.1 FROM generate_series(1, 200) i",
        ("SELECT sum(total) FROM invoices",),
    ),
    Lint(
        "states",
        "CREATE TABLE tickets (id bigserial PRIMARY KEY, state varchar(20) NOT NULL)",
        "CREATE TABLE tickets (id bigserial PRIMARY KEY, state varchar(20) NOT NULL CHECK (state IN ('open', 'Open', 'waiting', 'closed')))",
        found("free-text-enum", "tickets.state", "likely"),
        "INSERT INTO tickets (state) SELECT (ARRAY['open', 'Open', 'waiting', 'closed'])[1 + i % 4] FROM generate_series(1, 4000) i",
        ("SELECT id FROM tickets WHERE state = 'open' ORDER BY id LIMIT 10", "SELECT count(*) FROM tickets WHERE state = 'closed'"),
    ),
    Lint(
        "references",
        "CREATE TABLE authors (id bigserial PRIMARY KEY, pen text); CREATE TABLE books (id bigserial PRIMARY KEY, author_id bigint NOT NULL)",
        "CREATE TABLE authors (id bigserial PRIMARY KEY, pen text); "
        "CREATE TABLE books (id bigserial PRIMARY KEY, author_id bigint NOT NULL REFERENCES authors); CREATE INDEX ON books (author_id)",
        found("missing-foreign-key", "books.author_id has no foreign key to authors.id", "likely"),
        "INSERT INTO authors (pen) SELECT 'pen ' || i FROM generate_series(1, 50) i; "
        "INSERT INTO books (author_id) SELECT 1 + i % 50 FROM generate_series(1, 500) i",
        ("SELECT b.id, a.pen FROM books b JOIN authors a ON a.id = b.author_id WHERE b.id < 20",),
    ),
    Lint(
        "keyless",
        "CREATE TABLE carts (token uuid, note text)",
        "CREATE TABLE carts (token uuid PRIMARY KEY, note text)",
        found("no-primary-key", "carts has no primary key", "likely"),
        "INSERT INTO carts SELECT gen_random_uuid(), 'n' FROM generate_series(1, 100) i",
        ("UPDATE carts SET note = 'm' WHERE note = 'n'",),
    ),
    Lint(
        "keys-used-up",
        "CREATE TABLE labels (id smallserial PRIMARY KEY, word text)",
        "CREATE TABLE labels (id bigserial PRIMARY KEY, word text)",
        found("key-overflow", "labels.id has used * of its range", "proven"),
        "SELECT setval('labels_id_seq', 30000)",
    ),
    Lint(
        "pair",
        "CREATE TABLE shipments (id bigserial PRIMARY KEY, depot int, carrier int); CREATE INDEX ON shipments (depot)",
        "CREATE TABLE shipments (id bigserial PRIMARY KEY, depot int, carrier int); CREATE INDEX ON shipments (depot, carrier)",
        found("composite-for-pair", "shipments.depot, carrier", "likely"),
        "INSERT INTO shipments (depot, carrier) SELECT i % 40, (i / 40) % 30 FROM generate_series(1, 24000) i",
        tuple(f"SELECT id FROM shipments WHERE depot = {i % 40} AND carrier = {i % 30}" for i in range(25)),
    ),
    Lint(
        "attributes",
        "CREATE TABLE gadgets (id bigserial PRIMARY KEY, attributes jsonb)",
        "CREATE TABLE gadgets (id bigserial PRIMARY KEY, attributes jsonb); CREATE INDEX ON gadgets USING gin (attributes)",
        found("gin-for-jsonb", "gadgets.attributes", "likely"),
        "INSERT INTO gadgets (attributes) SELECT jsonb_build_object('colour', i % 90, 'size', i % 7) FROM generate_series(1, 3000) i",
        tuple(f"""SELECT id FROM gadgets WHERE attributes @> '{{"colour": {i}}}'""" for i in range(8)),
    ),
    Lint(
        "hot state",
        "CREATE TABLE chores (id bigserial PRIMARY KEY, state text CHECK (state IN ('waiting', 'done')), due int, note text)",
        "CREATE TABLE chores (id bigserial PRIMARY KEY, state text CHECK (state IN ('waiting', 'done')), due int, note text); "
        "CREATE INDEX ON chores (due) WHERE state = 'waiting'",
        found("partial-for-status", "chores.state", "likely"),
        "INSERT INTO chores (state, due, note) SELECT CASE WHEN i % 100 = 0 THEN 'waiting' ELSE 'done' END, i * 7919 % 30011, repeat('x', 300) "
        "FROM generate_series(1, 30000) i",
        ("SELECT id, note FROM chores WHERE state = 'waiting' ORDER BY due LIMIT 5",) * 12,
    ),
    Lint(
        "audit",
        "CREATE TABLE audit_logs (id bigserial PRIMARY KEY, table_name text, record_id bigint); "
        "CREATE INDEX ON audit_logs (table_name); CREATE INDEX ON audit_logs (record_id)",
        "CREATE TABLE audit_logs (id bigserial PRIMARY KEY, table_name text, record_id bigint); CREATE INDEX ON audit_logs (record_id, table_name)",
        found("audit-lookup", "audit_logs.table_name, record_id", "likely"),
        "INSERT INTO audit_logs (table_name, record_id) SELECT (ARRAY['users', 'orders', 'books'])[1 + i % 3], i % 90 FROM generate_series(1, 3000) i",
        tuple(f"SELECT id FROM audit_logs WHERE table_name = 'users' AND record_id = {i}" for i in range(8)),
    ),
    Lint(
        "lower-case",
        "CREATE TABLE logins (id bigserial PRIMARY KEY, email text); CREATE INDEX ON logins (email)",
        "CREATE TABLE logins (id bigserial PRIMARY KEY, email text); CREATE INDEX ON logins (email); CREATE INDEX ON logins (lower(email))",
        found("function-on-column", "lower(email) of logins", "likely"),
        "INSERT INTO logins (email) SELECT 'M' || i || '@example.org' FROM generate_series(1, 3000) i",
        tuple(f"SELECT id FROM logins WHERE lower(email) = 'm{i}@example.org'" for i in range(8)),
    ),
    Lint(
        "deleted-rows",
        "CREATE TABLE members (id bigserial PRIMARY KEY, pen text, team int, deleted_at timestamptz)",
        "CREATE TABLE members (id bigserial PRIMARY KEY, pen text, team int)",
        found("soft-delete-leak", "* listed rows of members were deleted", "likely"),
        "",
        fixed=False,
    ),
    Lint(
        "versions",
        "CREATE TABLE stock (id bigserial PRIMARY KEY, left_over int, version int)",
        "CREATE TABLE stock (id bigserial PRIMARY KEY, left_over int, version int)",
        found("version-conflict", "* of the versioned changes of stock found no row", "proven"),
        "INSERT INTO stock (left_over, version) SELECT 9, 1 FROM generate_series(1, 100)",
        fixed=False,
    ),
    Lint(
        "columns-by-number",
        "CREATE TABLE parcels (id bigserial PRIMARY KEY, item1_name text, item1_pieces int, item2_name text, item2_pieces int, "
        "item3_name text, item3_pieces int)",
        "CREATE TABLE parcels (id bigserial PRIMARY KEY, height1 real, weight2 real)",
        found("repeating-groups", "parcels.item repeats 3 times", "likely"),
        fixed=False,
    ),
    Lint(
        "lists",
        "CREATE TABLE posts (id bigserial PRIMARY KEY, tag_ids text)",
        "CREATE TABLE posts (id bigserial PRIMARY KEY, tag_ids bigint[])",
        found("list-in-text", "posts.tag_ids is a list of ids", "likely"),
    ),
    Lint(
        "part-of-key",
        "CREATE TABLE wares (id bigserial PRIMARY KEY, colour text); "
        "CREATE TABLE picks (pick_no bigint, ware_id bigint REFERENCES wares, ware_colour text, PRIMARY KEY (pick_no, ware_id)); CREATE INDEX ON picks (ware_id)",
        "CREATE TABLE wares (id bigserial PRIMARY KEY, colour text); "
        "CREATE TABLE picks (pick_no bigint, ware_id bigint REFERENCES wares, PRIMARY KEY (pick_no, ware_id)); CREATE INDEX ON picks (ware_id)",
        found("partial-key-dependency", "picks.ware_colour <- wares.colour", "likely"),
        "INSERT INTO wares (colour) SELECT 'c' || i % 99 FROM generate_series(1, 300) i",
    ),
    Lint(
        "copies",
        "CREATE TABLE payers (id bigserial PRIMARY KEY, email text); "
        "CREATE TABLE payments (id bigserial PRIMARY KEY, payer_id bigint REFERENCES payers, payer_email text); CREATE INDEX ON payments (payer_id)",
        "CREATE TABLE payers (id bigserial PRIMARY KEY, email text); "
        "CREATE TABLE payments (id bigserial PRIMARY KEY, payer_id bigint REFERENCES payers, payer_email text); CREATE INDEX ON payments (payer_id); "
        "COMMENT ON COLUMN payments.payer_email IS 'snapshot: where the receipt went'",
        found("transitive-dependency", "payments.payer_email <- payers.email", "proven"),
        "INSERT INTO payers (email) SELECT 'm' || i || '@example.org' FROM generate_series(1, 300) i; "
        "INSERT INTO payments (payer_id, payer_email) SELECT p.id, p.email FROM payers p, generate_series(1, 4)",
        (
            "BEGIN; UPDATE payers SET email = 'n@example.org' WHERE id = 7; UPDATE payments SET payer_email = 'n@example.org' WHERE payer_id = 7; COMMIT",
        ),
    ),
]

# What one form alone can be filled with, or asked.
FILL = {
    ("deleted-rows", "flagged"): "INSERT INTO members (pen, team, deleted_at) SELECT 'p' || i, i % 9, CASE WHEN i % 5 = 0 THEN now() END "
    "FROM generate_series(1, 200) i",
    ("columns-by-number", "flagged"): "INSERT INTO parcels (item1_name, item1_pieces, item2_name, item2_pieces, item3_name, item3_pieces) "
    "SELECT 'a', 1, CASE WHEN i % 2 = 0 THEN 'b' END, CASE WHEN i % 2 = 0 THEN 1 END, CASE WHEN i % 5 = 0 THEN 'c' END, "
    "CASE WHEN i % 5 = 0 THEN 1 END FROM generate_series(1, 500) i",
    ("lists", "flagged"): "INSERT INTO posts (tag_ids) SELECT (SELECT string_agg(k::text, ',') FROM generate_series(i, i + i % 5) k) FROM generate_series(1, 300) i",
    ("part-of-key", "flagged"): "INSERT INTO picks SELECT n, w.id, w.colour FROM generate_series(1, 5) n, wares w",
    ("part-of-key", "clean"): "INSERT INTO picks SELECT n, w.id FROM generate_series(1, 5) n, wares w",
}
MEMBERS = tuple(f"SELECT id, pen, deleted_at FROM members WHERE deleted_at IS NULL AND {where} ORDER BY id" for where in ("team > 3", "team < 5", "pen > 'p3'", "pen < 'p2'"))
TRAFFIC = {
    ("deleted-rows", "flagged"): (*MEMBERS, "SELECT id, pen, deleted_at FROM members ORDER BY pen"),
    ("versions", "flagged"): tuple(f"UPDATE stock SET left_over = 8, version = 2 WHERE id = {1 + i % 60} AND version = 1" for i in range(70)),
    ("versions", "clean"): tuple(f"UPDATE stock SET left_over = 8, version = 2 WHERE id = {i} AND version = 1" for i in range(1, 71)),
}


def schema(form: str) -> str:
    parts = []
    for lint in LINTS:
        parts += [getattr(lint, form), lint.fill, FILL.get((lint.name, form), "")]
    return "".join(part + ";\n" for part in parts if part)


def traffic(form: str) -> str:
    statements = [one for lint in LINTS for one in (*lint.traffic, *TRAFFIC.get((lint.name, form), ()))]
    return "".join(f"{one};\n" for one in statements)


def expected(form: str) -> list[Expectation]:
    return [one for lint in LINTS for one in lint.expect] if form == "flagged" else []
