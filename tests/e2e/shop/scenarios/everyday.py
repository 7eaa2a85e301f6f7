"""What a healthy application does all day: no finding in it. There is no bad form."""

from __future__ import annotations

from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm.exc import StaleDataError

from ..models import AuditAction, AuditLog, Base, ConflictError, Order, OrderStatus, Product, User
from ..scenario import Scenario, Shop


def values_of(entity: Base) -> dict[str, Any]:
    """Of the loaded attributes, as the audit log keeps them."""
    state = inspect(entity)
    return {name: str(value) for name, value in state.dict.items() if name in state.mapper.column_attrs}


def audit(entity: Base, old: dict[str, Any], user_id: int) -> AuditLog:
    record_id = inspect(entity).identity[0]
    entry = AuditLog(table_name=entity.__tablename__, record_id=record_id, action=AuditAction.UPDATE, user_id=user_id)
    entry.old_values, entry.new_values = old, values_of(entity)
    return entry


def update_stock(shop: Shop, product_id: int, quantity: int, expected_version: int) -> None:
    with shop.session() as session:
        product = session.get_one(Product, product_id)
        if product.version != expected_version:
            raise ConflictError(f"expected version {expected_version}, found {product.version}")
        product.stock += quantity


def restock(shop: Shop) -> None:
    with shop.session() as session:
        product_id, version = session.execute(select(Product.id, Product.version).order_by(Product.stock).limit(1)).one()
    update_stock(shop, product_id, 5, version)


def page_of_orders(shop: Shop, last_id: int) -> int:
    with shop.session() as session:
        page = select(Order.id, Order.total).where(Order.id > last_id).order_by(Order.id).limit(shop.rows)
        return session.execute(page).all()[-1].id


def healthy(shop: Shop) -> None:
    try:
        restock(shop)
    except (ConflictError, StaleDataError):  # somebody else was faster
        restock(shop)
    with shop.session() as session:  # a list, then one click
        order = session.scalars(select(Order).where(Order.status == OrderStatus.PENDING).order_by(Order.id).limit(10)).first()
        if order is not None:
            old = values_of(order)
            order.cancel()
            session.flush()
            session.add(audit(order, old, order.user_id))
    with shop.session() as session:  # hidden, then back again
        user = session.scalars(select(User).where(User.deleted_at.is_(None)).order_by(User.id.desc()).limit(1)).one()
        user.soft_delete()
        session.flush()
        user.restore()
    last_id = 0
    for _ in range(6):  # keyset paging: each page starts where the one before ended
        last_id = page_of_orders(shop, last_id)


SCENARIOS = (Scenario("everyday", None, healthy),)
