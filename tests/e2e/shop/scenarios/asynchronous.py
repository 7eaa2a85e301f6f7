"""As asyncio applications are written: awaitable attributes, and children gathered over a pool."""

from __future__ import annotations

import asyncio

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from ..models import Order, User
from ..scenario import Scenario, Shop, n_plus_one
from .to_many import ORDERS, some_users

CONNECTIONS = 4


async def awaited_bad(shop: Shop) -> None:
    async with AsyncSession(shop.async_engine) as session:
        for user in (await session.scalars(some_users(shop.rows, 200))).all():
            _ = await user.awaitable_attrs.orders
            await asyncio.sleep(shop.sleep_ms / 1000)


async def awaited_good(shop: Shop) -> None:
    async with AsyncSession(shop.async_engine) as session:
        users = some_users(shop.rows, 200).options(selectinload(User.orders))
        for user in (await session.scalars(users)).all():
            _ = user.orders
            await asyncio.sleep(shop.sleep_ms / 1000)


async def gathered_bad(shop: Shop) -> None:
    """Each row's orders as a task of its own; a handful run at once."""
    gate = asyncio.Semaphore(CONNECTIONS)

    async def orders_of(user_id: int) -> None:
        async with gate, AsyncSession(shop.async_engine) as session:
            _ = (await session.scalars(select(Order).where(Order.user_id == user_id))).all()
            await asyncio.sleep(shop.sleep_ms / 1000)

    async with AsyncSession(shop.async_engine) as session:
        ids = [user.id for user in (await session.scalars(some_users(2 * shop.rows, 240))).all()]
    await asyncio.gather(*map(orders_of, ids))


async def gathered_good(shop: Shop) -> None:
    async with AsyncSession(shop.async_engine) as session:
        ids = [user.id for user in (await session.scalars(some_users(2 * shop.rows, 240))).all()]
        _ = (await session.scalars(select(Order).where(Order.user_id.in_(ids)))).all()


SCENARIOS = (
    Scenario(
        "awaited-attributes", awaited_bad, awaited_good, (n_plus_one(ORDERS),), drivers=("asyncpg",)
    ),
    Scenario(
        "gathered-over-a-pool",
        gathered_bad,
        gathered_good,
        (n_plus_one(ORDERS),),
        drivers=("asyncpg",),
        iterations=24 // CONNECTIONS,
    ),
)
