"""Whole entities where two light columns serve."""

from __future__ import annotations

from sqlalchemy import select

from ..models import Product
from ..scenario import Expectation, Scenario, Shop


def catalogue_bad(shop: Shop) -> None:
    with shop.session() as session:
        products = select(Product).where(Product.is_active.is_(True)).order_by(Product.name).limit(20 * shop.rows)
        _ = [(product.name, product.price) for product in session.scalars(products)]


def catalogue_good(shop: Shop) -> None:
    with shop.session() as session:
        light = select(Product.name, Product.price).where(Product.is_active.is_(True))
        _ = session.execute(light.order_by(Product.name).limit(20 * shop.rows)).all()


SCENARIOS = (
    Scenario(
        "whole-entities",
        catalogue_bad,
        catalogue_good,
        (Expectation("wide-select", "products.description is * % of *", "likely"),),
        iterations=0,
    ),
)
