"""wide-select's hints, which need a catalogue: columns that an index alone would have, and one column that feeds every later query."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Run
from private_postgres import PrivatePostgres
from test_advise import vacuum
from test_plans import client

pytest.importorskip("psycopg")

# 40 000 rows of about 230 bytes, 400 of each depot and all over the table.
PARCELS = (
    "CREATE TABLE senders (id int PRIMARY KEY, name text); INSERT INTO senders SELECT i, 'sender ' || i FROM generate_series(1, 500) i; "
    "CREATE TABLE parcels (id int PRIMARY KEY, depot int NOT NULL, sender_id int NOT NULL, shipped date NOT NULL, street text, town text, country text, remark text); "
    "INSERT INTO parcels SELECT i, i % 100, 1 + i / 100, date '2026-01-01' + i % 300, repeat('s', 40), repeat('t', 40), repeat('c', 40), repeat('r', 60) "
    "FROM generate_series(1, 40000) i; "
)
ALL = "id, depot, sender_id, shipped, street, town, country, remark"
LIST = f"run('SELECT {ALL} FROM parcels WHERE depot = %s ORDER BY shipped', (7,)).fetchall()"
INDEX = "CREATE INDEX parcels_by_depot ON parcels (depot, shipped, id); "


@pytest.fixture
def database(pg: PrivatePostgres) -> Iterator[str]:
    pg.psql("CREATE DATABASE wide", "postgres")
    yield "wide"
    pg.psql("DROP DATABASE wide WITH (FORCE)", "postgres")


@pytest.fixture
def hints(pg: PrivatePostgres, run_pgassay: Callable[..., Run], database: str) -> Callable[..., list[dict[str, Any]]]:
    def recorded(schema: str, *lines: str, flags: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        pg.psql(PARCELS + schema, database)
        vacuum(pg, database)
        run = run_pgassay(client(*lines), flags=["--database=auto", "--all", *flags], dbname=database)
        assert run.code == 0, run.stderr
        return [finding for finding in run.findings if finding["rule"] == "wide-select"]

    return recorded


def test_an_index_that_has_what_the_database_needs(hints: Callable[..., list[dict[str, Any]]]) -> None:
    (finding,) = hints(INDEX, LIST)
    assert (finding["title"], finding["confidence"]) == ("parcels: an index alone has id, depot, shipped", "hint")
    assert finding["fix"]["sql"] == "SELECT id, depot, shipped FROM parcels WHERE depot = $1 ORDER BY shipped"
    costs = finding["evidence"][0]["figures"]
    assert costs["cost_after"] < 0.1 * costs["cost_before"], costs


@pytest.mark.parametrize(("extension", "flags", "how"), [("CREATE EXTENSION hypopg", (), "hypothetical"), ("", ("--sandbox",), "built")])
def test_an_index_that_could_be_made(hints: Callable[..., list[dict[str, Any]]], extension: str, flags: tuple[str, ...], how: str) -> None:
    (finding,) = hints(extension, LIST, flags=flags)
    assert finding["title"] == "parcels: an index alone has id, depot, shipped"
    index = "CREATE INDEX ON public.parcels USING btree (depot, shipped) INCLUDE (id)"
    assert f"{how}, with {index}" in [fact["text"] for fact in finding["evidence"]]
    assert finding["fix"]["advice"].endswith(f"make the index: {index}.")


@pytest.mark.parametrize(
    ("schema", "lines"),
    [
        pytest.param(INDEX, (LIST.replace(ALL, "id, depot, shipped"),), id="the columns are named already"),
        pytest.param(INDEX, (LIST.replace("shipped'", "shipped LIMIT 20'"),), id="a page of twenty rows"),
        pytest.param(INDEX, (LIST.replace("shipped'", "shipped FOR UPDATE'"),), id="the rows are locked"),
        pytest.param("ALTER TABLE parcels SET (autovacuum_enabled = off)", (LIST,), id="no index, and none can be tried"),
        pytest.param(
            INDEX, (f"rows = {LIST}", "run('SELECT name FROM senders WHERE id = ANY(%s)', ([row[2] for row in rows],))"), id="a later query was fed from sender_id"
        ),
    ],
)
def test_silent_where_the_rest_of_the_row_is_needed_or_nothing_is_gained(hints: Callable[..., list[dict[str, Any]]], schema: str, lines: tuple[str, ...]) -> None:
    assert hints(schema, *lines) == []


EACH = "for row in rows: run('SELECT name FROM senders WHERE id = %s', (row[2],)).fetchone()"


def test_one_column_feeds_every_later_query(hints: Callable[..., list[dict[str, Any]]]) -> None:
    (finding,) = hints("", f"rows = {LIST}", EACH)
    assert (finding["title"], finding["confidence"]) == ("only parcels.sender_id fed later queries", "hint")
    assert finding["fix"]["sql"] == "SELECT sender_id FROM parcels WHERE depot = $1 ORDER BY shipped"


def test_two_columns_feed(hints: Callable[..., list[dict[str, Any]]]) -> None:
    notes = "CREATE TABLE notes (parcel_id int, text text); CREATE INDEX ON notes (parcel_id); INSERT INTO notes SELECT i, 'n' FROM generate_series(1, 40000) i"
    other = "for row in rows: run('SELECT text FROM notes WHERE parcel_id = %s', (row[0],)).fetchone()"
    assert hints(notes, f"rows = {LIST}", EACH, other) == []
