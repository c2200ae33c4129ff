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

    Products in ``unreadable`` raise when they are read, and ``later_broken`` writes from that number on fail. Those in
    ``times_out`` raise when the price is written already. A new price strikes out the one before: that is its list
    price then.
    """

    def __init__(self) -> None:
        super().__init__()
        self.empty()

    def empty(self) -> None:
        """As new."""
        self.written, self.broken = [], set()
        self.unreadable: set[str] = set()
        self.now: dict[str, Decimal] = {}
        self.listed: dict[str, Decimal | None] = {}
        self.currencies: dict[str, str] = {}
        self.times_out: set[str] = set()
        self.cent = Decimal("0.0001")
        self.later_broken: int | None = None

    def apply_price(self, product_id: str, price: Any) -> None:
        if self.later_broken is not None and len(self.written) >= self.later_broken:
            raise RuntimeError("the line is dead")
        super().apply_price(product_id, price)
        if product_id in self.listed:
            self.listed[product_id] = self.now[product_id]
        self.now[product_id] = Decimal(price).quantize(self.cent, ROUND_DOWN)
        if product_id in self.times_out:
            raise TimeoutError("no answer")

    def restore_price(self, product_id: str, price: Any, list_price: Any) -> None:
        before = dict(self.listed)
        self.apply_price(product_id, price)
        self.listed = {**before, product_id: list_price} if product_id in before else before

    def rows_of(self, table: str, *, since: Any = None, pks: Sequence[Any] = ()) -> Iterator[ProductRow]:
        for ident in pks:
            if ident in self.unreadable:
                raise KeyError(ident)
            if ident in self.now:
                currency = self.currencies.get(ident, "EUR")
                listed = self.listed.get(ident)
                yield product_row(id=ident, price=self.now[ident], list_price=listed, currency=currency)


SHOP = PricedShop()
LIVE = LiveShop()
# Writes no prices: it has the base's apply_price.
READING = FakeAdapter()
