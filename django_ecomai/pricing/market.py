"""Where products stand among the offers of competitors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True)
class MarketPosition:
    """Fresh, trusted offers in the product's currency: how many, and their prices; ``own`` is the product's."""

    currency: str
    lowest: Decimal
    median: Decimal
    highest: Decimal
    offers: int
    own: Decimal | None
    position: str
    observed_at: datetime


def market_positions(*, channel: str = "", product_ids: Sequence[int]) -> dict[int, MarketPosition]:
    """Positions by product; those without a fresh, confident offer are absent."""
    return {}
