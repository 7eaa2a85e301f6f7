"""The golden conversations marked `live`, with real servers: the server says what the file says, and the same bytes come through pgassay.

PostgreSQL 15 is Debian's; the others are what `scripts/setup servers` installs, for `scripts/test --all` only.
"""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import REPOSITORY, running_proxy
from conversation_player import Address, comparable, play, said, written
from conversation_text import Conversation, live_conversations
from private_postgres import NoServer, PrivatePostgres
from test_relay import assert_bytes_accounted_for

MAX_BYTEWISE = 4096
DEBIANS = 15
OTHER_SERVERS = REPOSITORY / "build" / "servers" / "node_modules"
GOLDEN = live_conversations(REPOSITORY / "tests" / "golden")


@dataclass(frozen=True)
class Legs:
    """Which of the two connections is encrypted."""

    client_tls: bool
    upstream_tls: bool


LEGS = {"plain": Legs(False, False), "client": Legs(True, False), "upstream": Legs(False, True), "both": Legs(True, True)}


@dataclass(frozen=True)
class Pair:
    direct: Address
    through: Address


def other_server(major: int) -> Path | None:
    programs = OTHER_SERVERS / f"postgresql-{major}" / "native" / "bin"
    return programs if (programs / "postgres").exists() else None


def wants_all() -> bool:
    return os.environ.get("PGASSAY_E2E_ALL") == "1"


def why_not(major: int) -> str:
    """Why this version is left out; empty if it is not."""
    if major == DEBIANS:
        return ""
    if not wants_all():
        return f"PostgreSQL {major} takes part in scripts/test --all"
    return "" if other_server(major) else f"missing runtime: PostgreSQL {major} (scripts/setup servers)"


def cases() -> list[object]:
    found: list[object] = []
    for major in (DEBIANS, 14, 16, 17, 18):
        if reason := why_not(major):
            found.append(pytest.param(major, "", None, id=str(major), marks=pytest.mark.skip(reason)))
            continue
        for legs in LEGS if wants_all() else ("plain", "both"):
            spoken = [one for one in GOLDEN if one.since <= major <= one.until and (legs == "plain" or not asks_for_tls(one))]
            found += [pytest.param(major, legs, one, id=f"{major}-{legs}-{one.name}") for one in spoken]
    return found


def asks_for_tls(conversation: Conversation) -> bool:
    return any(step.kind == "answer" for step in conversation.steps)


@contextmanager
def running_pair(major: int, legs: Legs, binary: Path, folder: Path) -> Iterator[Pair]:
    """A server of this major version with pgassay before it, and alice as the golden files know her."""
    certificates = folder / "certificates"
    subprocess.run([str(binary), "tls-init", str(certificates)], check=True, capture_output=True)
    certificate, key, authority = (str(certificates / name) for name in ("localhost.crt", "localhost.key", "ca.crt"))
    flags = ["--tls-cert", certificate, "--tls-key", key] if legs.client_tls else []
    flags += ["--upstream-tls", "verify-full", "--upstream-ca", authority] if legs.upstream_tls else []
    server = PrivatePostgres(
        None if major == DEBIANS else other_server(major),
        settings={"ssl": "on"} if legs.upstream_tls else {},
        files={"server.crt": Path(certificate), "server.key": Path(key)} if legs.upstream_tls else {},
        hba=["hostnossl all alice all reject"] if legs.upstream_tls else [],
    )
    context = ssl.create_default_context(cafile=authority)
    with server:
        server.psql("create role alice superuser login")
        with running_proxy(binary, server, folder / "live.db", *flags) as proxy:
            yield Pair(
                Address(server.host, server.port, context if legs.upstream_tls else None),
                Address(proxy.host, proxy.port, context if legs.client_tls else None),
            )
        assert_bytes_accounted_for(folder / "live.db")


class Pairs:
    """One pair at a time; the cases come in the order of their versions and legs."""

    def __init__(self, binary: Path, folders: pytest.TempPathFactory) -> None:
        self._binary = binary
        self._folders = folders
        self._open = ExitStack()
        self._wanted = (0, "")
        self._pair: Pair | None = None

    def of(self, major: int, legs: str) -> Pair:
        if self._pair is None or self._wanted != (major, legs):
            self.close()
            self._pair = self._open.enter_context(running_pair(major, LEGS[legs], self._binary, self._folders.mktemp("golden")))
            self._wanted = (major, legs)
        return self._pair

    def close(self) -> None:
        self._pair = None
        self._open.close()


@pytest.fixture(scope="module")
def pairs(pgassay_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pairs]:
    started = Pairs(pgassay_binary, tmp_path_factory)
    yield started
    started.close()


@pytest.mark.parametrize(("major", "legs", "conversation"), cases())
def test_conversation(pairs: Pairs, major: int, legs: str, conversation: Conversation) -> None:
    try:
        pair = pairs.of(major, legs)
    except NoServer as error:
        pytest.skip(str(error))
    masked, steps = conversation.masked, conversation.steps
    direct = comparable(play(pair.direct, steps), masked)
    if not any(step.kind == "raw" for step in steps):
        assert said(direct.frames, masked) == said(written(conversation), masked)
    assert direct.end in ("closed", "reset", "reset by us")
    through = comparable(play(pair.through, steps), masked)
    assert through.frames == direct.frames
    if legs == "plain":
        assert through.end == direct.end
    assert through.end != "silent"
    if sum(len(step.data) for step in steps if step.kind == "send") <= MAX_BYTEWISE:
        bytewise = comparable(play(pair.through, steps, 1), masked)
        assert bytewise.frames == direct.frames, "sent byte by byte"  # how it ends depends on what the server left unread
