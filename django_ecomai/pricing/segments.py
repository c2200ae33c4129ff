"""How price-sensitive parts of the trade are: shops, regions, tiers of customers, and what else an order holds.

It describes the trade. No price is proposed for a part of it, and none for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from django_ecomai.conf import ecomai
from django_ecomai.core.paging import channels_of
from django_ecomai.forecast.ledger import Ledger, dense_quantity, ledger_read
from django_ecomai.forecast.regressors import price_paid
from django_ecomai.mirror.columns import NOBODY
from django_ecomai.mirror.models import OrderLine, Product

from .facts import in_parts
from .models import ProductElasticity
from .order_facts import OrderFacts, orders_read
from .reading import Reader, Weeks
from .tiers import are_of_persons, tier_attribute

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from django_ecomai.ml.pricing.panel import PricePanel

#: Products that are compared: those with an elasticity that sell most. More tell little more.
PRODUCTS = 2_000
#: Parts that are compared: those with most lines. More values than `MOST_VALUES` are no tiers but a name or a number.
PARTS, MOST_VALUES = 12, 20
#: A part with fewer buyers is left out: nobody is looked at singly.
FEWEST_BUYERS = 30
VOLUMES = ("alone", "small", "large")
#: A product of which a part bought fewer lines tells nothing about it: a few large orders would.
FEWEST_LINES = 30
#: With fewer lines in a week the price that a part paid may be that of one large order.
OWN_LINES = 3
#: From so many other pieces on an order is large.
LARGE = 10.0


@dataclass(eq=False)
class _Rows:
    """Rows of a panel so far: product, period, units, price, promotion, in stock; ``lines`` order lines; ``buyers``
    customers, and orders of guests below 0, up to `FEWEST_BUYERS` or a few more."""

    columns: list[tuple[NDArray[Any], ...]] = field(default_factory=list)
    lines: int = 0
    buyers: set[int] = field(default_factory=set)

    def panel(self, category: NDArray[np.int64]) -> PricePanel:
        """All of it, over the products of ``category`` [n]."""
        from django_ecomai.ml.pricing.panel import PricePanel

        names = ("product", "period", "units", "price", "promotion", "in_stock")
        whole = {name: np.concatenate([part[at] for part in self.columns]) for at, name in enumerate(names)}
        return PricePanel.build(**whole, category=category, n_products=len(category))


def segments_learn(*, channel: str = "", progress: Callable[[float], None] | None = None) -> list[dict[str, Any]]:
    """Compare parts of the trade of a channel (and the channels with each other) as JSON: per attribute that has two
    parts or more ``{"attribute", "products", "segments": [{"name", "lines", "elasticity", "low", "high", "products",
    "reason", "more_than_first"}]}``, the part with most lines first; ``more_than_first`` is the probability that it is
    more price-sensitive than that."""
    products = _products(channel)
    if not len(products):
        return []
    panels, category = _panels(channel, products, progress)
    panels["channel"] = _channels()
    found = []
    for attribute, parts in panels.items():
        kept = sorted((name for name in parts if parts[name].lines), key=lambda name: (-parts[name].lines, name))
        if len(kept) >= 2:
            groups = category if attribute != "channel" else None
            found.append(_compare(attribute, {name: parts[name] for name in kept[:PARTS]}, groups, len(products)))
    return found


def _products(channel: str) -> NDArray[np.int64]:
    rows = ProductElasticity.objects.filter(channel=channel, reason="", elasticity__isnull=False)
    chosen = rows.order_by("-rate", "product_id").values_list("product_id", flat=True)[:PRODUCTS]
    return np.array(sorted(chosen), dtype=np.int64)


def _categories(products: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[str]]:
    """First category as a dense index [n] and currency of products."""
    known: dict[int, tuple[str, str]] = {}
    for part in in_parts(products.tolist()):
        rows = Product.objects.filter(pk__in=part).values_list("pk", "category_external_ids", "currency")
        known |= {pk: (str(keys[0]) if keys else "", currency or ecomai.CURRENCY) for pk, keys, currency in rows}
    _names, code = np.unique(np.array([known[pk][0] for pk in products.tolist()]), return_inverse=True)
    return code.astype(np.int64), [known[pk][1] for pk in products.tolist()]


def _panels(
    channel: str, products: NDArray[np.int64], progress: Callable[[float], None] | None
) -> tuple[dict[str, dict[str, _Rows]], NDArray[np.int64]]:
    """Rows by attribute and part of the trade, and the categories of the products."""
    reader = Reader(channel=channel)
    since = reader.until - timedelta(weeks=ecomai.PRICING_HISTORY_WEEKS)
    orders = orders_read(channel=channel, since=since, until=reader.until, tier=tier_attribute(), pieces=True)
    category, currencies = _categories(products)
    found: dict[str, dict[str, _Rows]] = {"region": {}, "customer_tier": {}, "volume": {}}
    done = 0
    for part in in_parts(range(len(products))):
        pks = products[part].tolist()
        money = [currencies[at] for at in part]
        weeks = reader.weeks(product_ids=pks, currencies=money, weeks=ecomai.PRICING_HISTORY_WEEKS)
        ledger = _own(
            ledger_read(channel=channel, since=since, until=reader.until, products=pks), orders, np.array(money, object)
        )
        for attribute, names, code in _parts(orders, ledger):
            for at, name in names:
                _add(found[attribute].setdefault(name, _Rows()), weeks, ledger, code == at, start=part[0])
        done += len(part)
        if progress is not None:
            progress(done / len(products))
    return found, category


def _own(ledger: Ledger, orders: OrderFacts, money: NDArray[np.object_]) -> Ledger:
    """The lines of known orders in the product's currency."""
    place = orders.places(ledger.order)
    keep = np.asarray(place >= 0, dtype=bool)
    keep[keep] = orders.in_currency(place[keep], money[ledger.product[keep]])
    return _lines(ledger, keep)


