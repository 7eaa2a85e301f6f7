from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app import views
from shop.models import InvalidStateError, OrderStatus

from .conftest import Shop


def test_order_detail(session: Session, shop: Shop) -> None:
    detail = views.order_detail(session, shop.order_ids[0])
    assert detail["customer"] == "User 0"
    assert sorted(detail["lines"]) == [("lamp 0", 2), ("lamp 1", 2)]


def test_order_that_is_not_there(session: Session) -> None:
    with pytest.raises(views.NotFound):
        views.order_detail(session, -1)


@pytest.mark.parametrize("quantity", [1, 3])
def test_place_order(session: Session, shop: Shop, quantity: int) -> None:
    order_id = views.place_order(session, shop.user_ids[0], {shop.product_ids[0]: quantity, shop.product_ids[1]: 1})
    session.expunge_all()
    assert (("lamp 0", quantity)) in views.order_detail(session, order_id)["lines"]


def test_cancel_order(session: Session, shop: Shop) -> None:
    assert views.cancel_order(session, shop.order_ids[1]) is OrderStatus.CANCELLED
    with pytest.raises(InvalidStateError):
        views.cancel_order(session, shop.order_ids[1])


@pytest.fixture
def catalogue() -> dict[str, Any]:
    return {"asks": "no database"}


def test_that_needs_no_database(catalogue: dict[str, Any]) -> None:
    assert catalogue
