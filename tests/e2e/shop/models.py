"""The shop's tables, in SQLAlchemy 2.0's typed style.

SHOP_EXTRA_COLUMN=1 gives every model one more column: what pgassay calls a finding must not depend on it.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from typing import Any

from sqlalchemy import Boolean, Column, DateTime, ForeignKey, Index, Integer, Numeric, String, Table, Text, func, text
from sqlalchemy import Enum as EnumType
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

EXTRA_COLUMN = os.environ.get("SHOP_EXTRA_COLUMN") == "1"


def now() -> datetime:
    return datetime.now(timezone.utc)


def string_enum(values: type[Enum]) -> EnumType:
    """An enum kept as its value in a VARCHAR: a new member needs no migration."""
    return EnumType(values, native_enum=False, length=20, values_callable=lambda members: [m.value for m in members])


class Base(AsyncAttrs, DeclarativeBase):
    if EXTRA_COLUMN:
        shop_note: Mapped[str | None] = mapped_column(String(40), server_default="extra")


class TimestampMixin:
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), onupdate=func.now())


class BaseModel(Base, TimestampMixin):
    __abstract__ = True

    id: Mapped[int] = mapped_column(primary_key=True)


class SoftDeleteMixin:
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    @property
    def is_deleted(self) -> bool:
        return self.deleted_at is not None

    def soft_delete(self) -> None:
        self.deleted_at = now()

    def restore(self) -> None:
        self.deleted_at = None


class VersionedMixin:
    """Optimistic locking: an UPDATE names the version that it read."""

    version: Mapped[int] = mapped_column(Integer, default=1)


class OrderStatus(str, Enum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class AuditAction(str, Enum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class InvalidStateError(Exception):
    pass


class ConflictError(Exception):
    pass


class User(BaseModel, SoftDeleteMixin):
    __tablename__ = "users"

    email: Mapped[str] = mapped_column(String(255), unique=True, index=True)
    username: Mapped[str] = mapped_column(String(50), index=True)
    name: Mapped[str] = mapped_column(String(100))
    is_active: Mapped[bool] = mapped_column(Boolean, default=True)

    orders: Mapped[list[Order]] = relationship(back_populates="user", cascade="all, delete-orphan")
    addresses: Mapped[list[Address]] = relationship(back_populates="user", cascade="all, delete-orphan")
    reviews: Mapped[list[Review]] = relationship(back_populates="user", cascade="all, delete-orphan")
    audit_entries: Mapped[list[AuditLog]] = relationship(back_populates="user")


Index("ix_users_active_created", User.is_active, User.created_at)


class Address(BaseModel):
    __tablename__ = "addresses"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    street: Mapped[str] = mapped_column(String(120))
    city: Mapped[str] = mapped_column(String(60))

    user: Mapped[User] = relationship(back_populates="addresses")


class Order(BaseModel):
    __tablename__ = "orders"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    total: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    status: Mapped[OrderStatus] = mapped_column(string_enum(OrderStatus), default=OrderStatus.PENDING)

    user: Mapped[User] = relationship(back_populates="orders")
    items: Mapped[list[OrderItem]] = relationship(back_populates="order", cascade="all, delete-orphan")

    # Only the pending ones: few of many, and the ones that are asked for.
    __table_args__ = (Index("ix_orders_pending", "created_at", postgresql_where=text("status = 'pending'")),)

    def can_cancel(self) -> bool:
        return self.status in (OrderStatus.PENDING, OrderStatus.CONFIRMED)

    def cancel(self) -> None:
        if not self.can_cancel():
            raise InvalidStateError(f"an order that is {self.status.value} cannot be cancelled")
        self.status = OrderStatus.CANCELLED


class OrderItem(Base, TimestampMixin):
    """Association object: which product, how many, and at what price on that day."""

    __tablename__ = "order_items"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"), primary_key=True, index=True)
    quantity: Mapped[int] = mapped_column(Integer, default=1)
    unit_price: Mapped[Decimal] = mapped_column(Numeric(10, 2))  # a snapshot: prices change
    product_name: Mapped[str] = mapped_column(String(255))  # likewise

    order: Mapped[Order] = relationship(back_populates="items")
    product: Mapped[Product] = relationship(back_populates="order_items")


product_tags = Table(
    "product_tags",
    Base.metadata,
    Column("product_id", Integer, ForeignKey("products.id"), primary_key=True),
    Column("tag_id", Integer, ForeignKey("tags.id"), primary_key=True, index=True),
)


class Product(BaseModel, VersionedMixin):
    __tablename__ = "products"

    name: Mapped[str] = mapped_column(String(255))
    sku: Mapped[str] = mapped_column(String(50), unique=True, index=True)
    description: Mapped[str | None] = mapped_column(Text)
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    stock: Mapped[int] = mapped_column(Integer, default=0)
    is_active: Mapped[bool] = mapped_column(Boolean, default=True)
    category_id: Mapped[int] = mapped_column(ForeignKey("categories.id"), index=True)
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB, default=dict)

    category: Mapped[Category] = relationship(back_populates="products")
    tags: Mapped[list[Tag]] = relationship(secondary=product_tags, back_populates="products")
    order_items: Mapped[list[OrderItem]] = relationship(back_populates="product")
    reviews: Mapped[list[Review]] = relationship(back_populates="product")

    __table_args__ = (Index("ix_products_metadata", "metadata", postgresql_using="gin"),)
    __mapper_args__ = {"version_id_col": VersionedMixin.version}


class Tag(BaseModel):
    __tablename__ = "tags"

    name: Mapped[str] = mapped_column(String(50), unique=True)

    products: Mapped[list[Product]] = relationship(secondary=product_tags, back_populates="tags")


class Category(BaseModel):
    __tablename__ = "categories"

    name: Mapped[str] = mapped_column(String(100))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("categories.id"), index=True)

    parent: Mapped[Category | None] = relationship(back_populates="children", remote_side="Category.id")
    children: Mapped[list[Category]] = relationship(back_populates="parent")
    products: Mapped[list[Product]] = relationship(back_populates="category")


class Review(BaseModel):
    __tablename__ = "reviews"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"), index=True)
    stars: Mapped[int] = mapped_column(Integer)
    body: Mapped[str] = mapped_column(Text)

    user: Mapped[User] = relationship(back_populates="reviews")
    product: Mapped[Product] = relationship(back_populates="reviews")


class AuditLog(Base):
    __tablename__ = "audit_logs"

    id: Mapped[int] = mapped_column(primary_key=True)
    table_name: Mapped[str] = mapped_column(String(100), index=True)
    record_id: Mapped[int] = mapped_column(index=True)
    action: Mapped[AuditAction] = mapped_column(string_enum(AuditAction))
    old_values: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    new_values: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    timestamp: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)

    user: Mapped[User | None] = relationship(back_populates="audit_entries")