def _lines(ledger: Ledger, keep: NDArray[np.bool_]) -> Ledger:
    names = ("product", "day", "quantity", "value", "order", "customer")
    return replace(ledger, **{name: getattr(ledger, name)[keep] for name in names})


def _parts(orders: OrderFacts, ledger: Ledger) -> Iterator[tuple[str, list[tuple[int, str]], NDArray[np.int64]]]:
    """Attribute, its parts as (code, name), and the code of each line; what is not known has code 0 or is left out."""
    place = orders.places(ledger.order)
    for attribute, names, code in (
        ("region", orders.regions, orders.region),
        ("customer_tier", orders.tiers, orders.tier),
    ):
        if attribute == "customer_tier" and (len(names) - 1 > MOST_VALUES or are_of_persons(names)):
            continue
        often = np.bincount(code, minlength=len(names))
        chosen = [at for at in np.argsort(-often, kind="stable").tolist() if at and often[at]][:PARTS]
        yield attribute, [(at, names[at]) for at in sorted(chosen)], code[place].astype(np.int64)
    if len(ledger):
        others = orders.pieces[place] - ledger.quantity
        yield "volume", list(enumerate(VOLUMES)), (others >= LARGE).astype(np.int64) + (others > 1e-9)


def _add(rows: _Rows, weeks: Weeks, ledger: Ledger, mine: NDArray[np.bool_], *, start: int) -> None:
    """Rows of a part of the trade for products from place ``start`` on: its pieces, and the price that it saw: the
    median of what it paid where that is of several lines, else the shop's price times what it usually pays of that.

    Who orders many pieces at once often pays less for each: with single lines that would pass for an elasticity.
    """
    own = _lines(ledger, mine)
    rows.lines += len(own)
    if len(rows.buyers) < FEWEST_BUYERS:
        rows.buyers.update(np.where(own.customer == NOBODY, -2 - own.order, own.customer).tolist())
    enough = np.bincount(own.product, minlength=len(own.products)) >= FEWEST_LINES
    own = _lines(own, enough[own.product])
    if not len(own):
        return
    n, periods = weeks.units.shape
    order = np.searchsorted(own.products, weeks.products)
    units = dense_quantity(own).reshape(n, periods, 7).sum(axis=2, dtype=np.float64)[order]
    paid = price_paid(own, periods=weeks.periods, frequency="W")[order]
    ratio = np.ones(n)
    sold = np.asarray(np.isfinite(paid).any(axis=1), dtype=bool)
    ratio[sold] = np.nanmedian((paid / weeks.price)[sold], axis=1)
    usual = weeks.price * np.where(np.isfinite(ratio), ratio, 1.0)[:, None]
    lines = np.bincount(own.product * periods + own.day // 7, minlength=n * periods).reshape(n, periods)[order]
    price = np.where(np.isfinite(paid) & (lines >= OWN_LINES), paid, usual)
    row, week = np.nonzero(weeks.known & np.isfinite(price) & ~weeks.mixed[:, None] & sold[:, None])
    cells = (units, price, weeks.promotion, weeks.in_stock)
    rows.columns.append((start + row, weeks.periods[week], *(one[row, week] for one in cells)))


def _channels() -> dict[str, _Rows]:
    """The same for whole shops, where there are several."""
    names = channels_of(ProductElasticity, limit=PARTS)
    found: dict[str, _Rows] = {}
    for name in names if len(names) > 1 else []:
        products = _products(name)
        if not len(products):
            continue
        reader, rows = Reader(channel=name), _Rows()
        _category, currencies = _categories(products)
        for part in in_parts(range(len(products))):
            weeks = reader.weeks(
                product_ids=products[part].tolist(), currencies=[currencies[at] for at in part],
                weeks=ecomai.PRICING_HISTORY_WEEKS,
            )  # fmt: skip
            row, week = np.nonzero(weeks.known & np.isfinite(weeks.price) & ~weeks.mixed[:, None])
            cells = (weeks.units, weeks.price, weeks.promotion, weeks.in_stock)
            rows.columns.append((part[0] + row, weeks.periods[week], *(one[row, week] for one in cells)))
        rows.lines = OrderLine.objects.filter(channel=name).count()
        found[name] = rows
    return found


def _compare(
    attribute: str, parts: dict[str, _Rows], category: NDArray[np.int64] | None, products: int
) -> dict[str, Any]:
    from django_ecomai.ml.pricing.segments import segment_elasticities

    few = {name: "too_few_products" for name, rows in parts.items() if not rows.columns}
    if attribute != "channel":
        few |= {name: "too_few_buyers" for name, rows in parts.items() if len(rows.buyers) < FEWEST_BUYERS}
    fit = segment_elasticities(
        attribute,
        {name: rows.panel(_groups(rows, category)) for name, rows in parts.items() if name not in few},
    )
    at = {name: place for place, name in enumerate(fit.names)}
    first = next((at[name] for name in parts if name in at and not fit.reason[at[name]]), None)
    return {
        "attribute": attribute,
        "products": products,
        "segments": [
            {
                "name": name,
                "lines": rows.lines,
                **(_numbers(fit, at[name], first) if name in at else {**_NOTHING, "reason": few[name]}),
            }
            for name, rows in parts.items()
        ],
    }


_NOTHING: dict[str, Any] = {
    "elasticity": None, "low": None, "high": None, "products": 0, "reason": "", "more_than_first": None
}  # fmt: skip


def _numbers(fit: Any, at: int, first: int | None) -> dict[str, Any]:
    reason = str(fit.reason[at])
    if reason:
        return {**_NOTHING, "products": int(fit.products[at]), "reason": reason}
    return {
        "elasticity": round(float(fit.elasticity[at]), 4),
        "low": round(float(fit.low[at]), 4),
        "high": round(float(fit.high[at]), 4),
        "products": int(fit.products[at]),
        "reason": "",
        "more_than_first": None if first in (None, at) else round(float(fit.apart[at, first]), 4),
    }


def _groups(rows: _Rows, category: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Categories of the products; of another shop all in one."""
    if category is not None:
        return category
    most = max(int(part[0].max(initial=-1)) for part in rows.columns)
    return np.zeros(most + 1, dtype=np.int64)
