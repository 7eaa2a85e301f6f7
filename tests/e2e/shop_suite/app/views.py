from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from shop.models import AuditAction, AuditLog, Category, Order, OrderItem, OrderStatus, Product, Review, User

from .flags import is_enabled
from .routing import route

Json = dict[str, Any]


class NotFound(Exception):
    pass


@route("GET /users")
def list_users(session: Session, limit: int = 50) -> list[Json]:
    users = session.scalars(
        select(User)
        .where(User.is_active)
        .options(selectinload(User.orders))
        .order_by(User.id.desc())
        .limit(limit)
    )
    return [{"name": user.name, "orders": [str(order.total) for order in user.orders]} for user in users]


@route("GET /users/{id}/orders")
def user_orders(session: Session, user_id: int) -> list[Json]:
    orders = session.scalars(
        select(Order)
        .where(Order.user_id == user_id)
        .options(selectinload(Order.items))
        .order_by(Order.id)
    )
    return [{"id": order.id, "items": sum(item.quantity for item in order.items)} for order in orders]


@route("GET /orders/{id}")
def order_detail(session: Session, order_id: int) -> Json:
    order = session.scalar(
        select(Order)
        .where(Order.id == order_id)
        .options(joinedload(Order.user))
        .options(selectinload(Order.items).joinedload(OrderItem.product))
    )
    if order is None:
        raise NotFound(f"order {order_id}")
    return {
        "customer": order.user.name,
        "status": order.status.value,
        "lines": [(item.product.name, item.quantity) for item in order.items],
    }


@route("GET /products/{id}")
def product_page(session: Session, product_id: int) -> Json:
    """Known and accepted: every reviewer is loaded on its own. Nobody has more than a few reviews, so far."""
    product = session.get(Product, product_id)
    if product is None:
        raise NotFound(f"product {product_id}")
    reviews = session.scalars(
        select(Review)
        .where(Review.product_id == product_id)
        .order_by(Review.id)
    )
    return {
        "name": product.name,
        "compact": is_enabled(session, "compact_pages"),
        "reviews": [{"by": review.user.name, "stars": review.stars} for review in reviews],
    }


@route("GET /reviews")
def latest_reviews(session: Session, limit: int = 20) -> list[Json]:
    reviews = session.scalars(
        select(Review)
        .options(joinedload(Review.user))
        .order_by(Review.id.desc())
        .limit(limit)
    )
    return [{"by": review.user.name, "stars": review.stars, "body": review.body} for review in reviews]


@route("GET /categories")
def category_tree(session: Session) -> list[Json]:
    names: dict[int | None, list[Category]] = {}
    for category in session.scalars(select(Category).order_by(Category.name)):
        names.setdefault(category.parent_id, []).append(category)

    def below(parent: int | None) -> list[Json]:
        return [{"name": category.name, "children": below(category.id)} for category in names.get(parent, [])]

    return below(None)


@route("GET /stock")
def stock_value(session: Session) -> list[tuple[str, Decimal]]:
    rows = session.execute(
        select(Category.name, func.sum(Product.price * Product.stock))
        .join(Product.category)
        .group_by(Category.name)
        .order_by(Category.name)
    )
    return [(name, value) for name, value in rows]


@route("POST /orders")
def place_order(session: Session, user_id: int, quantities: dict[int, int]) -> int:
    products = session.scalars(select(Product).where(Product.id.in_(quantities))).all()
    order = Order(user_id=user_id, total=sum((p.price * quantities[p.id] for p in products), Decimal(0)))
    for product in products:
        product.stock -= quantities[product.id]
        line = OrderItem(product=product, quantity=quantities[product.id], unit_price=product.price, product_name=product.name)
        order.items.append(line)
    session.add(order)
    session.flush()
    session.add(AuditLog(table_name="orders", record_id=order.id, action=AuditAction.CREATE, user_id=user_id))
    session.commit()
    return order.id


@route("POST /orders/{id}/cancel")
def cancel_order(session: Session, order_id: int) -> OrderStatus:
    order = session.get(Order, order_id)
    if order is None:
        raise NotFound(f"order {order_id}")
    order.cancel()
    session.commit()
    return order.status
