"""No value reaches a file. A canary, unmistakable and of its own number, is sent in every place where a value can be; then every file and every
output is searched for it, as it is and in the encodings that it could have taken on the way, while recording and after.

What is kept on purpose (names, allow-listed tags, application_name) is sent too, as another word: the search must find that one. With --keep-values the
values of some places are found, in one table and by `show` alone; those of all other places still nowhere.
"""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import select
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Proxy, Run, running_proxy
from private_postgres import NoServer, PrivatePostgres
from test_faults import ask, shim, started, with_shim  # noqa: F401  (a fixture)
from wire_client import COPY_DONE, SYNC, Wire, bind, close, describe, execute, message, parse, query, sqlstate

WORD = "zqcanary"            # of every canary that is text: zqcanary007x
DIGITS = "867530942"         # of every canary that is a number: 867530942007
KEPT = "keptname"            # of what may be stored
LOGIN_WORD = f"{WORD}999x"   # a password in clear text


def word(number: int) -> str:
    return f"{WORD}{number:03}x"


def digits(number: int) -> str:
    return f"{DIGITS}{number:03}"


# ---- the search


def encodings(text: str) -> dict[str, bytes]:
    """What to look for, in lower case; base64 differs with the position of the text in what was encoded."""
    raw = text.encode()
    found = {"as it is": raw, "UTF-16LE": text.encode("utf-16-le"), "UTF-16BE": text.encode("utf-16-be"), "reversed": raw[::-1]}
    found["hex"] = raw.hex().encode()
    found["\\x escapes"] = b"".join(b"\\x%02x" % byte for byte in raw)
    found["\\u escapes"] = b"".join(b"\\u%04x" % byte for byte in raw)
    found["% escapes"] = b"".join(b"%%%02x" % byte for byte in raw)
    found["octal escapes"] = b"".join(b"\\%03o" % byte for byte in raw)
    found["unicode escapes"] = b"".join(b"\\%04x" % byte for byte in raw)
    return found


