"""The shop's order summary (python -m shop.aggregates FORM): computed for each request, and the forms in which nothing is wrong with it.

`load` fills the tables: more orders than a request should add up.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from sqlalchemy import Engine, column, create_engine, func, insert, select, table, text
from sqlalchemy.orm import Session

from .models import Base, Order, OrderStatus

REQUESTS = 12
USERS, ORDERS = 400, 300_000
FILL = (
    f"INSERT INTO users (id, email, username, name, is_active) SELECT i, 'u' || i || '@example.org', 'u' || i, 'u' || i, true FROM generate_series(1, {USERS}) i",
    "INSERT INTO orders (user_id, total, status) SELECT 1 + i % "
    f"{USERS}, i % 977 + 0.5, (ARRAY['delivered', 'shipped', 'confirmed', 'pending'])[1 + i % 4] FROM generate_series(1, {ORDERS}) i",
)
BY_STATUS = select(Order.status, func.count(), func.sum(Order.total)).group_by(Order.status).order_by(Order.status)
SUMMARY = select(Order.user_id, func.count(Order.id).label("order_count"), func.sum(Order.total).label("total_spent")).group_by(Order.user_id)
DELIVERED = select(func.count(), func.sum(Order.total)).where(Order.status == OrderStatus.DELIVERED)


def load(engine: Engine) -> None:
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        for statement in FILL:
            connection.execute(text(statement))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def computed(session: Session, request: int) -> None:
    """What the board of the shop shows, added up for everybody who looks at it."""
    for statement in (BY_STATUS, SUMMARY, DELIVERED):
        session.execute(statement).all()


def kept(session: Session, request: int) -> None:
    """The same from materialized views, under the names that pgassay gives them."""
    session.execute(select(table("orders_by_status", column("status"), column("count_1"), column("sum_1")))).all()
    session.execute(select(func.sum(column("total_spent"))).select_from(table("orders_by_user_id"))).all()


def written(session: Session, request: int) -> None:
    """An order comes in before each look: a view would be out of date."""
    session.execute(insert(Order).values(user_id=1 + request, total=9, status=OrderStatus.PENDING))
    computed(session, request)


def each_user(session: Session, request: int) -> None:
    """Everybody sees a summary of their own."""
    session.execute(SUMMARY.where(Order.user_id == 1 + request)).all()
    session.execute(select(func.count(), func.sum(Order.total)).where(Order.user_id == 7)).all()


def one_request(session: Session, request: int) -> None:
    """Twelve times, but in one unit of work: that is a repeated query."""
    for _ in range(REQUESTS if request == 0 else 0):
        session.execute(BY_STATUS).all()


FORMS: dict[str, Callable[[Session, int], None]] = {form.__name__: form for form in (computed, kept, written, each_user, one_request)}


def main() -> None:
    # As a web application's pool is set: what it sends before each request tells the requests apart.
    engine = create_engine(os.environ["DATABASE_URL"], pool_pre_ping=True)
    if sys.argv[1] == "load":
        return load(engine)
    for request in range(REQUESTS):
        with Session(engine) as session:
            FORMS[sys.argv[1]](session, request)
            session.commit()


if __name__ == "__main__":
    main()
