"""Feature flags, read once per process: whichever test comes first pays for it."""

from __future__ import annotations

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from shop.models import Base


class FeatureFlag(Base):
    __tablename__ = "feature_flags"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    enabled: Mapped[bool]


_known: dict[str, bool] | None = None


def is_enabled(session: Session, name: str) -> bool:
    global _known
    if _known is None:
        _known = {flag.name: flag.enabled for flag in session.scalars(select(FeatureFlag))}
    return _known.get(name, False)
