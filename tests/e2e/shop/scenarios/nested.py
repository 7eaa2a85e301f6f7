"""Loops within loops: users → orders → items, and the category tree, walked node by node."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from ..models import Category, Order, User
from ..scenario import Scenario, Shop, n_plus_one


def three_levels_bad(shop: Shop) -> None:
    with shop.session() as session:
        for user in session.scalars(select(User).order_by(User.created_at, User.id).limit(shop.rows)).all():
            for order in user.orders:
                _ = [item.quantity for item in order.items]
            shop.pause()


def three_levels_good(shop: Shop) -> None:
    with shop.session() as session:
        path = selectinload(User.orders).selectinload(Order.items)
        users = select(User).order_by(User.created_at, User.id).limit(shop.rows)
        for user in session.scalars(users.options(path)).all():
            _ = [item.quantity for order in user.orders for item in order.items]
            shop.pause()


def tree_bad(shop: Shop) -> None:
    def walk(category: Category) -> int:
        shop.pause()
        return 1 + sum(walk(child) for child in category.children)

    with shop.session() as session:
        roots = session.scalars(select(Category).where(Category.parent_id.is_(None)).order_by(Category.name)).all()
        _ = sum(walk(root) for root in roots)


def tree_good(shop: Shop) -> None:
    """One recursive query; the tree is put together from its rows."""
    top = select(Category.id, Category.name, Category.parent_id).where(Category.parent_id.is_(None)).cte(recursive=True)
    below = select(Category.id, Category.name, Category.parent_id).join(top, Category.parent_id == top.c.id)
    with shop.session() as session:
        children: dict[int | None, list[int]] = {}
        for row in session.execute(select(top.union_all(below))):
            children.setdefault(row.parent_id, []).append(row.id)
            shop.pause()


SCENARIOS = (
    Scenario(
        "nested",
        three_levels_bad,
        three_levels_good,
        (n_plus_one("orders.user_id <- users.id", "order_items.order_id <- orders.id"),),
    ),
    Scenario("category-tree", tree_bad, tree_good, (n_plus_one("categories.parent_id <- categories.id"),), iterations=40),
)
