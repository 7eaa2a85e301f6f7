from __future__ import annotations

from sqlalchemy.orm import Session

from app import views

from .conftest import Shop


def test_product_page(session: Session, shop: Shop) -> None:
    page = views.product_page(session, shop.product_ids[0])
    assert page["name"] == "lamp 0"
    assert [review["by"] for review in page["reviews"]] == [f"User {n}" for n in range(6)]


def test_product_page_without_reviews(session: Session, shop: Shop) -> None:
    assert views.product_page(session, shop.product_ids[3])["reviews"] == []


def test_latest_reviews(session: Session, shop: Shop) -> None:
    assert [review["by"] for review in views.latest_reviews(session, limit=2)] == ["User 5", "User 4"]


def test_category_tree(session: Session, shop: Shop) -> None:
    tree = views.category_tree(session)
    assert [node["name"] for node in tree] == ["Home", "Outdoor"]
    assert tree[0]["children"] == [{"name": "Lamps", "children": []}]


def test_stock_value(session: Session, shop: Shop) -> None:
    assert [name for name, _ in views.stock_value(session)] == ["Home", "Lamps", "Outdoor"]
