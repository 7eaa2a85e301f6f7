"""Names the route in every statement that it sends, as sqlcommenter does: /*route='GET /users'*/."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote

from sqlalchemy import Engine, event

P = ParamSpec("P")
R = TypeVar("R")
current_route: ContextVar[str] = ContextVar("current_route", default="")


def route(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(view)
        def answer(*args: P.args, **kwargs: P.kwargs) -> R:
            token = current_route.set(name)
            try:
                return view(*args, **kwargs)
            finally:
                current_route.reset(token)

        return answer

    return decorate


def name_routes(engine: Engine) -> None:
    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def comment(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        name = current_route.get()
        # psycopg reads % as the beginning of a placeholder.
        return (f"{statement} /*route='{quote(name).replace('%', '%%')}'*/" if name else statement), parameters
