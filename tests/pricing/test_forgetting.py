"""What nobody looks at any more is deleted; what is undecided, on its way or still asked for is not."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from django_ecomai.pricing import forgetting
from django_ecomai.pricing.forgetting import competitor_prices_prune, proposals_prune
from django_ecomai.pricing.models import CompetitorPrice, PriceChange, PriceProposal

from .factories import priced_product, proposal_make
from .market import offer_make

pytestmark = pytest.mark.django_db


def days_ago(days: int) -> Any:
    return timezone.now() - timedelta(days=days)


def test_a_decided_proposal_goes_after_three_years_and_what_was_done_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "KEYS_CHUNK", 2)
    old = days_ago(1096)
    for state in PriceProposal.State.values:
        undecided = state in PriceProposal.UNDECIDED
        product = priced_product(external_id=state)
        proposal_make(
            product, state=state, made_at=old, decided_at=None if undecided else old,
            undecided=product.pk if undecided else None,
        )  # fmt: skip
    young = proposal_make(priced_product(external_id="young"), state="applied", made_at=old, decided_at=days_ago(1094))
    applied = PriceProposal.objects.get(state="applied", decided_at=old)
    change = PriceChange.objects.create(
        product=applied.product, proposal=applied, at=old, old_price=10, new_price=11, currency="EUR"
    )
    assert proposals_prune() == 5
    left = set(PriceProposal.objects.exclude(pk=young.pk).values_list("state", flat=True))
    assert left == {"open", "held", "approved", "scheduled", "writing"}
    assert PriceProposal.objects.filter(pk=young.pk).exists()
    change.refresh_from_db()
    assert (change.proposal, change.new_price) == (None, Decimal(11))
    assert proposals_prune() == 0


def test_what_elasticities_are_learned_from_is_kept(ecomai_setting: Any) -> None:
    ecomai_setting(PRICING_RETENTION_DAYS=30, PRICING_HISTORY_WEEKS=10)
    for days in (69, 71):
        proposal_make(state="rejected", made_at=days_ago(days), decided_at=days_ago(days))
    assert proposals_prune() == 1


def test_of_a_competitors_old_prices_the_one_that_held_then_stays() -> None:
    """A row is written when a price changes: the last one before that day may be the price of today."""
    steady, moved = offer_make(external_id="steady"), offer_make(external_id="moved")
    CompetitorPrice.objects.all().delete()
    for offer, days, price in (
        (steady, 1500, 5), (moved, 1500, 5), (moved, 1400, 6), (moved, 1200, 7), (moved, 100, 8),
    ):  # fmt: skip
        CompetitorPrice.objects.create(offer=offer, observed_at=days_ago(days), price=price, currency="EUR")
    assert competitor_prices_prune() == 2
    left = CompetitorPrice.objects.order_by("offer__external_id", "observed_at")
    assert list(left.values_list("offer__external_id", "price")) == [("moved", 7), ("moved", 8), ("steady", 5)]
