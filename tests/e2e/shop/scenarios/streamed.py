"""Lazy loads while the list is still arriving: its first rows feed children before its last row has been fetched."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from ..models import Order
from ..scenario import Scenario, Shop, n_plus_one

PIECE = 5


def stream_bad(shop: Shop) -> None:
    with shop.session() as session:
        orders = select(Order).order_by(Order.id).limit(3 * PIECE + 2).execution_options(yield_per=PIECE)
        for order in session.scalars(orders):
            _ = [item.quantity for item in order.items]
            shop.pause()


def stream_good(shop: Shop) -> None:
    """selectinload works by piece."""
    with shop.session() as session:
        orders = select(Order).order_by(Order.id).limit(3 * PIECE).execution_options(yield_per=PIECE)
        for order in session.scalars(orders.options(selectinload(Order.items))):
            _ = [item.quantity for item in order.items]
            shop.pause()


SCENARIOS = (
    Scenario(
        "streamed",
        stream_bad,
        stream_good,
        (n_plus_one("order_items.order_id <- orders.id"),),
        modes=("transaction",),  # a server-side cursor lives in a transaction
        iterations=3 * PIECE + 2,
    ),
)
