"""Opens a scope on pgassay's control socket for each test, and tells its setup, call and teardown apart.

Under pytest-xdist each worker speaks for itself. unittest runs setUp and tearDown inside pytest's call; they are told apart here.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator
from typing import Any

import pytest

from . import sites
from .control import Control, ControlError


def pytest_addoption(parser: pytest.Parser) -> None:
    help_text = "tag SQLAlchemy's and Django's queries with the application's file:line (under pgassay only)"
    parser.getgroup("pgassay").addoption("--pgassay-sites", action="store_true", default=False, help=help_text)
    parser.addini("pgassay_sites", help_text, type="bool", default=False)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    address = os.environ.get("PGASSAY_CONTROL")
    if not address:
        return
    if config.getoption("pgassay_sites") or config.getini("pgassay_sites"):
        sites.install(str(config.rootpath))
    if config.pluginmanager.hasplugin("dsession"):  # xdist's controller runs no test
        return
    worker = getattr(config, "workerinput", {}).get("workerid", "")
    try:
        control = Control(address, os.environ.get("PGASSAY_CONTROL_TOKEN", ""), worker)
    except ControlError as error:
        warnings.warn(pytest.PytestWarning(f"tests stay nameless: {error}"), stacklevel=1)
        return
    config.pluginmanager.register(Scopes(control), "pgassay-scopes")


class Scopes:
    def __init__(self, control: Control) -> None:
        self._control: Control | None = control
        self._outcome = "unknown"

    def _say(self, command: str, **fields: str) -> None:
        if self._control is None:
            return
        try:
            self._control.say(command, **fields)
        except ControlError as error:  # the tests matter more
            self._control.end()
            self._control = None
            warnings.warn(pytest.PytestWarning(f"tests from here on are nameless: {error}"), stacklevel=1)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        file, line, _ = item.location
        self._outcome = "passed"
        self._say("open", name=item.nodeid, file=file, line="" if line is None else str(line + 1), phase="setup")
        yield
        self._say("close", outcome=self._outcome)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, Any, None]:
        self._outcome = "passed"  # a rerun begins anew
        self._say("phase", phase="setup")
        yield

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, None]:
        if not self._tell_unittest_apart(item):
            self._say("phase", phase="call")
        yield

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, Any, None]:
        self._say("phase", phase="teardown")
        yield

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed or (report.skipped and self._outcome == "passed"):
            self._outcome = report.outcome

    def pytest_unconfigure(self) -> None:
        if self._control is not None:
            self._control.end()

    def _tell_unittest_apart(self, item: pytest.Item) -> bool:
        case = getattr(item, "instance", None)
        set_up, tear_down = getattr(case, "_callSetUp", None), getattr(case, "_callTearDown", None)
        if set_up is None or tear_down is None:
            return False

        def then_call(*args: Any) -> Any:
            done = set_up(*args)
            self._say("phase", phase="call")
            return done

        case._callSetUp = then_call
        case._callTearDown = self._after("teardown", tear_down)
        return True

    def _after(self, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def told(*args: Any) -> Any:
            self._say("phase", phase=phase)
            return function(*args)

        return told
