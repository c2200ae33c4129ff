"""What the shop knew about its products at a moment in the past: for the learned order of recommendations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import Count
from numpy.typing import NDArray

from django_ecomai.core.uuid7 import uuid7_floor, uuid7_time
from django_ecomai.events.models import Event, EventName
from django_ecomai.mirror.models import PricePoint, StockPoint

from .dataset import Dataset
from .weights import PURCHASE

if TYPE_CHECKING:
    from django_ecomai.ml.recommend.ranking.groups import Extra

_COUNTED = (EventName.VIEW_ITEM_LIST, EventName.SELECT_ITEM, EventName.VIEW_ITEM)
_CHUNK = 10_000


class PastFacts:
    """``facts(moment)`` gives click and purchase rates, stock and margin as they were known before ``moment``.

    Nothing later is looked at, so that what is learned from the past holds when it serves. Moments that ascend cost one
    pass over the events in all.
    """

    def __init__(self, channel: str, data: Dataset) -> None:
        self._channel = channel
        self._data = data
        self._n = len(data.item_ids)
        self._until: int | None = None
        self._counts: dict[str, NDArray[np.float64]] = {}
        self._first_event: int | None = None
        self._prices: _Points | None = None
        self._stocks: _Points | None = None

    def __call__(self, moment: int) -> Extra:
        from django_ecomai.ml.recommend.ranking.groups import Extra

        ctr, cvr = self._rates(moment)
        return Extra(ctr=ctr, cvr=cvr, in_stock=self._in_stock(moment), margin=self._margin(moment))

    def _rates(self, moment: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        from django_ecomai.ml.recommend.ranking.facts import smoothed_rate

        self._count(moment)
        none = np.zeros(self._n)
        shown, clicked, viewed = (self._counts.get(name, none) for name in _COUNTED)
        bought = none
        if viewed.any() and self._first_event is not None:
            # only what was bought while visits were counted: older orders had visits that nobody saw
            rows = self._data.interactions.at_least(PURCHASE).between(self._first_event, moment)
            bought = np.bincount(rows.items, minlength=self._n).astype(np.float64)
        return smoothed_rate(clicked, shown), smoothed_rate(bought, viewed)

    def _count(self, moment: int) -> None:
        """Bring the counts up to ``moment``; an earlier moment than last time begins anew."""
        if self._until is not None and moment < self._until:
            self._until, self._counts = None, {}
        rows = Event.objects.filter(channel=self._channel, is_bot=False, name__in=_COUNTED).exclude(product_id="")
        if self._first_event is None:
            first = rows.order_by("id").values_list("id", flat=True).first()
            self._first_event = int(uuid7_time(first).timestamp()) if first is not None else None
        if self._first_event is None:
            return
        if self._until is not None:
            rows = rows.filter(id__gte=uuid7_floor(_time(self._until)))
        rows = rows.filter(id__lt=uuid7_floor(_time(moment)))
        counted = rows.order_by().values_list("name", "product_id").annotate(number=Count("id"))
        found: dict[str, list[tuple[str, int]]] = {}
        for name, product, number in counted.iterator(chunk_size=_CHUNK):
            found.setdefault(name, []).append((product, number))
        for name, pairs in found.items():
            items = self._items([product for product, _number in pairs])
            known = items >= 0
            numbers = np.array([number for _product, number in pairs], dtype=np.float64)
            total = self._counts.setdefault(name, np.zeros(self._n))
            np.add.at(total, items[known], numbers[known])
        self._until = moment

    def _items(self, ids: list[str]) -> NDArray[np.int32]:
        """Positions of products, variants as the product that they belong to; -1 unknown."""
        return self._data.item_ids.encode([self._data.variants.get(one, one) for one in ids])

    def _in_stock(self, moment: int) -> NDArray[np.float32]:
        if self._stocks is None:
            rows = StockPoint.objects.filter(channel=self._channel).order_by("valid_from", "pk")
            self._stocks = self._points(rows, "location", "quantity")
        return np.where(np.isnan(left := self._stocks.total(moment)), np.nan, left > 0).astype(np.float32)

    def _margin(self, moment: int) -> NDArray[np.float32]:
        if self._prices is None:
            rows = PricePoint.objects.filter(channel=self._channel, price__gt=0, cost__isnull=False)
            self._prices = self._points(rows.order_by("valid_from", "pk"), "price", "cost")
        price, cost = self._prices.last(moment)
        return np.asarray(1 - cost / price, dtype=np.float32)

    def _points(self, rows: Any, first: str, second: str) -> _Points:
        columns: Mapping[str, list[Any]] = {"id": [], "at": [], "first": [], "second": []}
        names = ("product__external_id", "valid_from", first, second)
        for product, at, one, other in rows.values_list(*names).iterator(chunk_size=_CHUNK):
            for name, value in zip(columns, (product, at.timestamp(), one, other), strict=True):
                columns[name].append(value)
        return _Points(
            self._n,
            self._items(columns["id"]),
            np.array(columns["at"], dtype=np.float64),
            columns["first"],
            np.array([float(value) for value in columns["second"]]),
        )


class _Points:
    """Changes of something over time, oldest first."""

    def __init__(
        self, n: int, items: NDArray[np.int32], at: NDArray[np.float64], first: list[Any], second: NDArray[np.float64]
    ) -> None:
        self.n = n
        self.items = items
        self.at = at
        self.first = first
        self.second = second

    def last(self, moment: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The last pair of values per item before ``moment``; NaN without one."""
        result = np.full((2, self.n), np.nan)
        rows = np.flatnonzero((self.at < moment) & (self.items >= 0))
        values = np.array([float(self.first[row]) for row in rows])
        result[0, self.items[rows]] = values  # rows are in order: the newest is written last
        result[1, self.items[rows]] = self.second[rows]
        return result[0], result[1]

    def total(self, moment: int) -> NDArray[np.float64]:
        """The last value of every ``first`` (a place) before ``moment``, summed per item; NaN without one."""
        result = np.full(self.n, np.nan)
        newest: dict[tuple[int, Any], float] = {}
        for row in np.flatnonzero((self.at < moment) & (self.items >= 0)).tolist():
            newest[int(self.items[row]), self.first[row]] = float(self.second[row])
        for (item, _place), value in newest.items():
            result[item] = value + (0.0 if np.isnan(result[item]) else result[item])
        return result


def _time(moment: int) -> datetime:
    return datetime.fromtimestamp(moment, UTC)
