"""Many-to-one: a list, and for each of its rows the one that it belongs to. The identity map asks once for each."""

from __future__ import annotations

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload

from ..models import Order, OrderItem, Product
from ..scenario import Scenario, Shop, n_plus_one


def latest_orders(count: int) -> Select[tuple[Order]]:
    return select(Order).order_by(Order.created_at.desc(), Order.id).limit(count)


def user_bad(shop: Shop) -> None:
    with shop.session() as session:
        for order in session.scalars(latest_orders(shop.rows)).all():
            _ = order.user.name
            shop.pause()


def user_good(shop: Shop) -> None:
    with shop.session() as session:
        for order in session.scalars(latest_orders(shop.rows).options(joinedload(Order.user))).all():
            _ = order.user.name
            shop.pause()
    with shop.session() as session:
        for order in session.scalars(latest_orders(2 * shop.rows).options(selectinload(Order.user))).all():
            _ = order.user.email


def dear_items(count: int) -> Select[tuple[OrderItem]]:
    return select(OrderItem).order_by(OrderItem.unit_price.desc(), OrderItem.order_id).limit(count)


def chain_bad(shop: Shop) -> None:
    """item → product → category: two one-row look-ups for each item."""
    with shop.session() as session:
        for item in session.scalars(dear_items(3 * shop.rows)).all():
            _ = item.product.category.name
            shop.pause()


def chain_good(shop: Shop) -> None:
    with shop.session() as session:
        path = joinedload(OrderItem.product).load_only(Product.name).joinedload(Product.category)
        for item in session.scalars(dear_items(3 * shop.rows).options(path)).all():
            _ = item.product.category.name
            shop.pause()


PRODUCT_OF_ITEM = "products.id <- order_items.product_id"

SCENARIOS = (
    Scenario("many-to-one", user_bad, user_good, (n_plus_one("users.id <- orders.user_id"),)),
    Scenario(
        "chain",
        chain_bad,
        chain_good,
        (n_plus_one(PRODUCT_OF_ITEM, "categories.id <- products.category_id"),),
        iterations=36,
    ),
)
