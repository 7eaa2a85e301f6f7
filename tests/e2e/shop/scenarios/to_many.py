"""One-to-many: a list, and for each of its rows the rows that belong to it."""

from __future__ import annotations

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload, selectinload, subqueryload

from ..models import Order, OrderItem, User
from ..scenario import Scenario, Shop, n_plus_one


def some_users(count: int, skip: int = 0) -> Select[tuple[User]]:
    return select(User).order_by(User.username).limit(count).offset(skip)


def orders_bad(shop: Shop) -> None:
    with shop.session() as session:
        for user in session.scalars(some_users(shop.rows)).all():
            _ = [order.total for order in user.orders]
            shop.pause()


def orders_good(shop: Shop) -> None:
    """The three ways of eager loading, each over a page of its own."""
    for page, strategy in enumerate((selectinload, joinedload, subqueryload)):
        with shop.session() as session:
            users = session.scalars(some_users(shop.rows, page * shop.rows).options(strategy(User.orders)))
            for user in users.unique().all():
                _ = [order.total for order in user.orders]
                shop.pause()


def items_bad(shop: Shop) -> None:
    with shop.session() as session:
        for order in session.scalars(select(Order).order_by(Order.created_at.desc()).limit(shop.rows)).all():
            _ = sum(item.quantity for item in order.items)
            shop.pause()


def items_good(shop: Shop) -> None:
    with shop.session() as session:
        statement = select(Order).order_by(Order.created_at.desc()).limit(shop.rows).options(selectinload(Order.items))
        for order in session.scalars(statement).all():
            _ = sum(item.quantity for item in order.items)
            shop.pause()


def two_lists_bad(shop: Shop) -> None:
    with shop.session() as session:
        for user in session.scalars(some_users(shop.rows, 40)).all():
            _ = [(order.total, user.name) for order in user.orders]
            _ = [address.city for address in user.addresses]
            shop.pause()


def two_lists_good(shop: Shop) -> None:
    with shop.session() as session:
        both = selectinload(User.orders), selectinload(User.addresses)
        for user in session.scalars(some_users(shop.rows, 40).options(*both)).all():
            _ = user.orders, user.addresses
            shop.pause()


FOUR_LISTS = 500


def four_lists_bad(shop: Shop) -> None:
    """Five hundred parents with four lazy loads each: two thousand statements under one."""
    with shop.session() as session:
        for user in session.scalars(some_users(FOUR_LISTS)).all():
            _ = user.orders, user.addresses, user.reviews, user.audit_entries
            shop.pause()


def four_lists_good(shop: Shop) -> None:
    with shop.session() as session:
        lists = (User.orders, User.addresses, User.reviews, User.audit_entries)
        for user in session.scalars(some_users(FOUR_LISTS).options(*map(selectinload, lists))).all():
            _ = user.orders, user.addresses, user.reviews, user.audit_entries
            shop.pause()


def counts_bad(shop: Shop) -> None:
    with shop.session() as session:
        for user in session.scalars(some_users(shop.rows, 80)).all():
            session.scalar(select(func.count()).select_from(Order).where(Order.user_id == user.id))
            shop.pause()


def counts_good(shop: Shop) -> None:
    with shop.session() as session:
        ids = [user.id for user in session.scalars(some_users(shop.rows, 80)).all()]
        count = select(Order.user_id, func.count()).where(Order.user_id.in_(ids)).group_by(Order.user_id)
        session.execute(count).all()


def item_totals_bad(shop: Shop) -> None:
    """A query of one's own in the loop, with a second, constant condition."""
    with shop.session() as session:
        orders = session.scalars(select(Order).order_by(Order.created_at).limit(shop.rows)).all()
        for order in orders:
            session.execute(
                select(OrderItem.product_name, OrderItem.unit_price)
                .where(OrderItem.order_id == order.id, OrderItem.quantity >= 1)
                .order_by(OrderItem.product_name)
            ).all()
            shop.pause()


def item_totals_good(shop: Shop) -> None:
    with shop.session() as session:
        ids = [order.id for order in session.scalars(select(Order).order_by(Order.created_at).limit(shop.rows)).all()]
        session.execute(
            select(OrderItem.order_id, OrderItem.product_name, OrderItem.unit_price)
            .where(OrderItem.order_id.in_(ids), OrderItem.quantity >= 1)
            .order_by(OrderItem.product_name)
        ).all()


ORDERS = "orders.user_id <- users.id"
ITEMS = "order_items.order_id <- orders.id"
FOUR = (ORDERS, "addresses.user_id <- users.id", "reviews.user_id <- users.id", "audit_logs.user_id <- users.id")

SCENARIOS = (
    Scenario("one-to-many", orders_bad, orders_good, (n_plus_one(ORDERS),), iterations=36),
    Scenario("order-items", items_bad, items_good, (n_plus_one(ITEMS),)),
    Scenario("two-lists-per-row", two_lists_bad, two_lists_good, tuple(map(n_plus_one, FOUR[:2]))),
    Scenario("four-lists-500", four_lists_bad, four_lists_good, tuple(map(n_plus_one, FOUR)), iterations=FOUR_LISTS),
    Scenario("count-in-loop", counts_bad, counts_good, (n_plus_one(ORDERS),)),
    Scenario("filtered-items", item_totals_bad, item_totals_good, (n_plus_one(ITEMS),)),
)