def base64s(text: str) -> list[bytes]:
    """Case counts. The first and last characters depend on the neighbours and are left out."""
    whole = []
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text.encode())
        whole.append(encoded[(before * 8 + 5) // 6 : (before + len(text)) * 8 // 6])
    return whole


LOWER_PATTERNS = [
    (f"{what} {how}", pattern)
    for what, text in (("word", WORD), ("number", DIGITS))
    for how, pattern in encodings(text).items()
]
EXACT_PATTERNS = [(f"{what} base64", pattern) for what, text in (("word", WORD), ("number", DIGITS)) for pattern in base64s(text)]
NUMBER_BASE = int(digits(0))
# Integers: all bytes but the last, which the number of the place changes. SQLite writes them big-endian, our records little-endian.
BINARY_PATTERNS = [
    (f"number {order}-endian", number.to_bytes(4, order) + (b"\0\0\0" if order == "little" else b""))
    for number in sorted({number >> 8 for number in range(NUMBER_BASE, NUMBER_BASE + 1000)})
    for order in ("big", "little")
]


def hits(content: bytes) -> list[str]:
    lower = content.lower()
    found = [(name, lower, pattern) for name, pattern in LOWER_PATTERNS if pattern in lower]
    found += [(name, content, pattern) for name, pattern in EXACT_PATTERNS + BINARY_PATTERNS if pattern in content]
    return [f"{name}: {where[max(0, at - 60) : at + 60]!r}" for name, where, pattern in found for at in places(where, pattern)]


def places(content: bytes, pattern: bytes) -> Iterator[int]:
    at, shown = content.find(pattern), 0
    while at >= 0 and shown < 10:
        yield at
        shown += 1
        at = content.find(pattern, at + 1)


def cells(trace: Path) -> Iterator[tuple[str, object]]:
    with sqlite3.connect(f"file:{trace}?mode=ro", uri=True) as database:
        database.text_factory = bytes
        tables = [row[0].decode() for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            cursor = database.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in cursor.description]
            for row in cursor:
                yield from ((f"{table}.{name}", cell) for name, cell in zip(names, row))


def hits_in_cells(trace: Path) -> list[str]:
    """Cells one by one: in the file a long one is cut into pages."""
    found = []
    numbers = range(NUMBER_BASE, NUMBER_BASE + 1000)
    for name, cell in cells(trace):
        if isinstance(cell, bytes):
            found += [f"{name}: {hit}" for hit in hits(cell)]
        elif isinstance(cell, float) and cell.is_integer():
            cell = int(cell)
        if isinstance(cell, int) and (cell in numbers or -cell in numbers):
            found.append(f"{name}: {cell}")
    return found


def files_of(trace: Path) -> dict[str, bytes]:
    """The trace and all that lies beside it."""
    return {file.name: file.read_bytes() for file in sorted(trace.parent.iterdir()) if file.is_file()}


def hits_in_files(trace: Path) -> list[str]:
    return [f"{name}: {hit}" for name, content in files_of(trace).items() for hit in hits(content)]


@pytest.mark.parametrize(
    "hidden",
    [
        f"before {word(1)} after".encode(),
        word(1).upper().encode(),
        word(1).encode().hex().encode(),
        word(1).encode("utf-16-le"),
        word(1).encode("utf-16-be"),
        base64.b64encode(f"{word(1)}".encode()),
        base64.b64encode(f"1{word(1)}".encode()),
        base64.b64encode(f"12{word(1)}".encode()),
        base64.b64encode(f"123{digits(1)}".encode()),
        rf"\x7a\x71{WORD}".encode(),
        digits(7).encode(),
        "".join(f"\\u{ord(c):04X}" for c in WORD).encode(),
        struct.pack(">q", int(digits(1))),
        struct.pack("<q", int(digits(999))),
    ],
)
def test_the_search_finds(hidden: bytes) -> None:
    assert hits(b"\x00\xff some bytes " + hidden + b" and more")


def test_the_search_finds_nothing_in_nothing() -> None:
    assert hits(b"SELECT $1 FROM canary WHERE zq = 86753094") == []


# ---- the places

# SQL with a value in it. {w}: a word, {n}: a number; {c}: a number of this place, for names that must differ. Sent as a simple query, by the extended
# protocol and in a pipeline. Whether the server accepts it does not matter: it was sent.
SQL_PLACES: dict[str, str] = {
    # literals
    "string": "SELECT '{w}'",
    "string with doubled quotes": "SELECT 'it''s {w}'",
    "string of two lines": "SELECT 'a'\n  '{w}'",
    "escape string": r"SELECT E'a\n{w}\t\'{w}'",
    "escape string in hex": r"SELECT E'\x7a\x71\x63\x61\x6e\x61\x72\x79'",
    "unicode string": r"SELECT U&'\0041{w}'",
    "unicode string, own escape": r"SELECT U&'!0041{w}' UESCAPE '!'",
    "unicode string, all escaped": r"SELECT U&'\007a\0071\0063\0061\006e\0061\0072\0079'",
    "national string": "SELECT N'{w}'",
    "dollar string": "SELECT $${w}$$",
    "tagged dollar string": "SELECT $tag$ '{w}' $$ $tag$",
    "bit string in hex": "SELECT X'7a7163616e617279'",
    "typed string": "SELECT text '{w}', varchar(40) '{w}'",
    "cast string": "SELECT '{w}'::text, CAST('{w}' AS varchar)",
    "json": """SELECT '{{"key": "{w}", "n": {n}}}'::jsonb -> '{w}'""",
    "array": "SELECT ARRAY['{w}', 'b'], '{{{w},b}}'::text[]",
    "row": "SELECT ROW('{w}', {n})",
    "number": "SELECT {n}, -{n}, +{n}",
    "fraction": "SELECT {n}.25, .{n}, {n}., {n}e1, 1.{n}E-3",
    "money in arithmetic": "SELECT 1+{n}-{n}*{n}/{n}%{n}",
    "number with a cast": "SELECT {n}::bigint, -{n}::numeric",
    "hexadecimal": "SELECT 0x{hex}",
    "number with underscores": "SELECT 867_530_942_001",
    "in list": "SELECT 1 FROM t WHERE name IN ('a', '{w}', 'b') OR id IN ({n}, {n})",
    "not in list": "SELECT 1 FROM t WHERE name NOT IN ('{w}', 'b')",
    "any array": "SELECT 1 FROM t WHERE name = ANY ('{{{w}}}') OR id = ANY (ARRAY[{n}, 1])",
    "like": "SELECT 1 FROM t WHERE name LIKE '%{w}%' OR name ILIKE '{w}_' OR name ~ '^{w}$' OR name SIMILAR TO '{w}'",
    "between": "SELECT 1 FROM t WHERE id BETWEEN {n} AND {n}",
    "case": "SELECT CASE name WHEN '{w}' THEN '{w}' ELSE '{w}' END FROM t",
    "limit and offset": "SELECT 1 FROM t LIMIT {n} OFFSET {n}",
    "fetch first": "SELECT 1 FROM t OFFSET {n} ROWS FETCH FIRST {n} ROWS ONLY",
    "order by": "SELECT 1 FROM t ORDER BY name = '{w}', id - {n}",
    "having": "SELECT name FROM t GROUP BY name HAVING count(*) > {n} OR min(name) = '{w}'",
    "values": "VALUES ('{w}', {n}), ('b', 1)",
    "insert": "INSERT INTO t (id, name) VALUES ({n}, '{w}') RETURNING name",
    "insert of many": "INSERT INTO t (id, name) VALUES (1{n}, '{w}'), (2{n}, 'b'), (3{n}, '{w}') ON CONFLICT (id) DO UPDATE SET name = '{w}'",
    "update": "UPDATE t SET name = '{w}', note = note || '{w}' WHERE id = {n} RETURNING *",
    "delete": "DELETE FROM t WHERE name = '{w}' AND id > {n}",
    "merge": "MERGE INTO t USING (SELECT '{w}' AS x) s ON t.name = s.x WHEN NOT MATCHED THEN INSERT (id, name) VALUES ({n}, '{w}')",
    "with": "WITH x AS (SELECT '{w}' AS a), y AS MATERIALIZED (SELECT {n}) SELECT * FROM x, y",
    "subquery": "SELECT (SELECT '{w}' WHERE EXISTS (SELECT 1 FROM t WHERE id = {n}))",
    "join condition": "SELECT 1 FROM t a JOIN t b ON a.name = '{w}' AND b.id = {n}",
    "window": "SELECT sum(id) FILTER (WHERE name = '{w}') OVER (ORDER BY id ROWS {n} PRECEDING) FROM t",
    "function argument": "SELECT format('%s', '{w}'), concat(fmt => '{w}'), lpad('x', 3, '{w}')",
    "interval and date": "SELECT interval '{w}', date '{w}', timestamptz '{w}'",
    "json_table": "SELECT * FROM JSON_TABLE('{{\"a\": \"{w}\"}}', '$.{w}' COLUMNS (a text PATH '$.{w}' DEFAULT '{w}' ON EMPTY))",
    "grammar of tomorrow": "SELECT * FROM t WHERE name RESEMBLES '{w}' WITHIN {n} UNITS GRAPHWISE",
    "merge returning": "MERGE INTO t USING t s ON t.id = s.id WHEN MATCHED AND s.name = '{w}' THEN DELETE RETURNING merge_action(), '{w}'",
    # settings
    "set to string": "SET app.secret = '{w}'",
    "set to word": "SET app.secret TO {w}",
    "set local": "SET LOCAL app.secret = '{w}', {w}",
    "set session": "SET SESSION app.token TO '{w}'",
    "set number": "SET app.number = {n}",
    "set time zone": "SET TIME ZONE '{w}'",
    "set_config": "SELECT set_config('app.secret', '{w}', false), current_setting('app.secret')",
    "alter role set": "ALTER ROLE r SET app.secret = '{w}'",
    "alter role set word": "ALTER ROLE r SET app.secret TO {w}",
    "alter database set": "ALTER DATABASE canaries SET app.secret TO '{w}'",
    "alter system": "ALTER SYSTEM SET primary_conninfo = 'host=h password={w}'",
    "function set": "CREATE FUNCTION f{c}() RETURNS int LANGUAGE sql SET app.secret = '{w}' AS 'SELECT 1'",
    # roles, servers, subscriptions
    "create role password": "CREATE ROLE r{c} LOGIN PASSWORD '{w}'",
    "create user encrypted password": "CREATE USER r{c} WITH ENCRYPTED PASSWORD '{w}' VALID UNTIL '{w}'",
    "alter role password": "ALTER ROLE r PASSWORD '{w}'",
    "alter user password, dollars": "ALTER USER r WITH PASSWORD $${w}$$",
    "alter role password, escapes": r"ALTER ROLE r ENCRYPTED PASSWORD E'{w}\n'",
    "alter role scram": "ALTER ROLE r PASSWORD 'SCRAM-SHA-256$4096:{w}$stored:key'",
    "alter role password without quotes": "ALTER ROLE r PASSWORD {w}",
    "create role password without quotes": "CREATE ROLE r{c} PASSWORD {w}",
    "alter role password in double quotes": 'ALTER ROLE r PASSWORD "{w}"',
    "create group password": "CREATE GROUP r{c} ENCRYPTED PASSWORD '{w}'",
    "server options": "CREATE SERVER s{c} FOREIGN DATA WRAPPER w OPTIONS (host '{w}', dbname '{w}')",
    "user mapping": "CREATE USER MAPPING FOR r SERVER s OPTIONS (user '{w}', password '{w}')",
    "alter user mapping": "ALTER USER MAPPING FOR r SERVER s OPTIONS (SET password '{w}', ADD sslkey '{w}')",
    "foreign table options": "CREATE FOREIGN TABLE ft{c} (a text OPTIONS (x '{w}')) SERVER s OPTIONS (table_name '{w}')",
    "create subscription": "CREATE SUBSCRIPTION sub{c} CONNECTION 'host=127.0.0.1 password={w}' PUBLICATION p WITH (connect = false, slot_name = '{w}')",
    "alter subscription": "ALTER SUBSCRIPTION sub CONNECTION 'postgresql://u:{w}@h/d'",
    "dblink": "SELECT * FROM dblink('host=h password={w}', 'SELECT 1') AS x(a int)",
    # prepared, cursors, procedures
    "prepare": "PREPARE p{c} AS SELECT '{w}', {n} FROM t WHERE name = '{w}'",
    "prepare with types": "PREPARE p{c}b (text, int) AS INSERT INTO t VALUES ($2, '{w}' || $1)",
    "execute": "EXECUTE p('{w}', {n})",
    "execute with casts": "EXECUTE p('{w}'::text, -{n})",
    "create table as execute": "CREATE TABLE cta{c} AS EXECUTE p('{w}', {n})",
    "explain execute": "EXPLAIN EXECUTE p('{w}', {n})",
    "explain": "EXPLAIN (VERBOSE, FORMAT json) SELECT '{w}' FROM t WHERE name = '{w}' AND id = {n}",
    "explain analyze": "EXPLAIN ANALYZE SELECT 1 FROM t WHERE name = '{w}'",
    "declare": "DECLARE cur{c} CURSOR WITH HOLD FOR SELECT '{w}' FROM t WHERE id <> {n}",
    "cursor name": "DECLARE \"{w}\" CURSOR WITH HOLD FOR SELECT 1",
    "fetch by name": 'FETCH 1 FROM "{w}"',
    "close by name": 'CLOSE "{w}"',
    "prepared name": 'PREPARE "{w}" AS SELECT 1',
    "execute by name": 'EXECUTE "{w}"',
    "deallocate by name": 'DEALLOCATE "{w}"',
    "call": "CALL proc('{w}', {n})",
    "do": "DO $$ BEGIN PERFORM '{w}', {n}; END $$",
    "do in quotes": "DO LANGUAGE plpgsql 'BEGIN PERFORM ''{w}''; END'",
    "function body": "CREATE FUNCTION fb{c}() RETURNS text LANGUAGE plpgsql AS $body$ BEGIN RETURN '{w}'; END $body$",
    "function default": "CREATE FUNCTION fd{c}(a text DEFAULT '{w}') RETURNS text LANGUAGE sql AS 'SELECT ''{w}'''",
    "function body of statements": "CREATE FUNCTION fa{c}() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT '{w}'; SELECT '{w}'; END",
    # definitions
    "default": "CREATE TABLE d{c} (a text DEFAULT '{w}', b bigint DEFAULT {n})",
    "check": "CREATE TABLE k{c} (a text CHECK (a <> '{w}' AND length(a) < {n}))",
    "generated": "CREATE TABLE g{c} (a text, b text GENERATED ALWAYS AS (a || '{w}') STORED)",
    "alter default": "ALTER TABLE t ALTER COLUMN note SET DEFAULT '{w}'",
    "add check": "ALTER TABLE t ADD CONSTRAINT c{c} CHECK (note <> '{w}')",
    "partial index": "CREATE INDEX i{c} ON t (id) WHERE name = '{w}' AND id <> {n}",
    "index expression": "CREATE INDEX ie{c} ON t ((name || '{w}'))",
    "enum": "CREATE TYPE e{c} AS ENUM ('{w}', 'b')",
    "add enum value": "ALTER TYPE e ADD VALUE '{w}'",
    "domain": "CREATE DOMAIN dom{c} AS text DEFAULT '{w}' CHECK (VALUE <> '{w}')",
    "partition": "CREATE TABLE pt{c} PARTITION OF parts FOR VALUES IN ('{w}')",
    "view": "CREATE VIEW v{c} AS SELECT '{w}' AS a, {n} AS b",
    "materialized view": "CREATE MATERIALIZED VIEW mv{c} AS SELECT name FROM t WHERE name = '{w}'",
    "rule": "CREATE RULE ru{c} AS ON INSERT TO d DO INSTEAD INSERT INTO t VALUES ({n}, '{w}')",
    "trigger argument": "CREATE TRIGGER tr{c} AFTER INSERT ON t FOR EACH ROW WHEN (NEW.name = '{w}') EXECUTE FUNCTION tf('{w}', {n})",
    "policy": "CREATE POLICY po{c} ON t USING (name = '{w}') WITH CHECK (note = '{w}')",
    "comment on": "COMMENT ON TABLE t IS '{w}'",
    "security label": "SECURITY LABEL FOR x ON TABLE t IS '{w}'",
    "sequence": "CREATE SEQUENCE sq{c} MINVALUE {n} START WITH {n} INCREMENT BY {n}",
    "publication": "CREATE PUBLICATION pub{c} FOR TABLE t WHERE (name = '{w}')",
    "statistics": "CREATE STATISTICS st{c} ON (name || '{w}'), id FROM t",
    "tablespace": "CREATE TABLESPACE ts{c} LOCATION '/nowhere/{w}'",
    "storage parameter": "CREATE TABLE sp{c} (a int) WITH (fillfactor = {n}, user_catalog_table = '{w}')",
    # COPY
    "copy from program": "COPY t FROM PROGRAM 'echo {w}'",
    "copy to file": "COPY t TO '/nowhere/{w}' WITH (FORMAT csv, DELIMITER ';', NULL '{w}', HEADER)",
    "copy of a query": "COPY (SELECT '{w}', {n} FROM t) TO '/nowhere/{w}'",
    "copy where": "COPY t FROM '/nowhere/x' WHERE name = '{w}'",
    # comments
    "line comment": "SELECT 1 -- {w}\n",
    "block comment": "/* {w} */ SELECT /* {w} */ 1 /* {w} */",
    "nested comment": "SELECT /* a /* {w} */ {w} */ 1",
    "hint": "SELECT /*+ SeqScan({w}) */ 1",
    "sqlcommenter, other keys": "SELECT 1 /*user_id='{w}',request_id='{w}',{w}='a'*/",
    "sqlcommenter, encoded": "SELECT 1 /*token='%7a%71%63%61%6e%61%72%79',tracestate='x%3D{w}'*/",
    "marginalia, other keys": "SELECT 1 /*user:{w},request:{n}*/",
    "comment of no form": "SELECT 1 /* {w}=, '{w}', %zz{w} */",
    # notifications, messages, transactions
    "notify": "NOTIFY ch, '{w}'",
    "pg_notify": "SELECT pg_notify('ch', '{w}')",
    "raise notice": "DO $$ BEGIN RAISE NOTICE '{w} %', {n} USING DETAIL = '{w}', HINT = '{w}'; END $$",
    "raise exception": "DO $$ BEGIN RAISE EXCEPTION '{w}' USING DETAIL = '{w}', HINT = '{w}', COLUMN = '{w}', TABLE = '{w}'; END $$",
    "error with a value": "SELECT '{w}'::int",
    "error in a function": "SELECT fails('{w}')",
    "unique violation": "INSERT INTO t (id, name) VALUES (1, '{w}')",
    "check violation": "INSERT INTO k VALUES ('{w}{w}')",
    "not null violation": "INSERT INTO k VALUES (NULL, '{w}')",
    "foreign key violation": "INSERT INTO child VALUES ('{w}')",
    "too long": "SELECT '{w}'::varchar(3), lpad('{w}', -{n}); INSERT INTO short VALUES ('{w}')",
    "prepare transaction": "BEGIN; PREPARE TRANSACTION '{w}'",
    "commit prepared": "COMMIT PREPARED '{w}'",
    "advisory lock": "SELECT pg_advisory_lock({n})",
    # what is not SQL, or not whole
    "a password at the prompt": "{w}",
    "a password and a semicolon": "{w};",
    "prose": "my password is {w} and {n}",
    "no statement": "EXEC login '{w}', {n}",
    "unterminated string": "SELECT 1, '{w}",
    "unterminated dollar string": "SELECT 1, $a${w}",
    "unterminated comment": "SELECT 1 /* {w}",
    "unterminated identifier": 'SELECT 1 AS "{w}',
    "unterminated escape string": r"SELECT E'{w}\'",
    "number with a tail": "SELECT {n}abc, {n}{w}",
    "parameter with a tail": "SELECT $1{w}",
    "apostrophe not doubled": "SELECT 'it's {w}', 'b'",
    "apostrophe not doubled, even": "SELECT 'O'{w}', 'b''",
    "backslashes of the old way": r"SELECT 'a\' || {w} || '\'",
    "backslash before the end": r"UPDATE t SET name = 'x\', note = ' {w} ' WHERE id = {n}",
    "smart quotes": "SELECT “{w}”, ‘{w}’",
    "control bytes": "SELECT \x01{w}\x02, '\x1b[31m{w}'",
    "wrong closing": "SELECT ($$a$$, '{w}'",
}  # fmt: skip


def hexadecimal(number: int) -> str:
    return f"{WORD.encode().hex()}{number:03}"


def filled(text: str, number: int, copy: int) -> str:
    return text.format(w=word(number), n=digits(number), c=f"{number}_{copy}", hex=hexadecimal(number))


@dataclass
class Sender:
    """Connections to the proxy for the places that are more than one text."""

    pg: PrivatePostgres
    port: int
    wire: Wire
    again: Callable[[], Wire]


Place = Callable[[Sender, str, str], object]
PLACES: dict[str, Place] = {}


def place(name: str) -> Callable[[Place], Place]:
    def add(function: Place) -> Place:
        PLACES[name] = function
        return function

    return add


@place("text parameter")
def _(to: Sender, w: str, n: str) -> None:
    assert sqlstate(to.wire.extended("SELECT $1::text, $2::bigint", [w.encode(), n.encode()])) == ""


@place("binary parameter")
def _(to: Sender, w: str, n: str) -> None:
    values = [w.encode(), struct.pack(">q", int(n))]
    assert sqlstate(to.wire.extended("SELECT $1::text, $2::int8", values, [1, 1], types=[25, 20], binary_result=True)) == ""


@place("array parameter")
def _(to: Sender, w: str, n: str) -> None:
    values = [f'{{{w},"{w}",c}}'.encode(), f"{{{n},{n}}}".encode()]
    assert sqlstate(to.wire.extended("SELECT 1 FROM t WHERE name = ANY($1) OR id = ANY($2)", values)) == ""


@place("parameter of a type that is not compared")
def _(to: Sender, w: str, n: str) -> None:
    document = json.dumps({w: n}).encode()
    assert sqlstate(to.wire.extended("SELECT $1::jsonb, $2::bytea", [document, b"\\x" + w.encode().hex().encode()])) == ""


@place("long parameter")
def _(to: Sender, w: str, n: str) -> None:
    assert sqlstate(to.wire.extended("SELECT length($1::text)", [(w * 20_000).encode()])) == ""


@place("many parameters")
def _(to: Sender, w: str, n: str) -> None:
    count = 400
    slots = ", ".join(f"${i}::text" for i in range(1, count + 1))
    assert sqlstate(to.wire.extended(f"SELECT ARRAY[{slots}]", [w.encode()] * count)) == ""


@place("named statement and portal")
def _(to: Sender, w: str, n: str) -> None:
    to.wire.ask(parse("SELECT $1::text", name=w), bind([w.encode()], portal=w, name=w), describe(b"S", w), execute(w), SYNC)
    to.wire.ask(bind([w.encode()], name=w), execute(), close(b"S", w), close(b"P", w), SYNC)
    assert sqlstate(to.wire.ask(bind([w.encode()], name=w), execute(), SYNC)) == "26000"


@place("statement never parsed here")
def _(to: Sender, w: str, n: str) -> None:
    assert sqlstate(to.wire.ask(bind([w.encode()], name=f"never {w}"), execute(), SYNC)) == "26000"


@place("parameter that fails")
def _(to: Sender, w: str, n: str) -> None:
    assert sqlstate(to.wire.extended("SELECT $1::int", [w.encode()])) == "22P02"


@place("result values")
def _(to: Sender, w: str, n: str) -> None:
    half, rest = w[:5], w[5:]
    for binary in (False, True):
        replies = to.wire.extended("SELECT $1 || $2, ($3::text || $4)::int8 FROM generate_series(1, 50)",
                                   [half.encode(), rest.encode(), n[:4].encode(), n[4:].encode()], binary_result=binary)
        assert any(kind == b"D" and w.encode() in body for kind, body in replies)


@place("result of a wide row")
def _(to: Sender, w: str, n: str) -> None:
    to.wire.simple(f"SELECT repeat('{w}', 3000), * FROM t")


@place("portal in pieces")
def _(to: Sender, w: str, n: str) -> None:
    pieces = [execute(rows=3)] * 4
    to.wire.ask(parse("SELECT $1::text FROM generate_series(1, 10)"), bind([w.encode()]), describe(), *pieces, SYNC)


@place("copy in")
def _(to: Sender, w: str, n: str) -> None:
    to.wire.send(query("COPY copied FROM STDIN"), message(b"d", f"{n}\t{w}\n".encode()), message(b"d", w.encode()), COPY_DONE)
    to.wire.replies()


@place("copy in, csv with options")
def _(to: Sender, w: str, n: str) -> None:
    to.wire.send(query(f"COPY copied FROM STDIN WITH (FORMAT csv, NULL '{w}', QUOTE '\"')"), message(b"d", f'{n},"{w}"\n'.encode()), COPY_DONE)
    assert sqlstate(to.wire.replies()) == ""


@place("copy in that fails")
def _(to: Sender, w: str, n: str) -> None:
    to.wire.send(query("COPY copied FROM STDIN"), message(b"d", f"{w}\t{w}\n".encode()), COPY_DONE)
    assert sqlstate(to.wire.replies()) == "22P02"


@place("copy in that the client gives up")
def _(to: Sender, w: str, n: str) -> None:
    to.wire.send(query("COPY copied FROM STDIN"), message(b"d", w.encode()), message(b"f", f"because {w}".encode() + b"\0"))
    assert sqlstate(to.wire.replies()) == "57014"


@place("copy in, extended")
def _(to: Sender, w: str, n: str) -> None:
    to.wire.send(parse("COPY copied FROM STDIN"), bind(), execute(), SYNC, message(b"d", f"{n}\t{w}\n".encode()), COPY_DONE, SYNC)
    assert sqlstate(to.wire.replies()) == ""


@place("copy out")
def _(to: Sender, w: str, n: str) -> None:
    assert sqlstate(to.wire.simple(f"COPY (SELECT '{w}', {n} FROM generate_series(1, 20)) TO STDOUT")) == ""
    assert sqlstate(to.wire.simple("COPY copied TO STDOUT (FORMAT binary)")) == ""


@place("copy data in a script")
def _(to: Sender, w: str, n: str) -> None:
    assert sqlstate(to.wire.simple(f"COPY copied FROM STDIN;\n{n}\t{w}\n\\.\n")) != ""


@place("copy data nobody asked for")
def _(to: Sender, w: str, n: str) -> None:
    to.wire.send(message(b"d", w.encode()), COPY_DONE)
    assert sqlstate(to.wire.simple("SELECT 1")) == ""


@place("several statements in one text")
def _(to: Sender, w: str, n: str) -> None:
    to.wire.simple(f"SELECT '{w}'; SELECT {n}; SELECT '{w}'::int; SELECT '{w}'")


@place("pipeline that fails")
def _(to: Sender, w: str, n: str) -> None:
    one = [parse("SELECT $1::int"), bind([w.encode()]), execute()]
    skipped = [parse(f"SELECT '{w}', $1::text"), bind([w.encode()]), execute()]
    to.wire.send(*one, *skipped, query(f"SELECT '{w}'"), SYNC, *skipped, SYNC)
    to.wire.replies(2)


@place("function call")
def _(to: Sender, w: str, n: str) -> None:
    oid = int(to.pg.psql("SELECT 'reverse(text)'::regprocedure::oid", "canaries"))
    body = struct.pack(">Ihhh", oid, 1, 1, 1) + struct.pack(">i", len(w)) + w.encode() + struct.pack(">h", 1)
    replies = to.wire.ask(message(b"F", body))
    assert (b"V", struct.pack(">i", len(w)) + w[::-1].encode()) in replies


@place("notification")
def _(to: Sender, w: str, n: str) -> None:
    replies = to.wire.simple(f"LISTEN ch; NOTIFY ch, '{w}'")
    assert any(kind == b"A" and w.encode() in body for kind, body in replies + to.wire.simple("SELECT 1"))


@place("parameter status")
def _(to: Sender, w: str, n: str) -> None:
    to.wire.simple(f"SET timezone = 'UTC'; SET timezone = '<{w[:9]}>+1'")


@place("options at the start")
def _(to: Sender, w: str, n: str) -> None:
    with Wire(to.port, to.pg.user, "canaries", options=f"-c app.secret={w} -c app.number={n}") as wire:
        wire.simple("SELECT current_setting('app.secret')")


@place("password in clear text")
def _(to: Sender, w: str, n: str) -> None:
    with Wire(to.port, "asked", "canaries", password=LOGIN_WORD) as wire:
        assert sqlstate(wire.simple("SELECT 1")) == ""


@place("wrong password")
def _(to: Sender, w: str, n: str) -> None:
    with pytest.raises(ConnectionRefusedError):
        Wire(to.port, "asked", "canaries", password=w)


@place("text longer than what is kept")
def _(to: Sender, w: str, n: str) -> None:
    for before in (65_536, 65_536 - 25, 65_536 - 30, 65_536 - 34, 1_000):
        text = "SELECT " + "1, " * ((before - 7) // 3)
        text += " " * (before - len(text))
        to.wire.simple(f"{text}'{w}', '{'long ' * 20_000}{w}', '{w}'")
        to.wire.extended(f"{text}$${w}{'long ' * 20_000}{w}$$, {n}", [])


@place("comment longer than what is kept")
def _(to: Sender, w: str, n: str) -> None:
    to.wire.simple(f"SELECT 1 /* {w} {'long ' * 20_000} {w} */, '{w}'")
    to.wire.simple(f"{' ' * 65_530}SELECT '{w}'")


@place("text that ends in a NUL")
def _(to: Sender, w: str, n: str) -> None:
    with to.again() as wire:  # the server refuses it as no message; the rest of the conversation goes by unread
        wire.simple(f"SELECT '{w[:3]}\0{w}'".encode())
        wire.simple(f"SELECT '{w}'")


@place("text that is not UTF-8")
def _(to: Sender, w: str, n: str) -> None:
    to.wire.simple(b"SELECT '\xff\xfe" + w.encode() + b"', '\xe9" + w.encode() + b"' AS \xe9t\xe9")


@place("backslashes where they escape")
def _(to: Sender, w: str, n: str) -> None:
    to.wire.simple("SET standard_conforming_strings = off")
    to.wire.simple(rf"SELECT 'a\' {w} \'b', 'c\'' , '{w}'")
    to.wire.simple(rf"INSERT INTO t (id, name) VALUES (77, '\\\' {w}'), (78, 'x')")
    to.wire.simple(rf"SELECT '\' {w} \'', 'x'")
    to.wire.simple("RESET standard_conforming_strings")


@place("conversation that is not the protocol")
def _(to: Sender, w: str, n: str) -> None:
    wire = to.again()
    wire.send(message(b"!", w.encode()), w.encode(), query(f"SELECT '{w}'"))
    while True:
        try:
            wire.receive()
        except (ConnectionError, struct.error, OSError):
            break
    wire.socket.close()


@place("message whose body is wrong")
def _(to: Sender, w: str, n: str) -> None:
    wire = to.again()
    wire.send(message(b"B", f"{w}\0{w}\0".encode() + b"\x7f\xff" + w.encode()), SYNC)
    with pytest.raises((ConnectionError, AssertionError, OSError)):
        assert sqlstate(wire.replies()) == ""
    wire.socket.close()


@place("connection lost in the middle")
def _(to: Sender, w: str, n: str) -> None:
    wire = to.again()
    wire.send(query(f"SELECT pg_sleep(20), '{w}'"), message(b"Q", b"")[:1] + struct.pack(">i", 500) + w.encode())
    time.sleep(0.1)
    wire.socket.close()


@place("an n plus one with canaries for keys")
def _(to: Sender, w: str, n: str) -> None:
    to.wire.simple("BEGIN")
    codes = [body[6:] for kind, body in to.wire.simple("SELECT code FROM orders ORDER BY code") if kind == b"D"]
    assert len(codes) == 12 and codes[0].startswith(WORD.encode())
    for code in codes:
        to.wire.extended("SELECT id, code, '" + w + "' FROM order_lines WHERE code = $1", [code])
    for code in codes:
        to.wire.simple(f"SELECT id, code FROM order_lines WHERE code = '{code.decode()}' AND note <> '{w}'")
    for _ in range(8):
        to.wire.simple(f"SELECT sum(id) FROM order_lines WHERE code <> '{w}'")
    to.wire.simple("COMMIT")


ORDER_CODES = set(range(887, 899))
TABLES = f"""
CREATE TABLE t (id numeric PRIMARY KEY, name text, note text);
INSERT INTO t VALUES (1, '{word(900)}', 'b'), (2, 'b', '{word(900)}');
CREATE TABLE k (a text NOT NULL CHECK (length(a) < 13), b text);
CREATE TABLE child (a text REFERENCES k_parent (a));
CREATE TABLE short (a varchar(3));
CREATE TABLE copied (id numeric, name text);
CREATE TABLE parts (a text) PARTITION BY LIST (a);
CREATE TABLE orders (code text PRIMARY KEY);
INSERT INTO orders SELECT '{WORD}' || (899 - i) || 'x' FROM generate_series(1, 12) i;
CREATE TABLE order_lines AS SELECT row_number() OVER () AS id, code, 'note' AS note FROM orders, generate_series(1, 2);
CREATE ROLE r;
CREATE FUNCTION fails(a text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no %', a USING DETAIL = a, HINT = a, ERRCODE = 'P0007'; END $$;
CREATE PROCEDURE proc(a text, b bigint) LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'called with % %', a, b; END $$;
""".replace("CREATE TABLE child", "CREATE TABLE k_parent (a text PRIMARY KEY);\nCREATE TABLE child")


@pytest.fixture(scope="module")
def guarded() -> Iterator[PrivatePostgres]:
    """A server that asks the role `asked` for a password in clear text."""
    try:
        server = PrivatePostgres().start()
    except NoServer as error:
        pytest.skip(str(error))
    try:
        server.psql("CREATE DATABASE canaries", "postgres")
        for statement in TABLES.split(";\n"):
            if statement.strip():
                server.psql(statement, "canaries")
        server.psql(f"CREATE ROLE asked LOGIN PASSWORD '{LOGIN_WORD}'", "canaries")
        rules = server.folder / "data" / "pg_hba.conf"
        rules.write_text("host all asked 127.0.0.1/32 password\n" + rules.read_text())
        server.psql("SELECT pg_reload_conf()", "postgres")
        yield server
    finally:
        server.stop()


def send_everything(to: Sender) -> int:
    """Every place, with the names that may be kept among them; the count."""
    wire, number = to.wire, 0
    for name, text in SQL_PLACES.items():
        number += 1
        for copy, send in enumerate((wire.simple, lambda sql: wire.extended(sql))):
            send(filled(text, number, copy))
            wire.simple("ROLLBACK")
        sql = filled(text, number, 2)
        wire.send(parse("SELECT 1"), bind(), execute(), parse(sql), bind(), execute(), SYNC, query(sql))
        wire.replies(2)
        wire.simple("ROLLBACK")
    for name, send_place in PLACES.items():
        number += 1
        send_place(to, word(number), digits(number))
        to.wire.simple("ROLLBACK")
    return number


def send_what_is_kept(to: Sender) -> None:
    with Wire(to.port, to.pg.user, "canaries", application_name=f"{KEPT}_application") as wire:
        wire.simple(f"SELECT id AS {KEPT}_column FROM {KEPT}_relation")
        wire.simple(f"SELECT 1 /*route='/{KEPT}/route',controller='{KEPT}_controller',user='{word(990)}'*/")


def run_tool(binary: Path, *arguments: str) -> bytes:
    done = subprocess.run([str(binary), *arguments], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout + done.stderr


def outputs(binary: Path, trace: Path) -> dict[str, bytes]:
    """All that the commands say of a trace."""
    said = {}
    for form in ("terminal", "json"):
        said[f"report {form}"] = run_tool(binary, "report", "--all", "--format", form, str(trace))
        said[f"queries {form}"] = run_tool(binary, "queries", "--limit", "0", "--format", form, str(trace))
    with sqlite3.connect(f"file:{trace}?mode=ro", uri=True) as database:
        statements = [row[0] for row in database.execute("SELECT statement_id FROM statement ORDER BY statement_id")]
    findings = [finding["id"] for finding in json.loads(said["report json"])["findings"]]
    for shown in [*map(str, statements[:: max(1, len(statements) // 60)]), *findings]:
        for form in ("terminal", "json"):
            said[f"show {shown} {form}"] = run_tool(binary, "show", "--format", form, str(trace), shown)
    return said


def numbers_in(hit: str) -> set[int]:
    return {int(number) for number in re.findall(rf"(?i)(?:{WORD}|{DIGITS})(\d{{3}})", hit)}


def told(found: list[str], places_by_number: Mapping[int, str]) -> str:
    """Hits with the names of the places they come from."""
    lines = []
    for hit in found:
        lines.append(f"{sorted(places_by_number.get(number, str(number)) for number in numbers_in(hit))} {hit}")
    return "\n".join(lines)


# What a catalogue says of a schema is kept as it is, with whatever value was written into it.
DEFINITIONS = {"default", "check", "generated", "alter default", "add check", "partial index", "index expression", "enum", "add enum value", "domain", "comment on"}


# With --keep-values: whose values are stored. Of all other places none ever is; several of these have one shape, of which three examples are kept.
KEPT_PLACES = {
    "string", "string with doubled quotes", "typed string", "cast string", "json", "array", "row", "number", "fraction", "number with a cast", "in list",
    "not in list", "any array", "like", "between", "case", "limit and offset", "fetch first", "order by", "having", "values", "merge",
    "with", "subquery", "join condition", "window", "advisory lock", "text parameter", "binary parameter", "array parameter",
    "named statement and portal", "result of a wide row", "portal in pieces", "pipeline that fails", "an n plus one with canaries for keys",
}  # fmt: skip
# Where they succeed: what other tests left in the tables may forbid it, and the server may not get to the end of a lost connection's query.
SOMETIMES_KEPT = {"insert", "insert of many", "update", "delete", "connection lost in the middle"}


@dataclass
class Searched:
    """A recording of every place, and what the search found."""

    names: dict[int, str]
    trace: Path
    in_files: list[str]
    in_cells: list[str]
    said: dict[str, bytes]


def record_everything(server: PrivatePostgres, binary: Path, folder: Path, flags: tuple[str, ...]) -> Searched:
    names = dict(enumerate([*SQL_PLACES, *PLACES], start=1))
    assert len(names) >= 60
    folder.mkdir()
    trace = folder / "trace.db"
    with running_proxy(binary, server, trace, *flags) as proxy:
        sender = Sender(server, proxy.port, Wire(proxy.port, server.user, "canaries"), lambda: Wire(proxy.port, server.user, "canaries"))
        send_what_is_kept(sender)
        assert send_everything(sender) == len(names)
        time.sleep(0.7)  # longer than from one commit to the next
        recorded = files_of(trace)
        assert {"trace.db", "trace.db-wal", "trace.db-shm", "trace.db.lock"} <= recorded.keys() and recorded["trace.db-wal"]
        in_files, in_cells = hits_in_files(trace), hits_in_cells(trace)
        said = outputs(binary, trace)
        sender.wire.close()
        assert proxy.stop() == 0
        assert proxy.process.stderr is not None
        said["stderr"] = proxy.process.stderr.read().encode()
    said |= {f"{name}, after": output for name, output in outputs(binary, trace).items()}
    return Searched(names, trace, in_files + hits_in_files(trace), in_cells + hits_in_cells(trace), said)


@pytest.mark.parametrize("flags", [(), ("--database=auto",)], ids=["traffic alone", "with catalogue and plans"])
def test_no_canary_reaches_a_file(flags: tuple[str, ...], guarded: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    searched = record_everything(guarded, pgassay_binary, tmp_path / "trace", flags)
    names, trace, said = searched.names, searched.trace, searched.said
    found = searched.in_files + searched.in_cells
    found += [f"{name}: {hit}" for name, output in said.items() for hit in hits(output)]
    defined = {number for number, name in names.items() if flags and name in DEFINITIONS}
    found = [hit for hit in found if not numbers_in(hit) or not numbers_in(hit) <= defined]
    assert not found, told(found, names)
    everything = b"".join(files_of(trace).values())
    for kept in ("application", "column", "relation", "controller"):
        assert f"{KEPT}_{kept}".encode() in everything
    assert f"/{KEPT}/route".encode() in everything
    assert any(finding["rule"] == "n-plus-one" for finding in json.loads(said["report json, after"])["findings"])
    assert ask(trace, "SELECT count(*) FROM example_value") == [(0,)]
    plans = [row[0] for row in ask(trace, "SELECT plan FROM plan WHERE plan IS NOT NULL")]
    assert [hit for plan in plans for hit in hits(plan.encode())] == []
    assert (len(plans) >= 10 and any("Filter" in plan for plan in plans)) if flags else not plans, plans


def test_values_are_kept_in_one_table_where_asked_for(guarded: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    searched = record_everything(guarded, pgassay_binary, tmp_path / "trace", ("--keep-values",))
    names, trace, said = searched.names, searched.trace, searched.said
    assert KEPT_PLACES | SOMETIMES_KEPT <= set(names.values())
    kept = {number for number, name in names.items() if name in KEPT_PLACES}
    may_be = kept | {number for number, name in names.items() if name in SOMETIMES_KEPT} | ORDER_CODES
    shown = {name: output for name, output in said.items() if name.startswith("show ")}
    found = [hit for hit in searched.in_cells if not hit.startswith("example_value.value: ")]
    found += [f"{name}: {hit}" for name, output in said.items() if name not in shown for hit in hits(output)]
    everywhere = searched.in_files + searched.in_cells + [f"{name}: {hit}" for name, output in shown.items() for hit in hits(output)]
    found += [hit for hit in everywhere if not numbers_in(hit) <= may_be]
    assert not found, told(found, names)
    in_table = {number for hit in searched.in_cells for number in numbers_in(hit)}
    assert in_table >= kept, sorted(names[number] for number in kept - in_table)
    assert any(hits(output) for output in shown.values())
    assert b"trace.db will hold values" in said["stderr"]
    assert trace.stat().st_mode & 0o777 == 0o600
    examples = ask(trace, "SELECT statement_id, count(DISTINCT execution_no), max(length(value)) FROM example_value GROUP BY statement_id")
    assert max(count for _, count, _ in examples) == 3 and max(length or 0 for *_, length in examples) <= 128


def test_a_terminal_is_told_no_value(guarded: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    """On a terminal the proxy says more: how it goes, and findings as they come."""
    ours, theirs = pty.openpty()
    words = [str(pgassay_binary), "proxy", "--allow-root", "--listen", "127.0.0.1:0", "--upstream", guarded.dsn(dbname="canaries")]
    process = subprocess.Popen([*words, "--trace", str(tmp_path / "trace.db")], env=guarded.env("canaries") | {"TERM": "xterm"}, stderr=theirs)
    os.close(theirs)
    try:
        said = b""
        while not (match := re.search(rb"listening on 127\.0\.0\.1:(\d+)", said)):
            said += os.read(ours, 4096)
        port = int(match[1])
        sender = Sender(guarded, port, Wire(port, guarded.user, "canaries"), lambda: Wire(port, guarded.user, "canaries"))
        PLACES["an n plus one with canaries for keys"](sender, word(1), digits(1))
        sender.wire.close()
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 0.2)[0]:
                said += os.read(ours, 4096)
    finally:
        process.terminate()
        process.wait(timeout=20)
    while select.select([ours], [], [], 0.2)[0]:
        try:
            said += os.read(ours, 4096)
        except OSError:  # nobody holds the other side any more
            break
    os.close(ours)
    assert b"finding" in said, said
    assert hits(said) == []


def test_the_words_of_run_hold_no_secret(guarded: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    """Passwords in URLs and the environment, and what the command itself was told, stay out of what `run` writes."""
    trace, output = tmp_path / "run.db", tmp_path / "run.json"
    url = f"postgresql://asked:{LOGIN_WORD}@127.0.0.1:{guarded.port}/canaries?options=-c%20app.secret%3D{word(991)}"
    words = [str(pgassay_binary), "run", "--format", "json", "--output", str(output), "--trace", str(trace), "--"]
    words += ["sh", "-c", f'exec "$0" -XqAt "$DATABASE_URL" -c "SELECT 1, \'{word(992)}\'" >"$1"', str(guarded.programs / "psql"), str(tmp_path / "out")]
    env = guarded.env("canaries") | {"DATABASE_URL": url, "PGPASSWORD": LOGIN_WORD, "PGUSER": "asked", "SECRET": word(993)}
    done = subprocess.run(words, env=env, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "out").read_text() == f"1|{word(992)}\n"
    (tmp_path / "out").unlink()
    assert json.loads(output.read_text())["totals"]["executions"] >= 1
    found = hits_in_files(trace) + hits_in_cells(trace) + hits(done.stdout) + hits(done.stderr)
    assert not found, "\n".join(found)
    # What fails before it begins, says so without the password.
    for upstream in (f"postgresql://asked:{word(994)}@127.0.0.1:1/canaries", f"postgresql://asked:{word(995)}@[::bad/canaries"):
        refused = subprocess.run([str(pgassay_binary), "proxy", "--allow-root", "--upstream", upstream, "--trace", str(tmp_path / "no.db")],
                                 capture_output=True, timeout=60, check=False)  # fmt: skip
        assert refused.returncode == 2 and hits(refused.stdout + refused.stderr) == []


def test_hashes_compare_within_one_recording_alone(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    """Each recording has a key of its own, in memory: a file tells nothing of values by hashes that somebody else could make."""
    trace = tmp_path / "trace.db"
    for flags in ([], ["--append"]):
        with running_proxy(pgassay_binary, pg, trace, *flags) as proxy:
            with Wire(proxy.port, pg.user, pg.dbname) as to:
                for _ in range(2):
                    to.extended("SELECT $1::int", [b"42"])
            assert proxy.stop() == 0
    with sqlite3.connect(trace) as database:
        hashes = database.execute("SELECT parameters_hash, result_hash FROM execution ORDER BY execution_no").fetchall()
    assert len(hashes) == 4 and 0 not in {one for pair in hashes for one in pair}
    assert hashes[0] == hashes[1] and hashes[2] == hashes[3]
    assert not set(hashes[0]) & set(hashes[2])


def test_the_key_of_the_hashes_reaches_no_file(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path, shim: Path) -> None:  # noqa: F811
    key = bytes((i * 37 + 11) % 256 for i in range(192))  # as fault_shim.c makes it
    parts = [key[i : i + 8] for i in range(len(key) - 7)]
    control = tmp_path / "fault"
    control.write_text("key")
    hashes = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with started(pgassay_binary, pg, tmp_path / name / "trace.db", "--keep-values", env=with_shim(shim, control)) as proxy:
            with Wire(proxy.port, pg.user, pg.dbname) as to:
                to.extended("SELECT $1::int", [b"42"])
                to.simple("SELECT 'word'")
            time.sleep(0.7)
            files = files_of(proxy.trace)
            assert files["trace.db-wal"]
            assert proxy.stop() == 0
            assert proxy.process.stderr is not None
            files["stderr"] = proxy.process.stderr.read().encode()
        files |= {f"{file}, after": content for file, content in files_of(proxy.trace).items()}
        hashes.append(ask(proxy.trace, "SELECT parameters_hash, result_hash FROM execution ORDER BY execution_no"))
        for file, content in files.items():
            for part in parts:
                assert part not in content and part[::-1] not in content and part.hex().encode() not in content.lower(), file
    assert hashes[0] == hashes[1] and len(hashes[0]) == 2  # so that key was in use
