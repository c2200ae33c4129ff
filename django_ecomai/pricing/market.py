"""Where the shop stands among its competitors: only what is fresh, certain, plausible and in its currency counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from django_ecomai.conf import ecomai
from django_ecomai.mirror.models import Product

from .models import CompetitorMatch, CompetitorOffer
from .services.competitors_doubts import is_far

#: Dearer than the median by more than this share is premium.
PREMIUM = Decimal("0.05")
_CHUNK = 5000


@dataclass(frozen=True)
class MarketPosition:
    """What others ask for a product now. ``offers`` counts the fresh, trusted ones in the product's currency that are
    not sold out; ``own`` is the shop's price; ``position`` is "cheapest" (nobody asks less), "premium" (more than 5 %
    above the median) or "average", empty where the shop has no price; ``observed_at`` is when the newest was seen."""

    currency: str
    lowest: Decimal
    median: Decimal
    highest: Decimal
    offers: int
    own: Decimal | None
    position: str
    observed_at: datetime
    simulated: bool = False


@dataclass
class CategoryPosition:
    """How many products of a category have which position; ``gap`` is the mean of own price over the median, less 1."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    gap: float = 0.0

    @property
    def products(self) -> int:
        """With a position."""
        return sum(self.counts.values())


def fresh_since(now: datetime | None = None) -> datetime:
    """What was seen before this is too old to be used."""
    return (now or timezone.now()) - timedelta(days=ecomai.PRICING_COMPETITOR_MAX_AGE_DAYS)


def trusted_matches(*, channel: str, product_ids: Sequence[int] | None = None) -> QuerySet[CompetitorMatch]:
    """Those ``sure_matches`` whose offer may be used now: seen lately, with a price that nobody doubts."""
    rows = sure_matches(channel=channel).filter(
        offer__observed_at__gte=fresh_since(),
        offer__price__gt=0,
        offer__doubt=CompetitorOffer.Doubt.NONE,
        product__removed_at=None,
    )
    return rows if product_ids is None else rows.filter(product__in=product_ids)


def sure_matches(*, channel: str) -> QuerySet[CompetitorMatch]:
    """Accepted matches with offers of competitors in use. What the search accepted counts only from
    ``PRICING_MATCH_ACCEPT`` on; what a person accepted always does."""
    sure = Q(decided_at__isnull=False) | Q(confidence__gte=ecomai.PRICING_MATCH_ACCEPT) | Q(method="manual")
    return CompetitorMatch.objects.filter(
        sure, state=CompetitorMatch.State.ACCEPTED, offer__competitor__channel=channel,
        offer__competitor__is_active=True,
    )  # fmt: skip


def usable(price: Decimal, currency: str, own: Decimal | None, own_currency: str) -> bool:
    """Whether an offer says something about a product as it stands now: its price may have changed since the doubts."""
    return currency == (own_currency or ecomai.CURRENCY) and not is_far(price, own)


def market_positions(*, channel: str, product_ids: Sequence[int]) -> dict[int, MarketPosition]:
    """Position of each product (its key) that a fresh, confident offer says something about; others are absent.

    One query for 5,000 products.
    """
    found: dict[int, MarketPosition] = {}
    ids = list(product_ids)
    for start in range(0, len(ids), _CHUNK):
        found |= _positions(trusted_matches(channel=channel, product_ids=ids[start : start + _CHUNK]))
    return found


def _positions(matches: QuerySet[CompetitorMatch]) -> dict[int, MarketPosition]:
    grouped: dict[int, dict[int, tuple[Any, ...]]] = {}
    for row in matches.exclude(offer__available=False).values_list(
        "product_id", "offer__competitor_id", "offer__price", "offer__currency", "offer__observed_at", "product__price",
        "product__currency", "offer__competitor__is_simulated",
    ):  # fmt: skip
        product, competitor, price, currency, _seen, own, own_currency, _simulated = row
        if price is None or not usable(price, currency, own, own_currency):
            continue
        # A competitor counts once, with what he asks at least: the same thing often stands in a shop twice.
        of_product = grouped.setdefault(product, {})
        if competitor not in of_product or price < of_product[competitor][0]:
            of_product[competitor] = row[2:]
    found = {}
    for product, lowest in grouped.items():
        rows = list(lowest.values())
        prices = sorted(row[0] for row in rows)
        own = rows[0][3]
        middle = median(prices)
        found[product] = MarketPosition(
            currency=rows[0][1],
            lowest=prices[0],
            median=middle,
            highest=prices[-1],
            offers=len(prices),
            own=own,
            position=position_of(own, prices[0], middle),
            observed_at=max(row[2] for row in rows),
            simulated=any(row[5] for row in rows),
        )
    return found


def position_of(own: Decimal | None, lowest: Decimal, middle: Decimal) -> str:
    """ "cheapest", "average" or "premium"; empty without a price."""
    if own is None:
        return ""
    if own <= lowest:
        return "cheapest"
    return "premium" if own > middle * (1 + PREMIUM) else "average"


def positions_now(*, channel: str) -> dict[int, MarketPosition]:
    """All positions by product; one query that reads every trusted offer."""
    return _positions(trusted_matches(channel=channel))


def positions_counted(positions: Mapping[int, MarketPosition]) -> Counter[str]:
    """How many products have which position, each counted once."""
    return Counter(one.position for one in positions.values() if one.position)


def category_positions(positions: Mapping[int, MarketPosition]) -> list[CategoryPosition]:
    """Per category how its products stand, largest first; products in several categories count in each."""
    rows: dict[str, CategoryPosition] = {}
    gaps: dict[str, list[float]] = {}
    ids, named = list(positions), []
    for start in range(0, len(ids), _CHUNK):
        some = Product.objects.filter(pk__in=ids[start : start + _CHUNK]).order_by()
        named += list(some.values_list("pk", "categories__name"))
    for product, name in named:
        position = positions[product]
        if not position.position or position.own is None:
            continue
        row = rows.setdefault(name or "", CategoryPosition(name or ""))
        row.counts[position.position] += 1
        gaps.setdefault(name or "", []).append(float(position.own / position.median) - 1)
    for name, row in rows.items():
        row.gap = sum(gaps[name]) / len(gaps[name])
    return sorted(rows.values(), key=lambda row: (-row.products, row.name))
