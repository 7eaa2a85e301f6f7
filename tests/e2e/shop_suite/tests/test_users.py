from __future__ import annotations

from sqlalchemy.orm import Session

from app import views

from .conftest import Shop


def test_list_users(session: Session, shop: Shop) -> None:
    users = views.list_users(session)
    assert [user["name"] for user in users] == [f"User {n}" for n in (5, 4, 3, 2, 1, 0)]
    assert all(len(user["orders"]) == 2 for user in users)


def test_list_users_is_limited(session: Session, shop: Shop) -> None:
    assert len(views.list_users(session, limit=3)) == 3


def test_list_users_of_an_empty_shop(session: Session) -> None:
    assert views.list_users(session) == []


def test_user_orders(session: Session, shop: Shop) -> None:
    orders = views.user_orders(session, shop.user_ids[0])
    assert [order["items"] for order in orders] == [4, 4]
