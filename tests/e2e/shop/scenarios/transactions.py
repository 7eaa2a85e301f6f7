"""The same loop spread over transactions and over connections."""

from __future__ import annotations

from contextlib import ExitStack

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from ..models import Order, User
from ..scenario import Scenario, Shop, n_plus_one
from .to_many import ORDERS, some_users

CONNECTIONS = 4


def per_row_bad(shop: Shop) -> None:
    """A commit after each row."""
    with shop.session() as session:
        for user in session.scalars(some_users(shop.rows, 120)).all():
            _ = [order.total for order in user.orders]
            session.commit()
            shop.pause()


def per_row_good(shop: Shop) -> None:
    with shop.session() as session:
        for user in session.scalars(some_users(shop.rows, 120).options(selectinload(User.orders))).all():
            _ = [order.total for order in user.orders]
            session.commit()
            shop.pause()


def pool_bad(shop: Shop) -> None:
    """The list comes over one connection of the pool, each row's orders over the next one that is free."""
    with shop.session() as session:
        ids = [user.id for user in session.scalars(some_users(2 * shop.rows, 160)).all()]
        with ExitStack() as stack:
            workers = [stack.enter_context(shop.session()) for _ in range(CONNECTIONS)]
            for number, user_id in enumerate(ids):
                worker = workers[number % CONNECTIONS]
                _ = worker.scalars(select(Order).where(Order.user_id == user_id)).all()
                shop.pause()


def pool_good(shop: Shop) -> None:
    with shop.session() as session:
        ids = [user.id for user in session.scalars(some_users(2 * shop.rows, 160)).all()]
        with shop.session() as worker:
            _ = worker.scalars(select(Order).where(Order.user_id.in_(ids))).all()


SCENARIOS = (
    Scenario("transaction-per-row", per_row_bad, per_row_good, (n_plus_one(ORDERS),)),
    Scenario("over-a-pool", pool_bad, pool_good, (n_plus_one(ORDERS),), iterations=24),
)
