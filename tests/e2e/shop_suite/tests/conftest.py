"""The database's tables once per process, and every test in a transaction that is rolled back.

SHOP_SHUFFLE=SEED runs the tests in another order.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.orm import Session

from app.flags import FeatureFlag
from app.routing import name_routes
from shop.models import Base, Category, Order, OrderItem, OrderStatus, Product, Review, User


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if seed := os.environ.get("SHOP_SHUFFLE"):
        random.Random(int(seed)).shuffle(items)


def database_of_worker(url: URL) -> URL:
    """Parallel workers have a database each, as pytest-django gives them: they would wait for each other's unique keys."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        return url
    own = f"{url.database}_{worker}"
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        if not connection.scalar(text("SELECT count(*) FROM pg_database WHERE datname = :own"), {"own": own}):
            connection.execute(text(f'CREATE DATABASE "{own}"'))
    server.dispose()
    return url.set(database=own)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    url = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+" + os.environ.get("SHOP_DRIVER", "psycopg2"))
    url = database_of_worker(url)
    engine = create_engine(url)
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
    name_routes(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
            yield session
        transaction.rollback()


class Shop:
    """What the tests are about; the route under test gets a session that has loaded none of it."""

    def __init__(self, session: Session) -> None:
        categories = [Category(name=name) for name in ("Home", "Outdoor")]
        categories.append(Category(name="Lamps", parent=categories[0]))
        products = [
            Product(name=f"lamp {n}", sku=f"SKU-{n}", price=Decimal(10 + n), stock=100, category=categories[n % 3])
            for n in range(4)
        ]
        users = [User(email=f"u{n}@shop.test", username=f"u{n}", name=f"User {n}") for n in range(6)]
        for user in users:
            for n in range(2):
                order = Order(user=user, total=products[n].price, status=OrderStatus.CONFIRMED)
                order.items = [
                    OrderItem(product=product, quantity=2, unit_price=product.price, product_name=product.name)
                    for product in products[n : n + 2]
                ]
        session.add_all([*categories, *products, *users, FeatureFlag(name="compact_pages", enabled=True)])
        session.flush()
        for user in users:
            session.add(Review(user=user, product=products[0], stars=4, body="holds what it says"))
            session.flush()
        session.commit()
        self.user_ids = [user.id for user in users]
        self.order_ids = [order.id for user in users for order in user.orders]
        self.product_ids = [product.id for product in products]
        session.expunge_all()


@pytest.fixture
def shop(session: Session) -> Shop:
    return Shop(session)
