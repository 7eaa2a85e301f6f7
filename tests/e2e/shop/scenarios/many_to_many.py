"""Many-to-many through a plain table (tags), and through an association object (order items) from both of its ends."""

from __future__ import annotations

from sqlalchemy import Select, select
from sqlalchemy.orm import defer, lazyload, load_only, selectinload

from ..models import OrderItem, Order, Product, Tag
from ..scenario import Scenario, Shop, n_plus_one

LIGHT = (Product.name, Product.price)


def cheap_products(count: int, skip: int = 0) -> Select[tuple[Product]]:
    return select(Product).options(load_only(*LIGHT)).order_by(Product.price, Product.id).limit(count).offset(skip)


def tags_bad(shop: Shop) -> None:
    with shop.session() as session:
        for product in session.scalars(cheap_products(shop.rows)).all():
            _ = [tag.name for tag in product.tags]
            shop.pause()


def tags_good(shop: Shop) -> None:
    with shop.session() as session:
        for product in session.scalars(cheap_products(shop.rows).options(selectinload(Product.tags))).all():
            _ = [tag.name for tag in product.tags]
            shop.pause()


def tagged_bad(shop: Shop) -> None:
    with shop.session() as session:
        light = lazyload(Tag.products).load_only(*LIGHT)
        for tag in session.scalars(select(Tag).order_by(Tag.name).limit(shop.rows).options(light)).all():
            _ = [product.price for product in tag.products]
            shop.pause()


def tagged_good(shop: Shop) -> None:
    with shop.session() as session:
        light = selectinload(Tag.products).load_only(*LIGHT)
        for tag in session.scalars(select(Tag).order_by(Tag.name).limit(shop.rows).options(light)).all():
            _ = [product.price for product in tag.products]
            shop.pause()


def from_orders_bad(shop: Shop) -> None:
    """order → items → product."""
    with shop.session() as session:
        orders = select(Order).order_by(Order.total.desc(), Order.id).limit(shop.rows)
        for order in session.scalars(orders).all():
            _ = [item.product.name for item in order.items]
            shop.pause()


def from_orders_good(shop: Shop) -> None:
    with shop.session() as session:
        orders = select(Order).order_by(Order.total.desc(), Order.id).limit(shop.rows)
        path = selectinload(Order.items).joinedload(OrderItem.product).load_only(*LIGHT)
        for order in session.scalars(orders.options(path)).all():
            _ = [item.product.name for item in order.items]
            shop.pause()


def from_products_bad(shop: Shop) -> None:
    """product → items → order."""
    with shop.session() as session:
        for product in session.scalars(cheap_products(shop.rows, 30)).all():
            _ = [item.order.status for item in product.order_items]
            shop.pause()


def from_products_good(shop: Shop) -> None:
    with shop.session() as session:
        path = selectinload(Product.order_items).joinedload(OrderItem.order)
        for product in session.scalars(cheap_products(shop.rows, 30).options(path, defer(Product.description))).all():
            _ = [item.order.status for item in product.order_items]
            shop.pause()


SCENARIOS = (
    Scenario("tags-of-products", tags_bad, tags_good, (n_plus_one("product_tags.product_id <- products.id"),)),
    Scenario("products-of-tags", tagged_bad, tagged_good, (n_plus_one("product_tags.tag_id <- tags.id"),)),
    Scenario(
        "association-from-orders",
        from_orders_bad,
        from_orders_good,
        (n_plus_one("order_items.order_id <- orders.id", "products.id <- order_items.product_id"),),
    ),
    Scenario(
        "association-from-products",
        from_products_bad,
        from_products_good,
        (n_plus_one("order_items.product_id <- products.id", "orders.id <- order_items.order_id"),),
    ),
)
