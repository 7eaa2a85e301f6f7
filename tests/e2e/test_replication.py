"""Replication through pgassay: the programs of PostgreSQL, a standby and a subscription, each compared with itself direct."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Proxy, running_proxy, wait_until
from private_postgres import NoServer, PrivatePostgres
from test_relay import ask, assert_bytes_accounted_for, client

SEGMENT = 1 << 20  # of WAL, in bytes: small, so that a test fills some of them
SETTINGS = {"wal_level": "logical", "max_wal_senders": "20", "max_replication_slots": "20", "full_page_writes": "on", "wal_keep_size": "64MB"}


@pytest.fixture(scope="module")
def primary() -> Iterator[PrivatePostgres]:
    server = PrivatePostgres(settings=SETTINGS, initdb=[f"--wal-segsize={SEGMENT >> 20}"])
    try:
        server.start()
    except NoServer as error:
        pytest.skip(str(error))
    server.psql("CREATE TABLE kept (id int PRIMARY KEY, name text); INSERT INTO kept SELECT n, 'name ' || n FROM generate_series(1, 5000) n")
    yield server
    server.stop()


@pytest.fixture
def before(primary: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> Iterator[Proxy]:
    """pgassay in front of the primary; at the end every byte is accounted for and every session was understood to its end."""
    with running_proxy(pgassay_binary, primary, tmp_path / "trace.db") as proxy:
        yield proxy
    assert_bytes_accounted_for(proxy.trace)
    assert ask(proxy.trace, "SELECT opaque_reason FROM session WHERE opaque_reason IS NOT NULL") == []


def program(pg: PrivatePostgres, port: int, name: str, *arguments: str | Path) -> None:
    code, _, stderr = client(pg, name, *map(str, arguments), env=pg.env() | {"PGPORT": str(port)})
    assert code == 0, stderr


def both(primary: PrivatePostgres, before: Proxy) -> tuple[tuple[str, int], tuple[str, int]]:
    return ("direct", primary.port), ("through", before.port)


def without_time(manifest: str) -> list[str]:
    """The paths and sizes of what a backup holds; files that PostgreSQL writes for each backup anew have other sums."""
    return sorted(re.findall(r'"Path": "([^"]+)", "Size": (\d+)', manifest))


def test_a_base_backup_with_streamed_wal_is_a_server(primary: PrivatePostgres, before: Proxy, tmp_path: Path) -> None:
    for side, port in both(primary, before):
        program(primary, port, "pg_basebackup", "-D", tmp_path / side, "-X", "stream", "-c", "fast", "--manifest-checksums=SHA256")
        program(primary, port, "pg_verifybackup", tmp_path / side)
    direct, through = (without_time((tmp_path / side / "backup_manifest").read_text()) for side in ("direct", "through"))
    assert through == direct and len(direct) > 900
    with PrivatePostgres(backup=tmp_path / "through") as restored:
        assert restored.psql("SELECT count(*), sum(id) FROM kept") == primary.psql("SELECT count(*), sum(id) FROM kept")


def test_received_wal_is_the_server_s_own(primary: PrivatePostgres, before: Proxy, tmp_path: Path) -> None:
    for side, port in both(primary, before):
        (tmp_path / side).mkdir()
        primary.psql(f"SELECT pg_create_physical_replication_slot('wal_{side}', true)")
    primary.psql("INSERT INTO kept SELECT n, repeat('wal ', 20) FROM generate_series(10001, 40000) n")
    end = primary.psql("SELECT pg_switch_wal()").strip()
    for side, port in both(primary, before):
        program(primary, port, "pg_receivewal", "-D", tmp_path / side, "-S", f"wal_{side}", "--endpos", end, "--no-loop")
    whole = sorted(path.name for path in (tmp_path / "direct").iterdir() if not path.name.endswith(".partial"))
    assert len(whole) >= 3
    for name in whole:
        received = (tmp_path / "through" / name).read_bytes()
        assert len(received) == SEGMENT and received == (tmp_path / "direct" / name).read_bytes(), name


def test_decoded_changes_are_the_same(primary: PrivatePostgres, before: Proxy, tmp_path: Path) -> None:
    for side, port in both(primary, before):
        program(primary, port, "pg_recvlogical", "-d", primary.dbname, "-S", f"decoded_{side}", "--create-slot", "-P", "test_decoding")
    primary.psql("UPDATE kept SET name = name || ' changed' WHERE id % 7 = 0; DELETE FROM kept WHERE id % 11 = 0; BEGIN; SELECT 1; COMMIT")
    primary.psql("INSERT INTO kept VALUES (-1, repeat('long ', 50000))")
    end = primary.psql("SELECT pg_current_wal_insert_lsn()").strip()
    primary.psql("SELECT pg_logical_emit_message(false, 'end', '')")
    for side, port in both(primary, before):
        program(primary, port, "pg_recvlogical", "-d", primary.dbname, "-S", f"decoded_{side}", "--start", "-f", tmp_path / side, "--endpos", end, "--no-loop")
    direct, through = ((tmp_path / side).read_text() for side in ("direct", "through"))
    assert through == direct and "' changed'" not in direct and direct.count("UPDATE") > 1000 and len(direct) > 250_000


def test_a_standby_streams_through(primary: PrivatePostgres, before: Proxy, tmp_path: Path) -> None:
    program(primary, before.port, "pg_basebackup", "-D", tmp_path / "standby", "-R", "-C", "-S", "standby", "-c", "fast")
    with PrivatePostgres(settings={"hot_standby": "on", "max_connections": "100", "max_wal_senders": "20"}, backup=tmp_path / "standby") as standby:
        primary.psql("INSERT INTO kept VALUES (-2, 'for the standby')")
        wait_until("the standby has it", lambda: standby.psql("SELECT name FROM kept WHERE id = -2") == "for the standby\n", patience_s=30)
        assert standby.psql("SELECT pg_is_in_recovery()") == "t\n"
        streaming = "SELECT sender_port FROM pg_stat_wal_receiver"
        assert standby.psql(streaming) == f"{before.port}\n"
        # It serves reads, and goes on where it stopped when its connection is lost.
        primary.psql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'standby'")
        primary.psql("INSERT INTO kept VALUES (-3, 'after a break')")
        wait_until("it streams again", lambda: standby.psql("SELECT name FROM kept WHERE id = -3") == "after a break\n", patience_s=30)
    primary.psql("SELECT pg_drop_replication_slot('standby')")


def test_a_subscription_follows_through(primary: PrivatePostgres, before: Proxy) -> None:
    primary.psql("CREATE TABLE published (id int PRIMARY KEY, name text); INSERT INTO published SELECT n, 'before' FROM generate_series(1, 1000) n")
    primary.psql("CREATE PUBLICATION everything FOR TABLE published")
    with PrivatePostgres(settings=SETTINGS) as subscriber:
        subscriber.psql("CREATE TABLE published (id int PRIMARY KEY, name text)")
        to_primary = f"host=127.0.0.1 port={before.port} user={primary.user} dbname={primary.dbname}"
        subscriber.psql(f"CREATE SUBSCRIPTION followed CONNECTION '{to_primary}' PUBLICATION everything")
        digest = "SELECT count(*), md5(string_agg(id || name, ',' ORDER BY id)) FROM published"
        wait_until("the table is copied", lambda: subscriber.psql(digest) == primary.psql(digest), patience_s=30)
        primary.psql("UPDATE published SET name = 'after' WHERE id % 2 = 0; DELETE FROM published WHERE id > 900; INSERT INTO published VALUES (0, 'new')")
        wait_until("the changes have come", lambda: subscriber.psql(digest) == primary.psql(digest), patience_s=30)
        subscriber.psql("DROP SUBSCRIPTION followed")
    assert primary.psql("SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'followed%'") == "0\n"
