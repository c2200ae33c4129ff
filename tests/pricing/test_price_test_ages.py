"""Rules by stock age hold for a price test as for every other price: what was sold out is as old as since then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from django_ecomai.mirror.models import Product, StockPoint
from django_ecomai.pricing.models import PriceProposal
from django_ecomai.pricing.price_test_pages import Plan, plan_suggested
from django_ecomai.pricing.services import PricingError, price_test_start, price_tests_keep, prices_watch
from django_ecomai.pricing.services.price_test_limits import rooms_of

from .adapters import PricedShop
from .factories import priced_product, rule_make

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
MONDAY = datetime(2026, 3, 9, 0, 20, tzinfo=UTC)
LOW, HIGH = Decimal("9.80"), Decimal("10.20")


def restocked(at: datetime = START) -> Product:
    """On sale for half a year, and sold out until ten days ago."""
    product = priced_product(external_id="t", created_at=at - timedelta(days=180))
    StockPoint.objects.create(product=product, valid_from=at - timedelta(days=10), quantity=0)
    return product


def fresh_ones_hardly_move() -> None:
    rule_make(name="Fresh", action="limits", stock_days_max=30, max_change_day=0.01, max_change_week=0.01)


def test_a_suggestion_keeps_to_the_rule_of_its_age(shop: PricedShop) -> None:
    product = restocked()
    fresh_ones_hardly_move()
    room = rooms_of(channel="", product_ids=[product.pk], now=START)[product.pk]
    assert (str(room.rule), room.share) == ("Fresh", 0.01)


def test_the_page_suggests_prices_of_its_age(shop: PricedShop) -> None:
    product = restocked(datetime.now(UTC))
    fresh_ones_hardly_move()
    assert plan_suggested(product=product) == Plan(Decimal("9.96"), Decimal("10.04"), 12)


def test_one_that_its_age_forbids_is_not_started(shop: PricedShop) -> None:
    product = restocked()
    fresh_ones_hardly_move()
    with pytest.raises(PricingError, match="rule “Fresh”"):
        price_test_start(product=product, low=LOW, high=HIGH, weeks=2, seed=1, now=START)


def test_one_that_its_age_allows_is_started_and_runs(shop: PricedShop) -> None:
    product = restocked()
    rule_make(name="Old", action="limits", stock_days_min=90, max_change_day=0.01)
    test = price_test_start(product=product, low=LOW, high=HIGH, weeks=2, seed=1, now=START)
    prices_watch(now=MONDAY)
    test.refresh_from_db()
    assert (test.state, len(shop.written)) == ("running", 1)


def test_one_that_its_age_forbids_by_now_is_stopped(shop: PricedShop) -> None:
    product = restocked()
    test = price_test_start(product=product, low=LOW, high=HIGH, weeks=2, seed=1, now=START)
    fresh_ones_hardly_move()
    prices_watch(now=MONDAY)
    test.refresh_from_db()
    assert test.state == "stopped" and "rule “Fresh”" in test.reason_words and shop.written == []


def test_a_price_that_its_age_forbids_is_not_kept(shop: PricedShop) -> None:
    product = restocked()
    test = price_test_start(product=product, low=LOW, high=HIGH, weeks=2, seed=1, now=START)
    for number in range(3):
        prices_watch(now=MONDAY + timedelta(weeks=number))
    test.refresh_from_db()
    later = MONDAY + timedelta(weeks=2, days=2)
    rule_make(name="Fresh", action="limits", stock_days_max=40, max_change_day=0.01, max_change_week=0.01)
    with pytest.raises(PricingError, match="rule “Fresh”"):
        price_tests_keep(tests=[test], higher=True, now=later)
    assert not PriceProposal.objects.exists()
