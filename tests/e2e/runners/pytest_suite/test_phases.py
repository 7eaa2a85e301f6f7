"""N+1 queries in setup, call and teardown, in pytest's way and in unittest's: each phase asks its own table."""

import os
import unittest

import psycopg2
import pytest


def ask(connection, table):
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM authors ORDER BY id")
        for (author_id,) in cursor.fetchall():
            cursor.execute(f"SELECT title FROM {table} WHERE author_id = %s", (author_id,))


def connect():
    return psycopg2.connect(os.environ["DATABASE_URL"])


@pytest.fixture
def connection():
    connection = connect()
    ask(connection, "in_setup")
    yield connection
    ask(connection, "in_teardown")
    connection.close()


@pytest.mark.parametrize("which", ["a b", "c&d=e%"])
def test_function(connection, which):
    ask(connection, "in_call")


def test_fails(connection):
    ask(connection, "in_call")
    assert os.environ.get("SUITE_PASSES")


@pytest.mark.skip
def test_skipped():
    pass


class TestOfUnittest(unittest.TestCase):
    def setUp(self):
        self.connection = connect()
        ask(self.connection, "in_setup")

    def tearDown(self):
        ask(self.connection, "in_teardown")
        self.connection.close()

    def test_method(self):
        ask(self.connection, "in_call")
