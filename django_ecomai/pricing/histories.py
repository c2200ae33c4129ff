"""Price histories of products from the mirror, as ``omnibus`` reads them, in a fixed number of queries."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from django.db.models import Exists, F, Max, OuterRef, Q

from django_ecomai.conf import ecomai
from django_ecomai.mirror.models import Category, PricePoint, Product, Promotion

from .omnibus import Offer, Step


@dataclass(slots=True)
class History:
    """One product's prices in its present currency, and the promotions that cover it.

    ``missed``: the history does not have today's price, which stands from now on until somebody tells since when.
    ``cut``: promotions that had ended by then are left out; ``None``: none is.
    """

    product_id: int
    channel: str
    currency: str
    steps: list[Step] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    missed: bool = False
    cut: datetime | None = None


def histories(
    *, products: Sequence[int], now: datetime, since: Mapping[int, datetime] | None = None
) -> dict[int, History]:
    """By product key; six queries, seven with ``since``. A product without a currency has that of its last price that
    has one, else that of the shop, and a price without one that of its product; a price in another one ends the price
    before, and is none.

    The shop's own history often has no list prices: where it has none for a product, that is "not told", see ``Step``.
    Where the product's row says another price than its history (a price of ``update()`` that a sync has just found),
    today's stands from ``now`` on. ``since``: per product, promotions that ended before are left out.
    """
    columns = ("pk", "channel", "currency", "price", "list_price")
    found, today = {}, {}
    for pk, channel, currency, price, listed in Product.objects.filter(pk__in=products).values_list(*columns):
        found[pk] = History(pk, channel, currency)
        today[pk] = (price, listed)
    rows = PricePoint.objects.filter(product_id__in=found).order_by("valid_from", "pk")
    points = list(rows.values_list("product_id", "valid_from", "price", "list_price", "currency", "source"))
    told = {pk: currency for pk, _at, _price, _listed, currency, _source in points if currency}
    for pk, history in found.items():
        history.currency = history.currency or told.get(pk) or ecomai.CURRENCY
    of_shop: dict[int, list[int]] = {}
    for pk, at, price, listed, currency, source in points:
        steps = found[pk].steps
        if currency not in ("", found[pk].currency):
            steps.append(Step(at, None))
            continue
        if source == "shop":
            of_shop.setdefault(pk, []).append(len(steps))
        steps.append(Step(at, price, listed))
    for pk, places in of_shop.items():
        steps = found[pk].steps
        if all(steps[place].list_price is None for place in places):
            for place in places:
                steps[place] = replace(steps[place], told=False)
    for pk, history in found.items():
        _today_add(history, *today[pk], now)
    for channel in {history.channel for history in found.values()}:
        _offers_add(channel, {pk: one for pk, one in found.items() if one.channel == channel}, since or {})
    return found


def _today_add(history: History, price: Decimal | None, listed: Decimal | None, now: datetime) -> None:
    past = [step for step in history.steps if step.at <= now]
    last = past[-1] if past else None
    if price is None or (last is not None and last.told and (last.price, last.list_price) == (price, listed)):
        return
    history.missed = last is None or last.price != price or last.told
    history.steps.append(Step(now, price, listed))
    history.steps.sort(key=lambda step: step.at)


def _offers_add(channel: str, found: Mapping[int, History], since: Mapping[int, datetime]) -> None:
    """Price reductions of the shop; one without products and categories covers all."""
    rows = Promotion.objects.filter(channel=channel, removed_at=None, kind=Promotion.Kind.DISCOUNT)
    before = None
    if found.keys() <= since.keys():
        # Of what all leave out, only when the last of it ended is read.
        least = min(since[pk] for pk in found)
        over = rows.filter(ends_at__lt=least, ends_at__gt=F("starts_at"))
        before = over.aggregate(at=Max("ends_at"))["at"]
        rows = rows.filter(Q(ends_at__gte=least) | Q(ends_at=None))
    columns = ("pk", "starts_at", "ends_at", "percent", "amount")
    offers = {pk: Offer(*told) for pk, *told in rows.values_list(*columns)}
    offers = {pk: one for pk, one in offers.items() if one.ends is None or one.ends > one.starts}
    past = sorted((one.ends, pk) for pk, one in offers.items() if one.ends is not None)
    ends = [at for at, _pk in past]
    # Which promotion is the last that a product's history leaves out; nothing is read of what all leave out.
    left = {pk: bisect_left(ends, since[pk]) if pk in since else 0 for pk in found}
    for pk, number in left.items():
        found[pk].cut = ends[number - 1] if number else before
    nobody = min(left.values(), default=0)
    lately = {pk: offers[pk] for _at, pk in past[nobody:]} | {pk: one for pk, one in offers.items() if one.ends is None}
    if not lately:
        return
    narrow = narrow_promotions(lately)
    covered: dict[int, set[int]] = {pk: set() for pk in narrow}
    through = Promotion.products.through.objects.filter(promotion_id__in=narrow)
    for promotion, product in through.filter(product_id__in=found).values_list("promotion_id", "product_id"):
        covered[promotion].add(product)
    in_category = categories_above(channel, found)
    links = Promotion.categories.through.objects.filter(promotion_id__in=narrow)
    for promotion, category in links.values_list("promotion_id", "category_id"):
        covered[promotion] |= {pk for pk, categories in in_category.items() if category in categories}
    for pk, one in lately.items():
        for product in covered[pk] if pk in narrow else found:
            history = found[product]
            if history.cut is None or one.ends is None or one.ends > history.cut:
                history.offers.append(one)


def narrow_promotions(promotions: Iterable[int]) -> set[int]:
    """Those that name products or categories: the others cover all. One query that looks at one link of each."""
    products = Promotion.products.through.objects.filter(promotion_id=OuterRef("pk"))
    categories = Promotion.categories.through.objects.filter(promotion_id=OuterRef("pk"))
    rows = Promotion.objects.filter(Exists(products) | Exists(categories), pk__in=list(promotions))
    return set(rows.values_list("pk", flat=True))


def categories_above(channel: str, products: Iterable[int]) -> dict[int, set[int]]:
    """The categories of products with all above them; two queries."""
    parents = dict(Category.objects.filter(channel=channel).values_list("pk", "parent_id"))
    found: dict[int, set[int]] = {}
    links = Product.categories.through.objects.filter(product_id__in=list(products))
    for product, leaf in links.values_list("product_id", "category_id"):
        category: int | None = leaf
        seen = found.setdefault(product, set())
        while category is not None and category not in seen:
            seen.add(category)
            category = parents.get(category)
    return found


def ever_reduced(*, products: Sequence[int]) -> set[int]:
    """Of these products those that may have been reduced: the others need no look at their history. Two queries."""
    listed = PricePoint.objects.filter(product=OuterRef("product"), list_price__isnull=False)
    untold = Q(source="shop", list_price=None) & Exists(listed)
    below = PricePoint.objects.filter(Q(list_price__gt=F("price")) | untold, product_id__in=products)
    found = set(below.values_list("product_id", flat=True).distinct())
    now = Product.objects.filter(pk__in=products, list_price__gt=F("price"))
    return found | set(now.values_list("pk", flat=True))
