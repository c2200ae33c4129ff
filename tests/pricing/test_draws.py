"""What was drawn to learn is logged with its probability, the price of today too."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.draws import draws_keep
from django_ecomai.pricing.forgetting import draws_prune
from django_ecomai.pricing.models import PriceDraw, PriceProposal, PricingRule, ProductElasticity
from django_ecomai.pricing.services.propose import proposals_make

from .factories import priced_product, rule_make
from .shop import NOW
from .test_rules import known

pytestmark = pytest.mark.django_db
DAY = NOW.date()


def catalogue(number: int = 12) -> list[Product]:
    """Products that are alike and not well known, under a rule that learns by trying."""
    rule_make(action="profit", explore=True, step=Decimal(1))
    products = [known(-1.6) for _number in range(number)]
    ProductElasticity.objects.update(sd=0.6, made_at=NOW)
    return products


def test_a_draw_of_todays_price_is_no_proposal_and_is_logged() -> None:
    products = catalogue()
    proposals_make(now=NOW)
    draws = {one.product_id: one for one in PriceDraw.objects.all()}
    assert sorted(draws) == sorted(product.pk for product in products)
    kept = {pk for pk, one in draws.items() if one.price == one.old_price}
    proposed = {row.product_id: row for row in PriceProposal.objects.all()}
    assert kept and proposed and kept.isdisjoint(proposed) and len(kept) + len(proposed) == 12
    for pk, row in proposed.items():
        assert (draws[pk].old_price, draws[pk].price, draws[pk].propensity) == (10, row.new_price, row.propensity)
    # alike as they are, each price has one probability: those of all prices seen are no more than 1 only with today's
    chances = {one.price: one.propensity for one in draws.values()}
    assert all(one.propensity == chances[one.price] and one.day == DAY for one in draws.values())
    assert 0.8 < sum(chances.values()) <= 1


def test_of_a_day_there_is_one_draw_and_the_next_day_is_another() -> None:
    catalogue(3)
    proposals_make(now=NOW)
    first = list(PriceDraw.objects.values())
    proposals_make(now=NOW)
    assert list(PriceDraw.objects.values()) == first and len(first) == 3
    proposals_make(now=NOW + timedelta(days=1))
    assert PriceDraw.objects.filter(day=DAY + timedelta(days=1)).count() == 3


def test_a_dry_run_and_prices_that_were_not_drawn_are_not_logged() -> None:
    catalogue(3)
    proposals_make(now=NOW, dry_run=True)
    PricingRule.objects.update(explore=False)
    proposals_make(now=NOW)
    assert not PriceDraw.objects.exists()


def test_the_last_draw_of_a_day_counts() -> None:
    product = priced_product()
    for price in ("9.00", "9.50"):
        row = PriceProposal(product=product, old_price=Decimal(10), new_price=Decimal(price), propensity=0.25)
        draws_keep(rows=[row], day=DAY)
    assert list(PriceDraw.objects.values_list("day", "price", "propensity")) == [(DAY, Decimal("9.5"), 0.25)]


def test_old_draws_are_forgotten() -> None:
    product = priced_product()

    def draw(day: date) -> None:
        PriceDraw.objects.create(product=product, day=day, old_price=10, price=10, propensity=0.5)

    today = timezone.localdate()
    draw(today - timedelta(days=1100))
    draw(today - timedelta(days=1000))
    assert draws_prune() == 1
    assert PriceDraw.objects.get().day == today - timedelta(days=1000)
