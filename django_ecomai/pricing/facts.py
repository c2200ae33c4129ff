"""What is known of products when their prices are worked out: a fixed number of queries per part of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
from django.apps import apps
from django.db.models import F, Max, Q, QuerySet, Sum
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import is_naive

from django_ecomai.conf import ecomai
from django_ecomai.forecast.days import local_date
from django_ecomai.mirror.columns import KEYS_CHUNK, of_products, price_columns
from django_ecomai.mirror.models import Product, StockPoint

from .market import MarketPosition, market_positions
from .models import PriceChange, PriceTest
from .tax import NONE, tax_of

COLUMNS = (
    "pk", "external_id", "title", "parent_id", "price", "list_price", "cost", "currency", "stock",
    "category_external_ids", "brand", "attributes", "created_at",
)  # fmt: skip
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
#: Seconds between what a change and the copy call the moment of the same change.
SAME = 60


@dataclass(slots=True)
class Facts:
    """One product. ``price_day_ago`` and so on are what it cost then, None where nobody knows; prices hold
    ``tax`` (a share of the net price), ``cost`` does not; ``codes``: what is wrong with it (see ``held.REASONS``)."""

    pk: int
    external_id: str
    title: str
    parent: int | None
    price: Decimal | None
    list_price: Decimal | None
    cost: Decimal | None
    currency: str
    stock: float | None
    categories: tuple[str, ...]
    brand: str
    attributes: dict[str, Any]
    since: date | None
    price_day_ago: Decimal | None = None
    price_week_ago: Decimal | None = None
    price_year_ago: Decimal | None = None
    market: MarketPosition | None = None
    arrivals: list[tuple[date, float]] = field(default_factory=list)  # pieces on order, by the day they are expected
    shelf_life: int | None = None  # days
    codes: list[str] = field(default_factory=list)
    tax: Decimal = NONE
    parent_title: str = ""
    varied: frozenset[str] = frozenset()  # attributes in which the variants of its parent differ

    @property
    def cost_taxed(self) -> Decimal | None:
        """The cost with the tax that the price holds: what can be compared with prices."""
        return None if self.cost is None else self.cost * (1 + self.tax)

    @property
    def margin(self) -> float | None:
        """Share of the net price that is left over cost."""
        cost = self.cost_taxed
        if not self.price or cost is None:
            return None
        return float((self.price - cost) / self.price)


def attributes_merged(parent: Any, own: Any) -> dict[str, Any]:
    """Attributes of a variant: its own, and those of its parent that it does not name itself."""
    found: dict[str, Any] = dict(parent) if isinstance(parent, dict) else {}
    if isinstance(own, dict):
        found |= {name: value for name, value in own.items() if name not in found or value not in (None, "", [])}
    return found


def values_of(attributes: dict[str, Any], name: str) -> set[str]:
    """What an attribute holds: one value, or several in a list."""
    held = attributes.get(name)
    return {str(one) for one in (held if isinstance(held, list | tuple) else [held]) if one not in (None, "")}


def on_sale(*, channel: str = "") -> QuerySet[Product]:
    """The products that prices are worked out for."""
    return Product.objects.filter(channel=channel, is_active=True, is_service=False, removed_at=None)


def having(rows: QuerySet[Product], names: Iterable[str]) -> QuerySet[Product]:
    """Of products those that may have one of the attributes, of their own or from their parent."""
    asked = sorted(set(names))
    if any('"' in name or "\\" in name for name in asked):
        return rows  # SQLite does not find a name with a quotation mark in it by its path.
    has = Q()
    for name in asked:
        has |= Q(attributes__has_key=name) | Q(parent__attributes__has_key=name)
    return rows.filter(has)


def in_parts(keys: Iterable[Any]) -> Iterator[list[Any]]:
    """As many keys at once as every database takes."""
    known = list(keys)
    for start in range(0, len(known), KEYS_CHUNK):
        yield known[start : start + KEYS_CHUNK]


def product_facts(
    *, channel: str, product_ids: Sequence[int], at: datetime, horizon_days: int, stock_ages: bool = False
) -> list[Facts]:
    """Facts of products in the order of ``product_ids``; those that are not on sale are left out."""
    found: dict[int, Facts] = {}
    asked = set(product_ids)
    for row in of_products(on_sale(channel=channel), asked, "pk").values_list(*COLUMNS).iterator(chunk_size=2000):
        pk, ident, title, parent, price, list_price, cost, currency, stock, keys, brand, attributes, created = row
        if pk in asked:
            found[pk] = Facts(
                pk, ident, title, parent, price, list_price, cost, currency or ecomai.CURRENCY,
                None if stock is None else float(stock), tuple(str(key) for key in keys or ()), brand,
                attributes if isinstance(attributes, dict) else {}, None if created is None else local_date(created),
            )  # fmt: skip
    _parents(found, channel)
    for one in found.values():
        one.tax = tax_of(one.attributes) or NONE
    _offers(found, channel)
    _past_prices(found, channel, at)
    if stock_ages:
        _sold_out_last(found)
    _under_way(found, channel, local_date(at), horizon_days)
    running = of_products(PriceTest.objects.filter(state=PriceTest.State.RUNNING), found)
    for pk in running.values_list("product_id", flat=True):
        if pk in found:
            found[pk].codes.append("in_test")
    for pk, market in market_positions(channel=channel, product_ids=list(found)).items():
        if pk in found and market.currency == found[pk].currency:
            found[pk].market = market
    return [found[pk] for pk in product_ids if pk in found]


def _parents(found: dict[int, Facts], channel: str) -> None:
    """What a variant does not say itself, it has from its parent: categories, brand, attributes."""
    wanted = {one.parent for one in found.values() if one.parent is not None}
    known: dict[int, tuple[tuple[str, ...], str, Any, str]] = {}
    columns = ("pk", "category_external_ids", "brand", "attributes", "title")
    variants: dict[int, list[Any]] = {}
    for part in in_parts(sorted(wanted)):
        for pk, keys, brand, attributes, title in Product.objects.filter(pk__in=part).values_list(*columns):
            known[pk] = (tuple(str(key) for key in keys or ()), brand, attributes, title)
        siblings = on_sale(channel=channel).filter(parent__in=part)
        for above, own in siblings.values_list("parent_id", "attributes").iterator(chunk_size=2000):
            if above is not None:
                variants.setdefault(above, []).append(own)
    varied = {pk: _varied(known[pk][2], each) for pk, each in variants.items() if pk in known}
    for one in found.values():
        if one.parent in known:
            categories, brand, attributes, one.parent_title = known[one.parent]
            one.categories, one.brand = one.categories or categories, one.brand or brand
            one.attributes = attributes_merged(attributes, one.attributes)
            one.varied = varied.get(one.parent, one.varied)


def _varied(parent: Any, variants: Sequence[Any]) -> frozenset[str]:
    """Names of the attributes that are not the same for all variants of a parent."""
    first, *others = (attributes_merged(parent, own) for own in variants)
    return frozenset(
        name for other in others for name in first.keys() | other.keys()
        if values_of(first, name) != values_of(other, name)
    )  # fmt: skip


def _offers(found: dict[int, Facts], channel: str) -> None:
    """Shelf lives, and where the catalogue knows no cost, that of the supplier's offer, if it is in the product's
    currency."""
    if not apps.is_installed("django_ecomai.inventory"):
        return
    from django_ecomai.inventory.offers import cost_currency, offers_preferred

    for part in in_parts(found):
        for pk, offer in offers_preferred(channel=channel, product_ids=part).items():
            one = found[pk]
            one.shelf_life = offer.shelf_life_days
            if one.cost is not None or offer.cost is None:
                continue
            if cost_currency(offer, one.currency) != one.currency:
                one.codes.append("cost_currency")
            else:
                one.cost = offer.cost


def _past_prices(found: dict[int, Facts], channel: str, at: datetime) -> None:
    """The price of a day, a week and a year ago, in the currency of today's; of what was not known by then the oldest
    price that is known."""
    moments = {
        name: at - timedelta(days=days)
        for name, days in (("price_day_ago", 1), ("price_week_ago", 7), ("price_year_ago", 365))
    }
    by_currency: dict[str, list[int]] = {}
    oldest: dict[int, tuple[float, float]] = {}
    for pk, one in found.items():
        by_currency.setdefault(one.currency, []).append(pk)
    for currency, pks in by_currency.items():
        history = price_columns(channel=channel, products=pks, currencies=["", currency])
        wanted = set(pks)
        new = np.diff(history.product, prepend=-1) != 0  # by product, then by time
        times, prices = history.at[new].tolist(), history.price[new].tolist()
        oldest |= dict(zip(history.product[new].tolist(), zip(times, prices, strict=True), strict=True))
        for name, moment in moments.items():
            before = history.at <= moment.timestamp()
            whose = history.product[before]
            last = np.diff(whose, append=-1) != 0
            for pk, price in zip(whose[last].tolist(), history.price[before][last].tolist(), strict=True):
                if pk in wanted:
                    setattr(found[pk], name, Decimal(str(round(price, 4))))
    # What was applied here counts even where the copy has no history yet: until the first change after a moment there
    # was the price that it replaced.
    applied = of_products(PriceChange.objects.filter(at__gt=moments["price_week_ago"]).order_by("at", "pk"), found)
    for pk, when, price, currency in applied.values_list("product_id", "at", "old_price", "currency"):
        for name, moment in moments.items():
            if (
                pk in found
                and currency in ("", found[pk].currency)
                and when > moment
                and getattr(found[pk], name) is None
            ):
                seen, amount = oldest.get(pk, (when.timestamp(), 0.0))
                later = seen > when.timestamp() - SAME
                setattr(found[pk], name, price if later else Decimal(str(round(amount, 4))))
    for pk, (_seen, amount) in oldest.items():
        for name in moments:
            if pk in found and getattr(found[pk], name) is None:
                setattr(found[pk], name, Decimal(str(round(amount, 4))))


def _sold_out_last(found: dict[int, Facts]) -> None:
    """What was sold out counts from then on."""
    for part in in_parts(found):
        rows = StockPoint.objects.filter(product__in=part, quantity__lte=0)
        for pk, moment in rows.order_by().values_list("product_id").annotate(at=Max("valid_from")):
            day, known = local_date(moment), found[pk].since
            found[pk].since = day if known is None else max(known, day)


def _under_way(found: dict[int, Facts], channel: str, today: date, days: int) -> None:
    """Pieces that are ordered and expected within so many days, from today on; nobody knows when those come that are
    overdue or have no date."""
    if not apps.is_installed("django_ecomai.inventory"):
        return
    from django_ecomai.inventory.models import PurchaseOrderLine
    from django_ecomai.inventory.positions import OPEN_ORDERS

    lines = PurchaseOrderLine.objects.filter(
        order__channel=channel, order__status__in=OPEN_ORDERS, quantity__gt=F("received"),
        order__expected_on__gte=today, order__expected_on__lt=today + timedelta(days=days),
    )  # fmt: skip
    for part in in_parts(pk for pk, one in found.items() if one.stock is not None):
        rows = lines.filter(product__in=part).values_list("product_id", "order__expected_on")
        for pk, due, pieces in rows.annotate(pieces=Sum(F("quantity") - F("received"))).order_by("order__expected_on"):
            found[pk].arrivals.append((due, float(pieces)))


def attribute_number(value: Any) -> Decimal | None:
    """An amount out of an attribute, None where it is no number above 0."""
    try:
        number = Decimal(str(value).strip())
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() and number > 0 else None


def attribute_date(value: Any) -> date | None:
    """A day out of an attribute, written as in ISO 8601; of a moment its day in the shop's time zone. None: no date."""
    text = str(value).strip()
    if not _DAY.match(text):  # Python reads other numbers as dates, too
        return None
    try:
        moment = parse_datetime(text)
        if moment is not None and not is_naive(moment):
            return local_date(moment)
        return parse_date(text[:10]) if moment is not None else parse_date(text)
    except ValueError:  # well written, but there is no such day
        return None
