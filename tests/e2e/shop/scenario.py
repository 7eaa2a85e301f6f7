"""What a scenario is: a piece of application code in a bad and a good form, and the findings that the bad one deserves."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

DRIVERS = ("psycopg2", "psycopg", "asyncpg")
MODES = ("transaction", "autocommit")


@dataclass(frozen=True)
class Expectation:
    """One finding. `title` may hold `*` where a figure stands; `steps` are the deeper levels of a chain or tree; `autocommit` is
    the confidence where nothing but idle gaps holds the unit of work together, if it is another one there.
    """

    rule: str
    title: str
    confidence: str
    steps: tuple[str, ...] = ()
    autocommit: str = ""

    def in_mode(self, mode: str) -> Expectation:
        return replace(self, confidence=self.autocommit) if mode == "autocommit" and self.autocommit else self

    def matches(self, finding: dict[str, Any]) -> bool:
        return (
            finding["rule"] == self.rule
            and finding["confidence"] == self.confidence
            and fnmatch.fnmatchcase(finding["title"], self.title)
            and set(self.steps) <= {step["edge"] for step in finding.get("steps", [])}
        )


def n_plus_one(title: str, *steps: str) -> Expectation:
    return Expectation("n-plus-one", title, "proven", steps)


@dataclass
class Shop:
    """What scenarios are given: sessions on one engine, how many rows to list, and a loop body that may take its time."""

    engine: Engine
    rows: int = 12
    sleep_ms: int = 0
    async_engine: AsyncEngine | None = None

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A unit of work: one transaction, unless the engine is in autocommit. The loaded objects outlive a commit."""
        if self.async_engine is None:
            with Session(self.engine, expire_on_commit=False) as session:
                yield session
                session.commit()
            return
        # The async session's own synchronous face; scenarios run where it may be used, as in AsyncSession.run_sync.
        session = AsyncSession(self.async_engine, expire_on_commit=False).sync_session
        with session:
            yield session
            session.commit()

    def pause(self) -> None:
        """Called once in each iteration of a loop, in the place of whatever else an application does there."""
        if self.sleep_ms:
            time.sleep(self.sleep_ms / 1000)


Body = Callable[[Shop], None]
AsyncBody = Callable[[Shop], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    name: str
    bad: Body | AsyncBody | None
    good: Body | AsyncBody
    expect: tuple[Expectation, ...] = ()
    drivers: tuple[str, ...] = DRIVERS
    modes: tuple[str, ...] = MODES
    iterations: int = 12  # of the loops; what a pause in each costs

    def expected(self, form: str, mode: str = "transaction") -> tuple[Expectation, ...]:
        return tuple(one.in_mode(mode) for one in self.expect) if form == "bad" else ()


def union(scenarios: Iterable[Scenario], form: str, mode: str) -> list[Expectation]:
    """The findings of one trace that holds all of them: a pattern that several show is found once, with all its deeper levels."""
    merged: dict[tuple[str, str], Expectation] = {}
    for scenario in scenarios:
        for one in scenario.expected(form, mode):
            other = merged.get((one.rule, one.title), one)
            steps = tuple(dict.fromkeys(other.steps + one.steps))
            merged[one.rule, one.title] = Expectation(one.rule, one.title, one.confidence, steps)
    return list(merged.values())


def differences(findings: list[dict[str, Any]], expected: Iterable[Expectation]) -> list[str]:
    """Each finding must match one expectation and the other way round; what does not, as sentences."""
    left = list(findings)
    told = []
    for one in expected:
        match = next((finding for finding in left if one.matches(finding)), None)
        if match is None:
            told.append(f"missing: {one.rule} {one.title} ({one.confidence}){' with ' + ', '.join(one.steps) if one.steps else ''}")
        else:
            left.remove(match)
    for finding in left:
        steps = ", ".join(step["edge"] for step in finding.get("steps", []))
        told.append(f"not expected: {finding['rule']} {finding['title']} ({finding['confidence']}){' with ' + steps if steps else ''}")
    return told
