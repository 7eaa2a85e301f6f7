"""Loops that are no N+1: the values come from outside, or the same question is asked again and again."""

from __future__ import annotations

from sqlalchemy import select

from ..data import sku
from ..models import Product, User
from ..scenario import Expectation, Scenario, Shop

# What a partner's file holds: products of ours, in an order of its own.
SKUS = [sku(number * 29 % 59) for number in range(1, 25)]


def look_ups_bad(shop: Shop) -> None:
    with shop.session() as session:
        for one in SKUS:
            _ = session.execute(select(Product.id, Product.stock).where(Product.sku == one)).first()
            shop.pause()


def look_ups_good(shop: Shop) -> None:
    with shop.session() as session:
        _ = session.execute(select(Product.sku, Product.id, Product.stock).where(Product.sku.in_(SKUS))).all()


def repeats_bad(shop: Shop) -> None:
    """Who is asking? Once would do."""
    with shop.session() as session:
        email = session.scalar(select(User.email).order_by(User.created_at.desc()).limit(1))
        for _ in range(shop.rows):
            _ = session.execute(select(User.id, User.name).where(User.email == email)).one()
            shop.pause()


def repeats_good(shop: Shop) -> None:
    with shop.session() as session:
        email = session.scalar(select(User.email).order_by(User.created_at.desc()).limit(1))
        _ = session.execute(select(User.id, User.name).where(User.email == email)).one()


SCENARIOS = (
    Scenario(
        "look-ups-from-a-file",
        look_ups_bad,
        look_ups_good,
        (Expectation("query-in-loop", "products.sku, one value at a time", "likely"),),
        iterations=len(SKUS),
    ),
    Scenario(
        "same-question-again",
        repeats_bad,
        repeats_good,
        (Expectation("repeated-query", "users, the same rows up to 12 times", "proven", autocommit="likely"),),
    ),
)
