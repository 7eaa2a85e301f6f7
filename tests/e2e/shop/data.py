"""Fills the shop: the same rows for the same seed and size. Ids have gaps, differ in offset by table and follow no list's order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, insert, text
from sqlalchemy.orm import Session

from . import models
from .models import AuditAction, OrderStatus

Row = dict[str, Any]

FIRST_NAMES = "Ada Bela Chidi Dara Elif Femi Greta Hana Ivo Jun Kofi Lena Mira Nils Olga Priya Quim Rosa Sami Tove Uma Vito".split()
LAST_NAMES = "Arslan Berg Costa Dvorak Eze Fischer Garcia Horvat Ito Jansen Kaya Lund Moreau Novak Okafor Petrov Rossi Silva".split()
CITIES = "Lisbon Gdansk Bergen Izmir Lagos Pune Osaka Quito Ghent Split Tampere Cork".split()
THINGS = "lamp kettle backpack desk chair notebook tripod headset jacket bottle router speaker blanket mirror clock".split()
QUALITIES = "compact folding walnut brushed woollen recycled silent tall narrow matte bright padded insulated".split()
ROOTS = ("Home", "Electronics", "Outdoor", "Clothing")
WORDS = (FIRST_NAMES + THINGS + QUALITIES + CITIES + "with and without of for made by hand in small batches since".split())
STATUSES = [OrderStatus.DELIVERED] * 12 + [OrderStatus.SHIPPED] * 3 + [OrderStatus.CONFIRMED] * 2 + [OrderStatus.PENDING]
START = datetime(2023, 1, 9, 8, 30, tzinfo=timezone.utc)
MODELS = {
    "categories": models.Category,
    "tags": models.Tag,
    "products": models.Product,
    "product_tags": models.product_tags,
    "users": models.User,
    "addresses": models.Address,
    "orders": models.Order,
    "order_items": models.OrderItem,
    "reviews": models.Review,
    "audit_logs": models.AuditLog,
}


@dataclass
class Shelf:
    """All rows, by table, in an order that satisfies the foreign keys."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {table: [] for table in MODELS})

    def ids(self, table: str) -> list[int]:
        return [row["id"] for row in self.rows[table]]


def scattered_ids(dice: random.Random, start: int, count: int, gap: int) -> list[int]:
    """`count` ids from `start` on with holes of up to `gap`; most in order, as a table lives, some not."""
    ids = []
    for _ in range(count):
        start += dice.randint(1, gap)
        ids.append(start)
    for _ in range(count // 4):
        a, b = dice.randrange(count), dice.randrange(count)
        ids[a], ids[b] = ids[b], ids[a]
    return ids


def sentence(dice: random.Random, characters: int) -> str:
    words: list[str] = []
    length = 0
    while length < characters:
        words.append(dice.choice(WORDS))
        length += len(words[-1]) + 1
    return " ".join(words)[:characters]


def moments(dice: random.Random, count: int) -> Iterator[datetime]:
    for _ in range(count):
        yield START + timedelta(seconds=dice.randrange(60 * 60 * 24 * 700))


def make_categories(shelf: Shelf, dice: random.Random) -> None:
    """Four roots, three below each, two below each of these: 40 nodes, three levels."""
    ids = iter(scattered_ids(dice, 310, 40, 4))
    for root in ROOTS:
        root_id = next(ids)
        shelf.rows["categories"].append({"id": root_id, "name": root, "parent_id": None})
        for middle in range(3):
            middle_id = next(ids)
            shelf.rows["categories"].append({"id": middle_id, "name": f"{root} {middle}", "parent_id": root_id})
            for leaf in range(2):
                row = {"id": next(ids), "name": f"{root} {middle}.{leaf}", "parent_id": middle_id}
                shelf.rows["categories"].append(row)


def sku(number: int) -> str:
    """Of the n-th product, whatever the size of the shop."""
    return f"SKU-{number * 7919 % 99991:05d}"


def make_products(shelf: Shelf, dice: random.Random, count: int) -> None:
    inner = {row["parent_id"] for row in shelf.rows["categories"]}
    leaves = [row["id"] for row in shelf.rows["categories"] if row["id"] not in inner]
    for number, row_id in enumerate(scattered_ids(dice, 7000, count, 5)):
        name = f"{dice.choice(QUALITIES)} {dice.choice(THINGS)} {number}"
        row: Row = {"id": row_id, "name": name, "sku": sku(number)}
        row |= {"description": sentence(dice, dice.randint(700, 1500)), "price": Decimal(dice.randint(199, 49999)) / 100}
        row |= {"stock": dice.randint(0, 400), "version": 1, "is_active": dice.random() < 0.9}
        row |= {"category_id": dice.choice(leaves), "metadata_": make_metadata(dice)}
        shelf.rows["products"].append(row)


def make_metadata(dice: random.Random) -> Row:
    colours = dice.sample(QUALITIES, 3)
    size = {"width": dice.randint(4, 200), "height": dice.randint(4, 200), "unit": "cm"}
    return {"colours": colours, "size": size, "origin": dice.choice(CITIES), "eco": dice.random() < 0.3}


def make_tags(shelf: Shelf, dice: random.Random) -> None:
    for name, row_id in zip(QUALITIES + THINGS, scattered_ids(dice, 90, len(QUALITIES + THINGS), 3)):
        shelf.rows["tags"].append({"id": row_id, "name": name})
    for product_id in shelf.ids("products"):
        for tag_id in dice.sample(shelf.ids("tags"), dice.randint(2, 4)):
            shelf.rows["product_tags"].append({"product_id": product_id, "tag_id": tag_id})


def make_users(shelf: Shelf, dice: random.Random, count: int) -> None:
    created = moments(dice, count)
    for number, row_id in enumerate(scattered_ids(dice, 20400, count, 7)):
        first, last = dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES)
        username = f"{first}.{last}.{number}".lower()
        row: Row = {"id": row_id, "email": f"{username}@example.org", "username": username, "name": f"{first} {last}"}
        at = next(created)
        row |= {"is_active": dice.random() < 0.95, "created_at": at, "updated_at": at}
        row["deleted_at"] = at + timedelta(days=40) if dice.random() < 0.03 else None
        shelf.rows["users"].append(row)


