"""Two workloads of our own: tables, rows, and statements with how often each is asked.

`{i}` of a statement is the execution's number, `{i*97}` a multiple of it: values go into the SQL as applications send them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    name: str
    schema: str
    statements: tuple[tuple[int, str], ...]  # executions, SQL
    columns: dict[str, tuple[str, ...]]  # what advisors of plain B-trees may put into keys: what the statements compare, join or sort


def at(sql: str, i: int) -> str:
    return re.sub(r"\{i(?:\*(\d+))?\}", lambda found: str(i * int(found[1] or 1)), sql)


SAAS = Workload(
    "saas",
    """
    CREATE TABLE users (id int PRIMARY KEY, email text, name text, note text);
    INSERT INTO users SELECT i, 'User' || i || '@example.org', md5(i::text), repeat('x', 100) FROM generate_series(1, 20000) i;
    CREATE TABLE products (id int PRIMARY KEY, sku text, metadata jsonb, note text);
    INSERT INTO products SELECT i, 'SKU' || i, jsonb_build_object('maker', i * 7919 % 4000, 'size', i % 9), repeat('x', 200) FROM generate_series(1, 20000) i;
    CREATE TABLE orders (id int PRIMARY KEY, user_id int, status text, total int, created_at timestamptz, deleted_at timestamptz, note text);
    INSERT INTO orders SELECT i, i::bigint * 7919 % 20000, CASE WHEN i % 200 = 0 THEN 'pending' ELSE 'done' END, i % 1000, '2026-01-01'::timestamptz + i * interval '1 minute',
      CASE WHEN i % 20 > 0 THEN NULL ELSE now() END, repeat('x', 120) FROM generate_series(1, 150000) i;
    CREATE TABLE order_items (id int PRIMARY KEY, order_id int, product_id int, quantity int, note text);
    INSERT INTO order_items SELECT i, i / 2, i::bigint * 7919 % 20000, i % 5, repeat('x', 30) FROM generate_series(1, 300000) i;
    CREATE TABLE events (id int PRIMARY KEY, at timestamptz, kind text, payload text);
    INSERT INTO events SELECT i, '2026-01-01'::timestamptz + i * interval '20 seconds', 'k' || i % 30, repeat('x', 400) FROM generate_series(1, 200000) i;
    CREATE TABLE audit (id int PRIMARY KEY, record_type text, record_id int, note text);
    INSERT INTO audit SELECT i, 't' || i % 5, i::bigint * 7919 % 30000, repeat('x', 150) FROM generate_series(1, 150000) i;
    """,
    (
        (40, "SELECT id, total, note FROM orders WHERE user_id = {i*97} ORDER BY created_at DESC LIMIT 10"),
        (20, "SELECT id, note FROM orders WHERE user_id = {i*89} AND deleted_at IS NULL"),
        (20, "SELECT id, user_id FROM orders WHERE status = 'pending' AND deleted_at IS NULL ORDER BY created_at LIMIT 20"),
        (40, "SELECT id, name FROM users WHERE lower(email) = 'user{i}@example.org'"),
        (20, "SELECT id, name FROM users WHERE email = 'User{i}@example.org'"),
        (40, "SELECT id, quantity, note FROM order_items WHERE order_id = {i*31}"),
        (10, "SELECT o.id, o.total FROM orders o JOIN order_items oi ON oi.order_id = o.id WHERE oi.product_id = {i*13}"),
        (10, "SELECT id, sku FROM products WHERE metadata @> '{\"maker\": {i}}'"),
        (20, "SELECT id, note FROM products WHERE sku = 'SKU{i}'"),
        (5, "SELECT kind, payload FROM events WHERE at >= '2026-01-10'::timestamptz + {i} * interval '1 hour' AND at < '2026-01-10'::timestamptz + ({i} + 1) * interval '1 hour'"),
        (20, "SELECT id, note FROM audit WHERE record_type = 't1' AND record_id = {i*5}"),
        (5, "SELECT count(*) FROM orders WHERE created_at >= '2026-02-01'::timestamptz + {i} * interval '1 day' AND created_at < '2026-02-01'::timestamptz + ({i} + 1) * interval '1 day'"),
        (40, "SELECT * FROM orders WHERE id = {i}"),
        (20, "SELECT id, name FROM users WHERE id IN ({i}, {i*100}, {i*200})"),
    ),
    {
        "users": ("email",),
        "products": ("sku",),
        "orders": ("user_id", "status", "created_at", "deleted_at"),
        "order_items": ("order_id", "product_id"),
        "events": ("at",),
        "audit": ("record_type", "record_id"),
    },
)

# The tables, joins and shapes of the well-known decision-support benchmark, made by ourselves and small.
TPCH = Workload(
    "tpch-shaped",
    """
    CREATE TABLE region (r_key int PRIMARY KEY, r_name text);
    INSERT INTO region SELECT i, 'R' || i FROM generate_series(0, 4) i;
    CREATE TABLE nation (n_key int PRIMARY KEY, n_name text, n_region int);
    INSERT INTO nation SELECT i, 'N' || i, i % 5 FROM generate_series(0, 24) i;
    CREATE TABLE supplier (s_key int PRIMARY KEY, s_name text, s_nation int, s_note text);
    INSERT INTO supplier SELECT i, 'S' || i, i % 25, repeat('x', 100) FROM generate_series(1, 1000) i;
    CREATE TABLE customer (c_key int PRIMARY KEY, c_name text, c_nation int, c_segment text, c_note text);
    INSERT INTO customer SELECT i, 'C' || i, i % 25, 'G' || i % 5, repeat('x', 110) FROM generate_series(1, 15000) i;
    CREATE TABLE part (p_key int PRIMARY KEY, p_brand text, p_type text, p_size int, p_note text);
    INSERT INTO part SELECT i, 'B' || i % 25, 'T' || i % 150, i % 50, repeat('x', 90) FROM generate_series(1, 20000) i;
    CREATE TABLE partsupp (ps_part int, ps_supplier int, ps_quantity int, ps_cost int, ps_note text, PRIMARY KEY (ps_part, ps_supplier));
    INSERT INTO partsupp SELECT p, (p + s * 251) % 1000 + 1, p % 1000, p % 100, repeat('x', 120) FROM generate_series(1, 20000) p, generate_series(0, 3) s;
    CREATE TABLE orders (o_key int PRIMARY KEY, o_customer int, o_status text, o_date date, o_priority text, o_note text);
    INSERT INTO orders SELECT i, i::bigint * 7919 % 15000 + 1, CASE WHEN i % 100 = 0 THEN 'P' WHEN i % 2 = 0 THEN 'F' ELSE 'O' END, '2020-01-01'::date + i::int * 7919 % 2400,
      'P' || i % 5, repeat('x', 70) FROM generate_series(1, 150000) i;
    CREATE TABLE lineitem (l_order int, l_line int, l_part int, l_supplier int, l_quantity int, l_price int, l_discount int, l_flag text, l_ship date, l_receipt date, l_note text,
      PRIMARY KEY (l_order, l_line));
    INSERT INTO lineitem SELECT i / 4 + 1, i % 4, i::bigint * 7919 % 20000 + 1, i::bigint * 104729 % 1000 + 1, i % 50, i % 10000, i % 10, 'F' || i % 3,
      '2020-01-01'::date + (i / 4 * 7919 + i) % 2400, '2020-01-10'::date + (i / 4 * 7919 + i) % 2400, repeat('x', 40) FROM generate_series(1, 500000) i;
    """,
    (
        (1, "SELECT l_flag, sum(l_quantity), sum(l_price) FROM lineitem WHERE l_ship <= '2026-03-01'::date - {i} GROUP BY l_flag"),
        (3, "SELECT s.s_name, ps.ps_cost FROM part p JOIN partsupp ps ON ps.ps_part = p.p_key JOIN supplier s ON s.s_key = ps.ps_supplier WHERE p.p_size = {i} AND p.p_type = 'T7' ORDER BY ps.ps_cost LIMIT 100"),
        (3, "SELECT o.o_key, sum(l.l_price) FROM customer c JOIN orders o ON o.o_customer = c.c_key JOIN lineitem l ON l.l_order = o.o_key WHERE c.c_key = {i*71} GROUP BY o.o_key"),
        (3, "SELECT o_priority, count(*) FROM orders WHERE o_date >= '2021-01-01'::date + {i} AND o_date < '2021-01-08'::date + {i} GROUP BY o_priority"),
        (3, "SELECT sum(l_price * l_discount) FROM lineitem WHERE l_ship >= '2022-01-01'::date + {i} AND l_ship < '2022-01-03'::date + {i} AND l_discount = 5 AND l_quantity < 24"),
        (3, "SELECT c.c_name, sum(l.l_price) FROM customer c JOIN orders o ON o.o_customer = c.c_key JOIN lineitem l ON l.l_order = o.o_key WHERE o.o_date = '2023-01-1{i}' GROUP BY c.c_name ORDER BY 2 DESC LIMIT 20"),
        (3, "SELECT ps_part, sum(ps_cost * ps_quantity) FROM partsupp WHERE ps_supplier = {i*31} GROUP BY ps_part"),
        (3, "SELECT sum(l_price) FROM lineitem WHERE l_receipt = '2023-05-1{i}'"),
        (3, "SELECT avg(l_quantity) FROM lineitem WHERE l_part = {i*37}"),
        (3, "SELECT sum(l.l_price) FROM lineitem l JOIN part p ON p.p_key = l.l_part WHERE p.p_brand = 'B{i}' AND p.p_size = 7 AND l.l_quantity < 5"),
        (3, "SELECT s.s_name FROM supplier s JOIN nation n ON n.n_key = s.s_nation WHERE n.n_name = 'N{i}' ORDER BY s.s_name"),
        (3, "SELECT c_key, c_name FROM customer WHERE c_nation = {i} AND c_segment = 'G1'"),
        (3, "SELECT o_key, o_date FROM orders WHERE o_customer = {i*53} ORDER BY o_date DESC LIMIT 5"),
        (3, "SELECT count(*) FROM lineitem WHERE l_supplier = {i*17} AND l_ship >= '2026-01-01'"),
    ),
    {
        "supplier": ("s_nation", "s_name"),
        "customer": ("c_nation", "c_segment"),
        "part": ("p_size", "p_type", "p_brand"),
        "partsupp": ("ps_supplier", "ps_cost"),
        "orders": ("o_customer", "o_date", "o_status"),
        "lineitem": ("l_ship", "l_part", "l_supplier", "l_receipt", "l_discount", "l_quantity"),
    },
)

WORKLOADS = (TPCH, SAAS)
