"""Prices of competitors that are held to be mistakes: shown with the reason, and used for nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from statistics import median

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from django_ecomai.pricing.models import CompetitorMatch, CompetitorOffer, CompetitorPrice

#: A price so many times another, or that part of it, is taken for a mistake: a slipped comma, a pack of a dozen.
TIMES = 5
#: Unless the competitor has asked for it so long without a break.
SETTLED = timedelta(days=30)
#: So many prices before say what is usual.
USUAL = 12
#: And so many are looked at: what was doubted in between does not count.
PAST = 5 * USUAL
_CHUNK = 500

Doubt = CompetitorOffer.Doubt


def is_far(one: Decimal | None, other: Decimal | None) -> bool:
    """Whether two prices cannot be of the same thing; unknown ones are not."""
    if not one or not other:
        return False
    return max(one, other) >= TIMES * min(one, other)


def doubts_renew(*, offers: Iterable[CompetitorOffer]) -> dict[int, str]:
    """Judge offers by their own past and by the price of their product, and store it; the reason of each doubted one by
    its key. Three queries for 500 offers, of which no more are held at a time; their last 60 prices each."""
    every, found = iter(offers), {}
    lately = CompetitorPrice.objects.annotate(
        place=Window(RowNumber(), partition_by=F("offer"), order_by=F("observed_at").desc())
    )
    while chunk := list(islice(every, _CHUNK)):
        pks = [one.pk for one in chunk]
        past: dict[int, list[tuple[datetime, Decimal | None, str]]] = {}
        for pk, at, price, currency in (
            lately.filter(offer__in=pks, place__lte=PAST)
            .order_by("offer", "observed_at")
            .values_list("offer", "observed_at", "price", "currency")
        ):
            past.setdefault(pk, []).append((at, price, currency))
        product = {
            match.offer_id: match.product
            for match in CompetitorMatch.objects.filter(
                offer__in=pks, state=CompetitorMatch.State.ACCEPTED
            ).select_related("product")
        }
        changed: dict[str, list[int]] = {}
        for offer in chunk:
            own = product.get(offer.pk)
            doubt = Doubt.NONE
            if not offer.price:
                doubt = Doubt.NO_PRICE
            elif own is not None and own.currency and own.currency != offer.currency:
                doubt = Doubt.CURRENCY
            elif _jumps(offer, past.get(offer.pk, [])):
                doubt = Doubt.JUMP
            elif own is not None and is_far(offer.price, own.price):
                doubt = Doubt.FAR
            if doubt:
                found[offer.pk] = str(doubt.label)
            if offer.doubt != doubt:
                offer.doubt = doubt
                changed.setdefault(doubt, []).append(offer.pk)
        for doubt_now, keys in changed.items():
            CompetitorOffer.objects.filter(pk__in=keys).update(doubt=doubt_now)
    return found


def _jumps(offer: CompetitorOffer, past: list[tuple[datetime, Decimal | None, str]]) -> bool:
    """Whether the last price is far from what the offer usually costs, and new. Prices of the past that were far from
    those before them say nothing about what is usual, unless they stayed."""
    told = [(at, price) for at, price, currency in past if currency == offer.currency and price]
    if told and offer.price and told[-1][1] != offer.price:
        told.append((offer.observed_at, offer.price))
    ends = [*(at for at, _price in told[1:]), offer.observed_at]
    believed: list[Decimal] = []
    doubted = False
    for (at, price), end in zip(told, ends[: len(told)], strict=True):
        doubted = bool(believed) and is_far(price, median(believed[-USUAL:])) and end - at < SETTLED
        if not doubted:
            # a new level replaces what was usual before
            believed = [*believed, price] if not believed or not is_far(price, median(believed[-USUAL:])) else [price]
    return doubted