def make_addresses(shelf: Shelf, dice: random.Random) -> None:
    owners = [user for user in shelf.ids("users") for _ in range(dice.randint(1, 2))]
    for owner, row_id in zip(owners, scattered_ids(dice, 3000, len(owners), 3)):
        row = {"id": row_id, "user_id": owner, "street": f"{dice.choice(LAST_NAMES)} street {dice.randint(1, 180)}"}
        shelf.rows["addresses"].append(row | {"city": dice.choice(CITIES)})


def make_orders(shelf: Shelf, dice: random.Random) -> None:
    owners = [user for user in shelf.ids("users") for _ in range(dice.randint(1, 5))]
    dice.shuffle(owners)
    products = shelf.rows["products"]
    created = moments(dice, len(owners))
    for owner, row_id in zip(owners, scattered_ids(dice, 500100, len(owners), 9)):
        total = Decimal(0)
        at = next(created)
        for product in dice.sample(products, dice.randint(1, 4)):
            quantity = dice.randint(1, 3)
            price = product["price"] - Decimal(dice.randint(0, 150)) / 100
            item = {"order_id": row_id, "product_id": product["id"], "quantity": quantity, "unit_price": price}
            shelf.rows["order_items"].append(item | {"product_name": product["name"], "created_at": at})
            total += price * quantity
        order: Row = {"id": row_id, "user_id": owner, "total": total, "status": dice.choice(STATUSES)}
        shelf.rows["orders"].append(order | {"created_at": at, "updated_at": at})


def make_reviews(shelf: Shelf, dice: random.Random) -> None:
    authors = [user for user in shelf.ids("users") for _ in range(dice.randint(0, 2))]
    dice.shuffle(authors)
    for author, row_id in zip(authors, scattered_ids(dice, 81000, len(authors), 4)):
        row: Row = {"id": row_id, "user_id": author, "product_id": dice.choice(shelf.ids("products"))}
        shelf.rows["reviews"].append(row | {"stars": dice.randint(1, 5), "body": sentence(dice, dice.randint(20, 160))})


def make_audit_logs(shelf: Shelf, dice: random.Random) -> None:
    orders = dice.sample(shelf.rows["orders"], len(shelf.rows["orders"]) // 2)
    for order, row_id in zip(orders, scattered_ids(dice, 900000, len(orders), 2)):
        row: Row = {"id": row_id, "table_name": "orders", "record_id": order["id"], "action": AuditAction.UPDATE}
        row |= {"old_values": {"status": "pending"}, "new_values": {"status": order["status"].value}}
        shelf.rows["audit_logs"].append(row | {"user_id": order["user_id"], "timestamp": order["updated_at"]})


def make_shelf(users: int, seed: int) -> Shelf:
    dice = random.Random(seed)
    shelf = Shelf()
    make_categories(shelf, dice)
    make_products(shelf, dice, max(60, users * 2 // 3))
    make_tags(shelf, dice)
    make_users(shelf, dice, users)
    make_addresses(shelf, dice)
    make_orders(shelf, dice)
    make_reviews(shelf, dice)
    make_audit_logs(shelf, dice)
    return shelf


def load(engine: Engine, users: int, seed: int) -> dict[str, int]:
    """Drops, creates and fills all tables; returns how many rows each holds."""
    shelf = make_shelf(users, seed)
    models.Base.metadata.drop_all(engine)
    models.Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        for table, model in MODELS.items():
            session.execute(insert(model), shelf.rows[table])
        for table, model in MODELS.items():
            if table not in ("product_tags", "order_items"):
                session.execute(text(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    return {table: len(rows) for table, rows in shelf.rows.items()}
