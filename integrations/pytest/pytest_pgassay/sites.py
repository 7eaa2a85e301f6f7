"""Tags queries with the application's file:line, as a comment behind the statement.

The comment depends on the place in the code alone, not on test, request or values: as many texts as places, so that the
statement caches of drivers and servers live on.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Any

ODD = re.compile(r"[^\w./+-]")  # nothing that ends a comment or that a driver takes for a parameter
LIBRARIES = ("site-packages", "dist-packages")


class Sites:
    def __init__(self, root: str) -> None:
        self._root = os.path.join(os.path.realpath(root), "")
        self._files: dict[str, str | None] = {}

    def tag(self, sql: str) -> str:
        """`sql` with its comment; unchanged where it has a file tag already, or no code of the application asked for it."""
        if "file='" in sql:
            return sql
        frame: Any = sys._getframe(1)
        while frame is not None:
            file = self._file(frame.f_code.co_filename)
            if file is not None:
                return f"{sql} /*file='{file}',line='{frame.f_lineno}'*/"
            frame = frame.f_back
        return sql

    def _file(self, path: str) -> str | None:
        if path not in self._files:
            self._files[path] = self._of_application(path)
        return self._files[path]

    def _of_application(self, path: str) -> str | None:
        real = os.path.realpath(path)
        if not real.startswith(self._root) or os.path.dirname(real) == os.path.dirname(os.path.realpath(__file__)):
            return None
        relative = real[len(self._root) :]
        parts = relative.split(os.sep)
        return None if any(part in LIBRARIES or part.startswith(".") for part in parts) else ODD.sub("_", "/".join(parts))


def install(root: str) -> None:
    """For SQLAlchemy and Django, whichever can be imported."""
    sites = Sites(root)
    _install_sqlalchemy(sites)
    _install_django(sites)


def _install_sqlalchemy(sites: Sites) -> None:
    try:
        from sqlalchemy import event
        from sqlalchemy.engine import Engine
    except ImportError:
        return

    @event.listens_for(Engine, "before_cursor_execute", retval=True)
    def tag(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> tuple[str, Any]:
        return sites.tag(statement), parameters


def _install_django(sites: Sites) -> None:
    try:
        from django.db.backends.signals import connection_created
    except ImportError:
        return

    def run(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        return execute(sites.tag(sql) if isinstance(sql, str) else sql, params, many, context)

    def wrap(connection: Any, **_more: Any) -> None:
        if run not in connection.execute_wrappers:
            connection.execute_wrappers.append(run)

    connection_created.connect(wrap, weak=False)
