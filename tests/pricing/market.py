"""Competitors, their offers and matches for tests: all arguments have defaults."""

from __future__ import annotations

import itertools
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.models import Competitor, CompetitorMatch, CompetitorOffer, CompetitorPrice
from django_ecomai.testing import product_make

_numbers = itertools.count(1)


def competitor_make(**fields: Any) -> Competitor:
    """A competitor who asks euros."""
    number = next(_numbers)
    return Competitor.objects.create(
        **{"code": f"C{number}", "name": f"Competitor {number}", "currency": "EUR", **fields}
    )


def offer_make(competitor: Competitor | None = None, *, days_ago: float = 0, **fields: Any) -> CompetitorOffer:
    """An offer at 8 euros, seen now unless ``days_ago`` says otherwise."""
    number = next(_numbers)
    return CompetitorOffer.objects.create(
        competitor=competitor or competitor_make(),
        **{
            "external_id": f"o{number}",
            "title": f"Offer {number}",
            "price": Decimal(8),
            "currency": "EUR",
            "observed_at": timezone.now() - timedelta(days=days_ago),
            **fields,
        },
    )


def match_make(product: Product | None = None, offer: CompetitorOffer | None = None, **fields: Any) -> CompetitorMatch:
    """An accepted match, by EAN, of a product at 10 euros."""
    return CompetitorMatch.objects.create(
        product=product or product_make(price="10.00"),
        offer=offer or offer_make(),
        **{"state": "accepted", "method": "ean", "confidence": 1.0, **fields},
    )


def point_make(offer: CompetitorOffer, days_ago: float, price: Any, *, available: bool | None = None) -> None:
    """A price of the past."""
    CompetitorPrice.objects.create(
        offer=offer,
        observed_at=timezone.now() - timedelta(days=days_ago),
        price=None if price is None else Decimal(str(price)),
        currency=offer.currency,
        available=available,
    )
