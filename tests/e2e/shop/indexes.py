"""Tables without the index that their traffic asks for, and their clean twins that have it: a case for each kind of index."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Index:
    """`table`, `fill` and `traffic` are the same in both forms; `clean` is the index. `advice`: the finding's title; `ddl`: part of the printed SQL."""

    name: str
    table: str
    fill: str
    traffic: tuple[str, ...]
    clean: str
    advice: str
    ddl: str = "USING btree"
    rule: str = "missing-index"


def eight(template: str, first: int = 1, step: int = 37) -> tuple[str, ...]:
    return tuple(template.format(first + i * step) for i in range(8))


# Wide enough that thirty thousand rows have more than a thousand pages: a cost on less says nothing.
ROWS = "generate_series(1, 30000) i"
PAD = "repeat('x', 300)"

INDEXES = [
    Index(
        "equality and order",
        "CREATE TABLE orders (id bigserial PRIMARY KEY, user_id int, created_at timestamptz, note text)",
        f"INSERT INTO orders (user_id, created_at, note) SELECT i * 7 % 600, now() - (i * 31 % 30000) * interval '1 minute', {PAD} FROM {ROWS}",
        eight("SELECT id, note FROM orders WHERE user_id = {} ORDER BY created_at DESC LIMIT 5"),
        "CREATE INDEX ON orders (user_id, created_at)",
        "orders (user_id, created_at)",
    ),
    Index(
        "range",
        "CREATE TABLE readings (id bigserial PRIMARY KEY, taken int, note text)",
        f"INSERT INTO readings (taken, note) SELECT i * 7919 % 30011, {PAD} FROM {ROWS}",
        tuple(f"SELECT id, note FROM readings WHERE taken BETWEEN {i} AND {i + 10}" for i in range(100, 900, 100)),
        "CREATE INDEX ON readings (taken)",
        "readings (taken)",
    ),
    Index(
        "list",
        "CREATE TABLE parts (id bigserial PRIMARY KEY, sku int, note text)",
        f"INSERT INTO parts (sku, note) SELECT i * 7919 % 30011, {PAD} FROM {ROWS}",
        eight("SELECT id, note FROM parts WHERE sku IN (17, 4711, {})"),
        "CREATE INDEX ON parts (sku)",
        "parts (sku)",
    ),
    Index(
        "soft delete",
        "CREATE TABLE documents (id bigserial PRIMARY KEY, owner_id int, deleted_at timestamptz, note text)",
        f"INSERT INTO documents (owner_id, deleted_at, note) SELECT i * 7 % 600, CASE WHEN i % 3 > 0 THEN now() END, {PAD} FROM {ROWS}",
        eight("SELECT id, note FROM documents WHERE owner_id = {} AND deleted_at IS NULL"),
        "CREATE INDEX ON documents (owner_id) WHERE deleted_at IS NULL",
        "documents (owner_id) WHERE deleted_at IS NULL",
        "WHERE deleted_at IS NULL",
    ),
    Index(
        "expression",
        "CREATE TABLE users (id bigserial PRIMARY KEY, email varchar(80), note text)",
        f"INSERT INTO users (email, note) SELECT 'Mail' || i || '@example.org', {PAD} FROM {ROWS}",
        eight("SELECT id, note FROM users WHERE lower(email) = 'mail{}@example.org'"),
        "CREATE INDEX ON users (lower(email))",
        "users ((lower((email)::text)))",
        "lower((email)::text)",
    ),
    Index(
        "covering",
        "CREATE TABLE payments (id bigserial PRIMARY KEY, account_id int, amount int, note text)",
        f"INSERT INTO payments (account_id, amount, note) SELECT i * 7 % 100, i, {PAD} FROM {ROWS}",
        eight("SELECT amount FROM payments WHERE account_id = {}", step=3),
        "CREATE INDEX ON payments (account_id) INCLUDE (amount)",
        "payments (account_id)",
        "INCLUDE (amount)",
    ),
    Index(
        "documents",
        "CREATE TABLE products (id bigserial PRIMARY KEY, metadata jsonb, note text)",
        f"INSERT INTO products (metadata, note) SELECT jsonb_build_object('maker', i % 3000), {PAD} FROM {ROWS}",
        eight("SELECT id, note FROM products WHERE metadata @> '{{\"maker\": {}}}'"),
        "CREATE INDEX ON products USING gin (metadata jsonb_path_ops)",
        "products USING gin (metadata jsonb_path_ops)",
        "jsonb_path_ops",
    ),
    Index(
        "arrays",
        "CREATE TABLE articles (id bigserial PRIMARY KEY, tags text[], note text)",
        f"INSERT INTO articles (tags, note) SELECT ARRAY['t' || i % 3000, 'u' || i % 7], {PAD} FROM {ROWS}",
        eight("SELECT id, note FROM articles WHERE tags @> ARRAY['t{}']"),
        "CREATE INDEX ON articles USING gin (tags)",
        "articles USING gin (tags)",
        "USING gin",
    ),
    Index(
        "text search",
        "CREATE TABLE pages (id bigserial PRIMARY KEY, words tsvector, note text)",
        f"INSERT INTO pages (words, note) SELECT to_tsvector('simple', 'w' || i % 3000 || ' common'), {PAD} FROM {ROWS}",
        eight("SELECT id, note FROM pages WHERE words @@ to_tsquery('simple', 'w{}')"),
        "CREATE INDEX ON pages USING gin (words)",
        "pages USING gin (words)",
        "USING gin",
    ),
    Index(
        "polymorphic",
        "CREATE TABLE audits (id bigserial PRIMARY KEY, record_type text, record_id int, note text)",
        f"INSERT INTO audits (record_type, record_id, note) SELECT 'T' || i % 5, i % 2999, {PAD} FROM {ROWS}",
        eight("SELECT id, note FROM audits WHERE record_type = 'T1' AND record_id = {}"),
        "CREATE INDEX ON audits (record_id, record_type)",
        "audits (record_id, record_type)",
    ),
    Index(
        "second column of a key",
        "CREATE TABLE members (team_id int, person_id int, note text, PRIMARY KEY (team_id, person_id))",
        f"INSERT INTO members (team_id, person_id, note) SELECT i % 40, i, {PAD} FROM {ROWS}",
        eight("SELECT team_id, note FROM members WHERE person_id = {}"),
        "CREATE INDEX ON members (person_id)",
        "members (person_id)",
    ),
    Index(
        "foreign key",
        "CREATE TABLE carts (id int PRIMARY KEY); CREATE TABLE lines (id bigserial PRIMARY KEY, cart_id int REFERENCES carts, note text)",
        f"INSERT INTO carts SELECT * FROM generate_series(1, 2000); INSERT INTO lines (cart_id, note) SELECT 1000 + i % 1000, {PAD} FROM {ROWS}",
        eight("DELETE FROM carts WHERE id = {}"),
        "CREATE INDEX ON lines (cart_id)",
        "lines.cart_id -> carts.id",
        rule="unindexed-foreign-key",
    ),
    Index(
        "prefix",
        'CREATE TABLE labels (id bigserial PRIMARY KEY, name text COLLATE "und-x-icu", note text)',
        f"INSERT INTO labels (name, note) SELECT 'label-' || i * 7919 % 30011, {PAD} FROM {ROWS}",
        eight("SELECT id, note FROM labels WHERE name LIKE 'label-1{}%'", first=100),
        "CREATE INDEX ON labels (name text_pattern_ops)",
        "labels (name text_pattern_ops)",
        "text_pattern_ops",
    ),
    Index(
        "infix",
        "CREATE TABLE titles (id bigserial PRIMARY KEY, title text, note text)",
        f"INSERT INTO titles (title, note) SELECT md5(i::text), {PAD} FROM {ROWS}",
        eight("SELECT id, note FROM titles WHERE title LIKE '%c0ffe{}%'"),
        "CREATE EXTENSION pg_trgm; CREATE INDEX ON titles USING gin (title gin_trgm_ops)",
        "titles USING gin (title gin_trgm_ops)",
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    ),
    Index(
        "hot status",
        "CREATE TABLE jobs (id bigserial PRIMARY KEY, status text, created_at int, note text)",
        f"INSERT INTO jobs (status, created_at, note) SELECT CASE WHEN i % 100 = 0 THEN 'pending' ELSE 'done' END, i * 7919 % 30011, {PAD} FROM {ROWS}",
        ("SELECT id, note FROM jobs WHERE status = 'pending' ORDER BY created_at LIMIT 5",) * 12,
        "CREATE INDEX ON jobs (created_at) WHERE status = 'pending'",
        "jobs (created_at) WHERE status = 'pending'",
        "WHERE status = 'pending'",
    ),
    Index(
        "append only",
        "CREATE TABLE points (id bigserial PRIMARY KEY, at int, note text) WITH (fillfactor = 10)",
        f"INSERT INTO points (at, note) SELECT i, {PAD} FROM {ROWS}",
        # Inserts would pay for a B-tree.
        (
            *(f"SELECT id, note FROM points WHERE at BETWEEN {i} AND {i + 3000}" for i in range(1000, 9000, 1000)),
            f"INSERT INTO points (at, note) SELECT 30000 + i, '' FROM {ROWS}",
        ),
        "CREATE INDEX ON points USING brin (at)",
        "points USING brin (at)",
        "USING brin",
    ),
    Index(
        "partitions",
        "CREATE TABLE logs (id bigint, day int, host int, note text) PARTITION BY RANGE (day); "
        "CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (0) TO (10); CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM (10) TO (20)",
        f"INSERT INTO logs SELECT i, i % 20, i * 7919 % 3001, {PAD} FROM {ROWS}",
        eight("SELECT id, note FROM logs WHERE host = {}"),
        "CREATE INDEX ON logs (host)",
        "logs (host)",
        "ATTACH PARTITION",
    ),
]


def schema(form: str) -> str:
    parts = [part for index in INDEXES for part in (index.table, index.fill, index.clean if form == "clean" else "")]
    return "".join(part + ";\n" for part in parts if part)


def traffic() -> str:
    return "".join(f"{statement};\n" for index in INDEXES for statement in index.traffic)
