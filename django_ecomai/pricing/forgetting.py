"""Decided proposals, drawn prices and old prices of competitors, which nobody looks at any more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from django_ecomai.conf import ecomai
from django_ecomai.forecast.days import local_date

from .facts import KEYS_CHUNK
from .models import CompetitorPrice, PriceDraw, PriceProposal

State = PriceProposal.State


def proposals_prune() -> int:
    """Delete proposals decided more than ``PRICING_RETENTION_DAYS`` ago; returns how many. What was done to prices in
    the shop (``PriceChange``) stays, and so does what nobody has decided or is not in the shop yet."""
    before = _before()
    ended = Q(decided_at__lt=before) | Q(decided_at=None, made_at__lt=before)
    rows = PriceProposal.objects.filter(ended, undecided=None)
    return _deleted(rows.exclude(state__in=(*PriceProposal.UNDECIDED, *PriceProposal.UNDER_WAY)))


def competitor_prices_prune() -> int:
    """Delete what competitors asked more than ``PRICING_RETENTION_DAYS`` ago, but for what each asked at that moment;
    returns how many."""
    before = _before()
    later = CompetitorPrice.objects.filter(
        offer=OuterRef("offer"), observed_at__gt=OuterRef("observed_at"), observed_at__lte=before
    )
    return _deleted(CompetitorPrice.objects.filter(Exists(later), observed_at__lt=before))


def draws_prune() -> int:
    """Delete prices drawn more than ``PRICING_RETENTION_DAYS`` ago; returns how many."""
    return _deleted(PriceDraw.objects.filter(day__lt=local_date(_before())))


def _before() -> datetime:
    # Elasticities and cross effects are learned from so many weeks.
    learned = timedelta(weeks=ecomai.PRICING_HISTORY_WEEKS)
    return timezone.now() - max(timedelta(days=ecomai.PRICING_RETENTION_DAYS), learned)


def _deleted(rows: QuerySet[Any]) -> int:
    """A part at a time, so that no statement holds its locks for long."""
    found = 0
    while pks := list(rows.order_by("pk").values_list("pk", flat=True)[:KEYS_CHUNK]):
        rows.model.objects.filter(pk__in=pks).delete()
        found += len(pks)
    return found


def register() -> None:
    """Called once from ``ready()``."""
    from django_ecomai.core.registry import prunes

    prunes.register("pricing.proposals", proposals_prune)
    prunes.register("pricing.draws", draws_prune)
    prunes.register("pricing.competitor prices", competitor_prices_prune)
