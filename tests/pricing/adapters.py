"""Shops in memory that take prices, and one that is asked for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any

from django_ecomai.adapters.rows import ProductRow
from django_ecomai.testing import FakeAdapter, product_row


class PricedShop(FakeAdapter):
    """Remembers every price that was written; products in ``broken`` raise."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[tuple[str, Decimal]] = []
        self.broken: set[str] = set()

    def apply_price(self, product_id: str, price: Any) -> None:
        if product_id in self.broken:
            raise RuntimeError("the till is closed")
        self.written.append((product_id, Decimal(price)))


class LiveShop(PricedShop):
    """A shop far away: it has prices of its own, which only it knows, and keeps those written to ``cent``.

    Products in ``unreadable`` raise when they are read, and ``later_broken`` writes from that number on fail.
    """

    def __init__(self) -> None:
        super().__init__()
        self.empty()

    def empty(self) -> None:
        """As new."""
        self.written, self.broken = [], set()
        self.unreadable: set[str] = set()
        self.now: dict[str, Decimal] = {}
        self.currencies: dict[str, str] = {}
        self.cent = Decimal("0.0001")
        self.later_broken: int | None = None

    def apply_price(self, product_id: str, price: Any) -> None:
        if self.later_broken is not None and len(self.written) >= self.later_broken:
            raise RuntimeError("the line is dead")
        super().apply_price(product_id, price)
        self.now[product_id] = Decimal(price).quantize(self.cent, ROUND_DOWN)

    def rows_of(self, table: str, *, since: Any = None, pks: Sequence[Any] = ()) -> Iterator[ProductRow]:
        for ident in pks:
            if ident in self.unreadable:
                raise KeyError(ident)
            if ident in self.now:
                currency = self.currencies.get(ident, "EUR")
                yield product_row(id=ident, price=self.now[ident], currency=currency)


SHOP = PricedShop()
LIVE = LiveShop()
# Writes no prices: it has the base's apply_price.
READING = FakeAdapter()
