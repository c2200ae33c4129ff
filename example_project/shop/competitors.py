"""Competitors of the example shop and what they ask. All of it is SIMULATED: nobody asks these prices.

The assumptions, in one place:

- Three competitors sell some of the 400 articles that sell most: shares and price levels are below. What one asks for
  an article is its level times our list price, times a lognormal whim per article of 8 %.
- Prices were looked at weekly for twelve weeks; one week in six an offer is reduced by 15 %, and one in twenty is sold
  out at the end.
- Two of them name our SKU as the maker's number, so that their offers are matched by it. The third names titles only,
  its words turned round and some left out: those wait in the review list.
- Five offers show what goes wrong: a price a hundred times off, one in dollars, one a year old, one of 0 and one that
  is none of our articles.
- The sample's orders are of 2011, but offers are seen today: what is older than two weeks is not used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from django.db import transaction
from django.utils import timezone

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.models import Competitor, CompetitorOffer, CompetitorPrice
from django_ecomai.pricing.services.competitors_doubts import doubts_renew
from django_ecomai.pricing.services.competitors_matching import matches_find
from example_project.shop.load import share
from example_project.shop.models import Product as ShopProduct

SEED, SOLD_MOST, WEEKS = 23, 400, 12
WHIM, REDUCED, REDUCTION, SOLD_OUT = 0.08, 1 / 6, Decimal("0.85"), 0.05


@dataclass(frozen=True)
class Assumed:
    """What is assumed of one competitor."""

    code: str
    name: str
    carries: float
    level: float
    tells_sku: bool


COMPETITORS = (
    Assumed("SIM-K", "Kettle & Wick", 0.5, 0.98, True),
    Assumed("SIM-M", "Market Lane Gifts", 0.4, 1.06, True),
    Assumed("SIM-P", "Parcel Cottage", 0.12, 0.95, False),
)


def competitors_simulated() -> bool:
    """Whether this was done."""
    return Competitor.objects.filter(is_simulated=True).exists()


def competitors_simulate() -> dict[str, int]:
    """Write competitors, offers and their history, and match them; returns how many of each."""
    dice, now = Random(SEED), timezone.now().replace(minute=0, second=0, microsecond=0)
    sold = dict(ShopProduct.objects.order_by("-times_ordered", "sku").values_list("sku", "times_ordered")[:SOLD_MOST])
    products = list(Product.objects.filter(external_id__in=list(sold), price__gt=0).order_by("external_id"))
    offers: list[CompetitorOffer] = []
    points: list[CompetitorPrice] = []
    with transaction.atomic():
        for one in COMPETITORS:
            competitor = Competitor.objects.create(
                code=one.code,
                name=one.name,
                currency="GBP",
                is_simulated=True,
                note=f"Simulated: asks {100 * one.level:g} % of our list price on average.",
            )
            carried = [product for product in products if share(product.external_id, one.code) < one.carries]
            offers += [_offer(one, competitor, product, now, dice, points) for product in carried]
        _mistakes(offers)
        CompetitorOffer.objects.bulk_create(offers, batch_size=1000)
        CompetitorPrice.objects.bulk_create(points, batch_size=1000)
        found = matches_find()
        doubts_renew(offers=offers)
    accepted = found.by_ean + found.by_sku + found.by_title
    return {"offers": len(offers), "prices": len(points), "matched": accepted, "to_review": found.proposed}


def _offer(
    one: Assumed, competitor: Competitor, product: Product, now: datetime, dice: Random, points: list[CompetitorPrice]
) -> CompetitorOffer:
    listed = float(product.list_price or product.price or 1)
    usual = Decimal(str(max(round(listed * one.level * math.exp(dice.gauss(0, WHIM)), 2), 0.05)))
    offer = CompetitorOffer(
        competitor=competitor,
        external_id=f"{one.code}-{product.external_id}",
        sku=product.sku if one.tells_sku else "",
        title=product.title.capitalize() if one.tells_sku else _reworded(product.title, dice),
        currency="GBP",
        observed_at=now,
    )
    asked: Decimal | None = None
    for week in range(WEEKS, -1, -1):
        price = (usual * REDUCTION).quantize(Decimal("0.01")) if dice.random() < REDUCED else usual
        available = week > 0 or dice.random() >= SOLD_OUT
        if price != asked or not available:
            seen = now - timedelta(weeks=week)
            points.append(
                CompetitorPrice(offer=offer, observed_at=seen, price=price, currency="GBP", available=available)
            )
        asked, offer.price, offer.available = price, price, available
    return offer


def _reworded(title: str, dice: Random) -> str:
    """The same words in another order; of long titles one is left out."""
    words = title.lower().split()
    if len(words) > 3:
        words.pop(dice.randrange(len(words)))
    cut = len(words) // 2
    return ", ".join(filter(None, [" ".join(words[cut:]), " ".join(words[:cut])])).capitalize()


def _mistakes(offers: list[CompetitorOffer]) -> None:
    """What a price watcher's file holds now and then."""
    slipped, dollars, old, free, other = offers[:5]
    slipped.price = (slipped.price or Decimal(1)) * 100
    dollars.currency = "USD"
    old.observed_at -= timedelta(days=365)
    free.price = None
    other.sku, other.title = "", "Garden shed with a red roof"
