"""Several servers behind one pgassay, in one trace: --route."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import running_proxy, wait_until
from private_postgres import NoServer, PrivatePostgres, free_port
from test_relay import ask, assert_bytes_accounted_for, client
from wire_client import Wire, query, send_cancel, sqlstate


@pytest.fixture(scope="module")
def replica() -> Iterator[PrivatePostgres]:
    """A second server, which says that it is read-only, as a replica does."""
    server = PrivatePostgres()
    try:
        server.start()
    except NoServer as error:
        pytest.skip(str(error))
    server.psql(f"ALTER DATABASE {server.dbname} SET default_transaction_read_only = on", "postgres")
    yield server
    server.stop()


def route(port: int, server: PrivatePostgres) -> tuple[str, str]:
    return "--route", f"127.0.0.1:{port}={server.dsn()}"


def ask_through(pg: PrivatePostgres, port: int, sql: str) -> str:
    code, stdout, stderr = client(pg, "psql", "-XqAt", "-c", sql, env=pg.env() | {"PGPORT": str(port)})
    assert code == 0, stderr
    return stdout.strip()


def test_each_listener_leads_to_its_own_server(pg: PrivatePostgres, replica: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    with running_proxy(pgassay_binary, pg, tmp_path / "trace.db", *route(port, replica)) as proxy:
        assert ask_through(pg, proxy.port, "SELECT inet_server_port()") == str(pg.port)
        assert ask_through(pg, port, "SELECT inet_server_port()") == str(replica.port)
        urls = f"postgresql://{pg.user}@127.0.0.1:{port},127.0.0.1:{proxy.port}/{pg.dbname}"
        for attributes, expected in (("read-write", pg.port), ("any", replica.port)):
            found = client(pg, "psql", f"{urls}?target_session_attrs={attributes}", "-XqAtc", "SELECT inet_server_port()", env=pg.env())
            assert found == (0, f"{expected}\n", "")
        assert proxy.stop() == 0
    sessions = ask(proxy.trace, "SELECT DISTINCT s.route, d.upstream, d.name FROM session s JOIN database d USING (database_id) ORDER BY 1")
    assert sessions == [(0, f"127.0.0.1:{pg.port}", pg.dbname), (1, f"127.0.0.1:{replica.port}", replica.dbname)]
    assert ask(proxy.trace, "SELECT calls FROM statement WHERE sql LIKE '%inet_server_port%'") == [(4,)]
    assert_bytes_accounted_for(proxy.trace)


def test_a_server_that_is_gone_leaves_the_others_alone(pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    port = free_port()
    with PrivatePostgres() as second, running_proxy(pgassay_binary, pg, tmp_path / "trace.db", *route(port, second)) as proxy:
        assert ask_through(pg, port, "SELECT 1") == "1"
        second.stop()
        code, _, stderr = client(pg, "psql", "-XqAt", "-c", "SELECT 1", env=pg.env() | {"PGPORT": str(port)})
        assert code == 2 and f"cannot reach the server at 127.0.0.1:{second.port}" in stderr
        urls = f"postgresql://{pg.user}@127.0.0.1:{port},127.0.0.1:{proxy.port}/{pg.dbname}"
        assert client(pg, "psql", urls, "-XqAtc", "SELECT 2", env=pg.env()) == (0, "2\n", "")


def test_a_cancel_request_finds_its_server_over_any_listener(
    pg: PrivatePostgres, replica: PrivatePostgres, pgassay_binary: Path, tmp_path: Path
) -> None:
    """A client that knows its server by a name of several addresses may send its CancelRequest to another one than it logged in at."""
    port = free_port()
    with running_proxy(pgassay_binary, pg, tmp_path / "trace.db", *route(port, replica)) as proxy:
        for own, other, server in ((proxy.port, port, pg), (port, proxy.port, replica)):
            with Wire(own, pg.user, pg.dbname) as asleep:
                asleep.send(query("SELECT pg_sleep(60)"))
                wait_until("it sleeps", lambda server=server: server.psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1\n")
                send_cancel(other, asleep.key)
                assert sqlstate(asleep.replies()) == "57014"
