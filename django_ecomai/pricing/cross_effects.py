"""What prices do to the sales of other products, and competitors' prices to ours: learned, stored, and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import transaction

from django_ecomai.conf import ecomai
from django_ecomai.core.upsert import rows_upsert
from django_ecomai.forecast.days import day_date, local_days, midnight, period_days, period_numbers
from django_ecomai.forecast.selectors import forecast_days
from django_ecomai.mirror.columns import of_products
from django_ecomai.mirror.models import Product

from .facts import Facts, in_parts
from .market import sure_matches
from .models import CompetitorPrice, CrossEffect, ProductElasticity
from .services.competitors_doubts import is_far
from .tax import NONE, tax_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from django_ecomai.ml.pricing.cross import CrossPrices, PairPrices
    from django_ecomai.ml.pricing.optimise import Aside

Kind = CrossEffect.Kind
#: Product, kind, other product or None, effect, deviation, lowest, highest, reason.
Effect = tuple[int, str, int | None, float | None, float | None, float | None, float | None, str]
#: Rows that are written at once.
WRITE = 5_000


def rivals_weekly(
    *, channel: str, products: NDArray[np.int64], currencies: Sequence[str], periods: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """Logarithm [n, T] of the lowest price that competitors asked at the end of each week, in the product's currency;
    NaN where none is known or only what must be a mistake (``is_far`` from the usual one of that offer, or from ours),
    None where no offer is accepted for any of these products. A price holds until the next."""
    known = sure_matches(channel=channel).filter(offer__competitor__is_simulated=False)
    asked = set(products.tolist())
    pairs = of_products(known, asked).values_list("offer_id", "product_id", "offer__observed_at", "product__price")
    offers = {offer: (product, seen, own) for offer, product, seen, own in pairs if product in asked}
    if not offers:
        return None
    place = {pk: row for row, pk in enumerate(products.tolist())}
    ends = np.array([midnight(day_date(int(one))).timestamp() for one in period_days(periods + 1, "W")])
    found = np.full((len(products), len(periods)), np.inf)
    history: dict[int, list[tuple[datetime, Decimal | None]]] = {}
    for part in in_parts(sorted(offers)):
        rows = CompetitorPrice.objects.filter(offer__in=part).order_by("observed_at", "pk")
        for offer, at, price, currency, there in rows.values_list(
            "offer_id", "observed_at", "price", "currency", "available"
        ):
            own = currencies[place[offers[offer][0]]]
            fits = currency in ("", own) and there is not False
            history.setdefault(offer, []).append((at, price if fits and price else None))
    for offer, points in history.items():
        product, seen, own_price = offers[offer]
        usual = median([price for _at, price in points if price is not None] or [Decimal(0)])
        moments = np.array([at.timestamp() for at, _price in points])
        asked_then = np.array(
            [
                np.inf if price is None or is_far(price, usual) or is_far(price, own_price) else float(price)
                for _at, price in points
            ]
        )
        last = np.searchsorted(moments, ends, side="right") - 1
        # what nobody has looked at since says nothing
        until = int(period_numbers(local_days(np.array([seen.timestamp()])), "W")[0])
        here = (last >= 0) & (periods <= until)
        row = place[product]
        found[row] = np.minimum(found[row], np.where(here, asked_then[last.clip(min=0)], np.inf))
    return np.where(np.isfinite(found), np.log(np.where(np.isfinite(found), found, 1.0)), np.nan)


def effects_of_pairs(pairs: PairPrices, products: NDArray[np.int64], named: NDArray[np.bool_]) -> list[Effect]:
    """Rows to store of products [n] by their keys; those without a category (not ``named``) are nobody's neighbours."""
    found: list[Effect] = []
    columns = (pairs.product, pairs.other, pairs.elasticity, pairs.sd, pairs.low, pairs.high, pairs.reason)
    for product, other, *numbers, reason in zip(*(one.tolist() for one in columns), strict=True):
        if named[product]:
            values = [None] * 4 if reason == "price_never_varied" else numbers
            found.append((int(products[product]), Kind.PRODUCT, int(products[other]), *values, reason))
    silent = np.flatnonzero(pairs.top & named & (pairs.why != "")).tolist()
    nothing = (None, None, None, None, None)
    return found + [(int(products[row]), str(Kind.PRODUCT), *nothing, str(pairs.why[row])) for row in silent]


def effects_of_rivals(
    rivals: CrossPrices, products: NDArray[np.int64], category: NDArray[np.int64], seen: NDArray[np.bool_]
) -> list[Effect]:
    """Rows to store of the products [n] for which competitors' prices were ``seen``: what their category says."""
    found: list[Effect] = []
    for row in np.flatnonzero(seen).tolist():
        at = int(category[row])
        reason = str(rivals.reason[at])
        numbers = [float(one[at]) for one in (rivals.elasticity, rivals.sd, rivals.low, rivals.high)]
        if not reason and numbers[2] <= 0:
            reason = "not_told_from_none"
        values = numbers if np.isfinite(numbers).all() else [None] * 4
        found.append((int(products[row]), Kind.COMPETITOR, None, *values, reason))
    return found


