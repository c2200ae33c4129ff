"""Sales, prices, promotions and stock per product and week: what elasticities and expectations are worked out from.

Pieces are gross demand by the day of the order in the shop's time zone, as forecasts count them. Only what was sold in
the currency of the product's price counts; weeks begin on Monday, the one that has not ended is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from django_ecomai.forecast.censoring import stocked_out
from django_ecomai.forecast.days import day_number, period_numbers
from django_ecomai.forecast.frames import order_holes
from django_ecomai.forecast.ledger import Ledger, dense_quantity, ledger_read, ledger_until
from django_ecomai.forecast.regressors import price_listed, price_paid, promotion_matrix
from django_ecomai.mirror.columns import of_products
from django_ecomai.mirror.models import Order, PricePoint

from .facts import in_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A product that sold a larger share of its pieces in other currencies is left out: their buyers saw another price.
MOST_FOREIGN = 0.1


@dataclass(frozen=True, eq=False)
class Weeks:
    """n products as asked for, T weeks. ``units`` float [n, T]; ``price`` [n, T], NaN where unknown; ``promotion`` and
    ``in_stock`` [n, T] shares of the week; ``known`` bool [n, T]: from its first sale on, holes in the data left out;
    ``mixed`` bool [n]: sold or priced in other currencies too; ``periods`` int64 [T] count weeks, ``since`` is the
    first day, ``until`` the day after the last."""

    products: NDArray[np.int64]
    since: date
    until: date
    periods: NDArray[np.int64]
    units: NDArray[np.float64]
    price: NDArray[np.float64]
    promotion: NDArray[np.float64]
    in_stock: NDArray[np.float64]
    known: NDArray[np.bool_]
    mixed: NDArray[np.bool_]

    def daily(
        self, price: NDArray[np.float64], elasticity: NDArray[np.float64], *, weeks: int = 8
    ) -> NDArray[np.float64]:
        """Mean pieces per day in stock [n] of the last weeks, as if all had had today's ``price`` [n]; where no
        elasticity [n] is known, as they were."""
        recent = slice(-weeks, None)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = (price[:, None] / self.price[:, recent]) ** elasticity[:, None]
        factor = np.where(np.isfinite(factor), factor, 1.0)
        share = np.where(self.known, self.in_stock, 0.0)[:, recent]
        sold = np.where(self.known, self.units, 0.0)[:, recent] * factor
        days = 7 * share.sum(axis=1)
        return np.divide(sold.sum(axis=1), days, out=np.zeros(len(days)), where=days > 0)


def last_monday(day: date) -> date:
    """The Monday on or before a day."""
    return day - timedelta(days=day.weekday())


class Reader:
    """Weeks of a channel up to ``until`` (default: the first day without data), read a part of the catalogue at a
    time."""

    def __init__(self, *, channel: str = "", until: date | None = None) -> None:
        self.channel = channel
        #: The first day without data, and the Monday on or before it: the first week that is not whole.
        self.day = until or ledger_until(channel=channel)
        self.until = last_monday(self.day)
        used = Order.objects.filter(channel=channel, removed_at=None).order_by()
        self.currencies = set(used.values_list("currency", flat=True).distinct()) - {""}

    def weeks(self, *, product_ids: Sequence[int], currencies: Sequence[str], weeks: int) -> Weeks:
        """``weeks`` weeks of products, whose prices are in ``currencies`` [n]; a fixed number of queries per 900."""
        asked = np.asarray(product_ids, dtype=np.int64)
        since = self.until - timedelta(days=7 * weeks)
        ledger = ledger_read(channel=self.channel, since=since, until=self.until, products=asked.tolist())
        place = np.searchsorted(ledger.products, asked)
        codes = np.empty(len(asked), dtype=object)
        codes[place] = list(currencies)
        own, mixed = self._own(ledger, codes)
        first = int(period_numbers(np.array([day_number(since)]), "W")[0])
        periods = np.arange(first, first + weeks)
        days = dense_quantity(own)
        out = stocked_out(channel=self.channel, products=own.products, since=since, until=self.until) & (days <= 0)
        units = days.reshape(len(days), weeks, 7).sum(axis=2, dtype=np.float64)
        paid = price_paid(own, periods=periods, frequency="W")
        listed = price_listed(own.products, channel=self.channel, periods=periods, frequency="W")
        known = np.maximum.accumulate(units > 0, axis=1) & ~order_holes(own, periods, "W")[None, :]
        mixed |= self._priced_elsewhere(own.products, codes)
        return Weeks(
            products=asked,
            since=since,
            until=self.until,
            periods=periods,
            units=units[place],
            price=_filled(np.where(np.isfinite(paid), paid, listed))[place],
            promotion=promotion_matrix(own.products, channel=self.channel, periods=periods, frequency="W")[place],
            in_stock=1.0 - out.reshape(len(out), weeks, 7).mean(axis=2)[place],
            known=known[place],
            mixed=mixed[place],
        )

    def _own(self, ledger: Ledger, codes: NDArray[np.object_]) -> tuple[Ledger, NDArray[np.bool_]]:
        """The lines in the product's own currency, and which products [n] sold too much in others."""
        mixed = np.zeros(len(ledger.products), dtype=bool)
        if not len(ledger) or (self.currencies <= set(codes.tolist()) and len(set(codes.tolist())) == 1):
            return ledger, mixed
        orders = np.unique(ledger.order)
        used: dict[int, str] = {}
        for part in in_parts(orders.tolist()):
            used.update(Order.objects.filter(pk__in=part).values_list("pk", "currency"))
        money = np.array([used.get(pk, "") for pk in orders.tolist()], dtype=object)
        line = money[np.searchsorted(orders, ledger.order)]
        foreign = np.asarray((line != "") & (line != codes[ledger.product]), dtype=bool)
        pieces = np.bincount(ledger.product[foreign], ledger.quantity[foreign], len(mixed))
        mixed = pieces > MOST_FOREIGN * np.maximum(ledger.sold, 1e-9)
        names = ("product", "day", "quantity", "value", "order", "customer")
        return replace(ledger, **{name: getattr(ledger, name)[~foreign] for name in names}), mixed

    def _priced_elsewhere(self, products: NDArray[np.int64], codes: NDArray[np.object_]) -> NDArray[np.bool_]:
        """Whether the price history of a product [n] is in more currencies than its own."""
        found = np.zeros(len(products), dtype=bool)
        rows = of_products(PricePoint.objects.filter(price__isnull=False), products.tolist()).exclude(currency="")
        for pk, currency in rows.order_by().values_list("product_id", "currency").distinct():
            at = int(np.searchsorted(products, pk))
            if at < len(products) and products[at] == pk:  # of many keys, those between them are read too
                found[at] |= currency != codes[at]
        return found


def _filled(price: NDArray[np.float64]) -> NDArray[np.float64]:
    """The last known price goes on [n, T]."""
    last = np.where(np.isfinite(price), np.arange(price.shape[1])[None, :], -1)
    last = np.maximum.accumulate(last, axis=1)
    return np.where(last >= 0, np.take_along_axis(price, last.clip(min=0), axis=1), np.nan)
