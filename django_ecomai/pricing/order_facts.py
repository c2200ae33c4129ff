"""What is known of the orders of a channel, as columns of numbers: about 20 bytes an order, read in one stream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import Sum
from django.db.models.fields.json import KeyTextTransform

from django_ecomai.forecast.days import midnight
from django_ecomai.mirror.models import Order
from django_ecomai.mirror.selectors import demand_lines

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 20_000


@dataclass(frozen=True, eq=False)
class OrderFacts:
    """Orders [m] by ascending primary key ``key``. ``currency``, ``region`` and ``tier`` [m] are places in
    ``currencies``, ``regions`` and ``tiers``, whose place 0 is "": not known. ``pieces`` float64 [m] of all products,
    0 unless they were asked for."""

    key: NDArray[np.int64]
    currency: NDArray[np.int32]
    region: NDArray[np.int32]
    tier: NDArray[np.int32]
    pieces: NDArray[np.float64]
    currencies: tuple[str, ...]
    regions: tuple[str, ...]
    tiers: tuple[str, ...]

    def places(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places [k] of orders, -1 where one is not among them."""
        if not len(self.key):
            return np.full(len(keys), -1)
        at = np.minimum(np.searchsorted(self.key, keys), len(self.key) - 1)
        return np.where(self.key[at] == keys, at, -1)

    def in_currency(self, places: NDArray[np.int64], codes: NDArray[np.object_]) -> NDArray[np.bool_]:
        """Whether orders [k] at known ``places`` were paid in ``codes`` [k]; an order that names none was."""
        names = np.array(self.currencies, dtype=object)[self.currency[places]]
        return np.asarray((names == "") | (names == codes), dtype=bool)


def orders_read(*, channel: str = "", since: date, until: date, tier: str = "", pieces: bool = False) -> OrderFacts:
    """Orders placed from ``since`` to before ``until`` that were not cancelled: one query, and one more for ``pieces``.

    The region is the country of the order, the tier the value of the customer's attribute ``tier``.
    """
    rows: Any = Order.objects.filter(
        channel=channel, removed_at=None, placed_at__gte=midnight(since), placed_at__lt=midnight(until)
    ).exclude(status=Order.Status.CANCELLED)
    names = ["pk", "currency", "country"]
    if tier:
        rows = rows.annotate(tier_of=KeyTextTransform(tier, "customer__attributes"))
        names.append("tier_of")
    known: list[dict[str, int]] = [{"": 0}, {"": 0}, {"": 0}]
    keys: list[int] = []
    places: list[list[int]] = [[], [], []]
    for pk, *values in rows.order_by("pk").values_list(*names).iterator(chunk_size=CHUNK):
        keys.append(pk)
        for at in range(3):
            text = str(values[at] or "").strip() if at < len(values) else ""
            places[at].append(known[at].setdefault(text.upper() if at < 2 else text, len(known[at])))
    currency, region, tier_code = (np.array(one, dtype=np.int32) for one in places)
    currencies, regions, tiers = (tuple(one) for one in known)
    found = OrderFacts(
        np.array(keys, dtype=np.int64), currency, region, tier_code, np.zeros(len(keys)), currencies, regions, tiers
    )
    if pieces:
        sums = demand_lines(channel=channel, since=midnight(since), until=midnight(until)).order_by()
        stream = sums.values_list("order_id").annotate(pieces=Sum("quantity")).iterator(chunk_size=CHUNK)
        pairs = np.array([(order, float(number)) for order, number in stream]).reshape(-1, 2)
        place = found.places(pairs[:, 0].astype(np.int64))
        found.pieces[place[place >= 0]] = pairs[place >= 0, 1]
    return found