def effects_store(*, channel: str, effects: Sequence[Effect], now: datetime) -> None:
    """In place of those of the last run, some thousand products at a time: in no transaction for long."""
    names = ("product", "kind", "other", "elasticity", "sd", "low", "high", "reason")
    ordered = sorted(effects, key=lambda one: one[0])
    old = CrossEffect.objects.filter(channel=channel)
    begin = after = 0
    while begin < len(ordered):
        end = min(begin + WRITE, len(ordered))
        while end < len(ordered) and ordered[end][0] == ordered[end - 1][0]:
            end += 1  # all of a product
        some = ordered[begin:end]
        columns: dict[str, list[Any]] = {name: [one[at] for one in some] for at, name in enumerate(names)}
        with transaction.atomic():
            old.filter(product_id__gt=after, product_id__lte=some[-1][0]).delete()
            rows_upsert(CrossEffect, {**columns, "channel": [channel] * len(some), "made_at": [now] * len(some)})
        begin, after = end, some[-1][0]
    old.filter(product_id__gt=after).delete()


@dataclass(slots=True)
class Neighbour:
    """A product whose sales answer to the price of another: what a piece leaves (net) and how many are expected."""

    product: int
    elasticity: float
    sd: float
    low: float
    high: float
    left: float
    units: float


@dataclass(eq=False)
class Neighbours:
    """Those of the products of a part, by product key, and the same for the search."""

    of: Mapping[int, list[Neighbour]] = field(default_factory=dict)

    def aside(self, facts: Sequence[Facts]) -> Aside | None:
        """[n, k]; in what shoppers pay, as profits are there."""
        from django_ecomai.ml.pricing.optimise import Aside

        most = max((len(each) for each in self.of.values()), default=0)
        if not most:
            return None
        found = Aside(*(np.zeros((len(facts), most)) for _ in range(3)))
        for row, one in enumerate(facts):
            for at, other in enumerate(self.of.get(one.pk, ())):
                found.worth[row, at] = other.left * other.units * float(1 + one.tax)
                found.power[row, at], found.sd[row, at] = other.elasticity, other.sd
        return found

    def told(self, facts: Facts, price: float) -> dict[str, Any]:
        """As a row keeps it, at a new price; empty where nothing is known."""
        each = self.of.get(facts.pk, [])
        if not each or not facts.price:
            return {}
        log = float(np.log(price / float(facts.price)))
        rows, sd = [], 0.0
        for one in each:
            units = one.units * float(np.expm1(one.elasticity * log))
            sd += (one.left * (one.units + units) * log * one.sd) ** 2
            rows.append(
                {
                    "product": one.product, "elasticity": round(one.elasticity, 4), "low": round(one.low, 4),
                    "high": round(one.high, 4), "units": round(units, 3), "profit": round(one.left * units, 4),
                }
            )  # fmt: skip
        profit = sum(row["profit"] for row in rows)
        wide = 1.96 * float(np.sqrt(sd))
        return {
            "profit": round(profit, 4), "low": round(profit - wide, 4), "high": round(profit + wide, 4),
            "products": rows,
        }  # fmt: skip


def neighbours(*, channel: str, facts: Sequence[Facts], horizon: NDArray[np.int64], start: Any) -> Neighbours:
    """Who is on sale and answers to the prices of these products, as far as that is certain enough to be counted; a
    fixed number of queries. Nobody gains whose stock does not last anyway, or whose cost is not known."""
    mine = {one.pk: (one, int(days)) for one, days in zip(facts, horizon.tolist(), strict=True)}
    rows = of_products(CrossEffect.objects.filter(channel=channel, reason="", kind=Kind.PRODUCT), mine, "other_id")
    columns = ("product_id", "other_id", "elasticity", "sd", "low", "high")
    effects = [row for row in rows.order_by("pk").values_list(*columns) if row[1] in mine]
    if not effects:
        return Neighbours()
    known = _others(channel, sorted({row[0] for row in effects}))
    days = sorted(known)
    ahead = forecast_days(channel=channel, product_ids=days, days=int(horizon.max()), start=start)
    rates = dict(of_products(ProductElasticity.objects.all(), days).values_list("product_id", "rate"))
    place = {pk: row for row, pk in enumerate(days)}
    found: dict[int, list[Neighbour]] = {}
    for product, other, elasticity, sd, low, high in effects:
        one, until = mine[other]
        if product not in known or known[product][0] != one.currency:
            continue
        _currency, left, stock = known[product]
        at = place[product]
        units = float(ahead.mean[at, :until].sum()) if ahead.has_forecast[at] else rates.get(product, 0.0) * until / 7
        if units > 0 and (stock is None or stock > units):
            found.setdefault(other, []).append(Neighbour(product, elasticity, sd, low, high, left, units))
    return Neighbours(found)


def _others(channel: str, products: list[int]) -> dict[int, tuple[str, float, float | None]]:
    """Currency, what a piece leaves without tax, and stock of products on sale with a price and a cost."""
    found = {}
    for part in in_parts(products):
        rows = Product.objects.filter(channel=channel, pk__in=part, is_active=True, removed_at=None, cost__isnull=False)
        columns = ("pk", "currency", "price", "cost", "stock", "attributes", "parent__attributes")
        for pk, currency, price, cost, stock, own, above in rows.filter(price__gt=0).values_list(*columns):
            tax = tax_of({**(above or {}), **(own or {})}) or NONE
            left = float(price / (1 + tax) - cost)
            found[pk] = (currency or ecomai.CURRENCY, left, None if stock is None else float(stock))
    return found
