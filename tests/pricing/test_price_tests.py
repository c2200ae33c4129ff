"""Prices that alternate by week: drawn before, within the limits, never over somebody else's price."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.models import PriceChange, PriceTest, PriceTestWeek
from django_ecomai.pricing.services import (
    PricingError,
    price_test_approve,
    price_test_start,
    price_test_stop,
    prices_watch,
)
from django_ecomai.pricing.services.price_test_starting import weeks_drawn
from django_ecomai.pricing.services.propose import proposals_preview

from .adapters import PricedShop
from .factories import priced_product, rule_make

pytestmark = pytest.mark.django_db
#: A Wednesday; the test begins on the Monday after.
START = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
MONDAY = datetime(2026, 3, 9, 0, 20, tzinfo=UTC)


def started(weeks: int = 4, **fields: Any) -> PriceTest:
    product = fields.pop("product", None) or priced_product(external_id="t")
    return price_test_start(
        **{
            "product": product, "low": Decimal("9.80"), "high": Decimal("10.20"), "weeks": weeks, "seed": 1,
            "now": START, **fields,
        }
    )  # fmt: skip


def test_each_two_weeks_have_both_prices_in_a_drawn_order() -> None:
    for seed in range(20):
        drawn = weeks_drawn(8, seed)
        assert [drawn[at] != drawn[at + 1] for at in range(0, 8, 2)] == [True] * 4
        assert drawn == weeks_drawn(8, seed)
    assert len({tuple(weeks_drawn(8, seed)) for seed in range(20)}) > 5
    firsts = [weeks_drawn(2, seed)[0] for seed in range(400)]
    assert 160 < sum(firsts) < 240


def test_a_test_from_its_first_week_to_the_price_before(shop: PricedShop) -> None:
    test = started()
    assert test.starts_on == MONDAY.date() and test.base_price == 10
    assert set(PriceTestWeek.objects.values_list("propensity", flat=True)) == {0.5}
    planned = [week.price for week in test.weeks.all()]
    assert sorted(planned) == [Decimal("9.80")] * 2 + [Decimal("10.20")] * 2
    assert prices_watch(now=START).tests == 0
    for number in range(5):
        prices_watch(now=MONDAY + timedelta(weeks=number))
        prices_watch(now=MONDAY + timedelta(weeks=number, hours=1))
    # A price that stays for two weeks is written once.
    written = [planned[0]]
    written += [price for before, price in itertools.pairwise(planned) if price != before]
    assert [price for _ident, price in shop.written] == [*written, Decimal("10")]
    test.refresh_from_db()
    assert test.state == "done" and Product.objects.get().price == 10
    assert set(PriceChange.objects.values_list("kind", flat=True)) == {"test"}
    assert not PriceTestWeek.objects.filter(applied_at=None).exists()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"weeks": 3}, "even number of weeks"),
        ({"weeks": 0}, "even number of weeks"),
        ({"weeks": 28}, "2 to 26"),
        ({"low": Decimal(0)}, "above 0"),
        ({"low": Decimal("10.20")}, "below the higher"),
        ({"low": Decimal("3.90")}, "do not allow 3.9"),
        # each is within 10 % of today's price, but not of the other
        ({"low": Decimal("9.20"), "high": Decimal("10.80")}, "do not allow 10.8"),
    ],
)
def test_what_cannot_be_tested(fields: dict[str, Any], text: str, shop: PricedShop) -> None:
    with pytest.raises(PricingError, match=text):
        started(**fields)
    assert not PriceTest.objects.exists()


def test_one_test_at_a_time_and_no_family(shop: PricedShop) -> None:
    test = started()
    with pytest.raises(PricingError, match="in a price test already"):
        started(product=test.product)
    variant = priced_product(parent=priced_product())
    with pytest.raises(PricingError, match="price family"):
        started(product=variant)
    with pytest.raises(PricingError, match="is not on sale"):
        started(product=priced_product(is_active=False))


def test_without_apply_price_there_is_no_test(reading_shop: None) -> None:
    with pytest.raises(PricingError, match="cannot write prices"):
        started()


def test_somebody_elses_price_ends_it_and_stays(shop: PricedShop) -> None:
    test = started()
    prices_watch(now=MONDAY)
    Product.objects.update(price="12.00")
    found = prices_watch(now=MONDAY + timedelta(weeks=1))
    test.refresh_from_db()
    assert test.state == "stopped" and "12" in test.reason_words
    assert Product.objects.get().price == 12 and len(shop.written) == 1
    assert "the shop has changed the price" in str(found.messages[0])


@pytest.mark.parametrize("stops", [True, False])
def test_somebody_elses_price_stays_also_when_it_is_one_of_the_tests(stops: bool, shop: PricedShop) -> None:
    test = started()
    prices_watch(now=MONDAY)
    first = test.weeks.order_by("week")[0].price
    theirs = test.high if first == test.low else test.low
    Product.objects.update(price=theirs)
    if stops:
        price_test_stop(test=test, reason="enough", now=MONDAY + timedelta(days=2))
    else:
        prices_watch(now=MONDAY + timedelta(weeks=1))
    test.refresh_from_db()
    assert test.state == "stopped"
    assert Product.objects.get().price == theirs and [price for _ident, price in shop.written] == [first]


def test_a_price_before_that_a_limit_forbids_by_now_does_not_come_back(shop: PricedShop) -> None:
    test = started()
    prices_watch(now=MONDAY)
    Product.objects.update(cost="10.10")
    test = price_test_stop(test=test, reason="enough", now=MONDAY + timedelta(days=2))
    assert len(shop.written) == 1 and "enough; Its limits do not allow this price any more" in test.reason_words


@pytest.mark.parametrize("before", [True, False])
def test_a_least_price_that_cannot_be_read_stops_it(before: bool, shop: PricedShop) -> None:
    rule_make(action="limits", map_attribute="map")
    unreadable = {"attributes": {"map": "9,90 EUR"}}
    if before:
        with pytest.raises(PricingError, match="9,90 EUR"):
            started(product=priced_product(**unreadable))
        return
    test = started()
    Product.objects.update(**unreadable)
    prices_watch(now=MONDAY)
    test.refresh_from_db()
    assert test.state == "stopped" and "9,90 EUR" in test.reason_words and shop.written == []


def test_two_people_where_the_shop_wants_two(shop: PricedShop, settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
    first, second = (User.objects.create_user(name) for name in ("first", "second"))
    product = priced_product(external_id="t")
    with pytest.raises(PricingError, match="log in"):
        started(product=product)
    test = started(product=product, user=first)
    planned = list(test.weeks.values_list("price", flat=True))
    assert test.state == "asked" and prices_watch(now=MONDAY).tests == 0 and shop.written == []
    with pytest.raises(PricingError, match="in a price test already"):
        started(product=test.product, user=first)
    with pytest.raises(PricingError, match="somebody else"):
        price_test_approve(test=test, user=first)
    test = price_test_approve(test=test, user=second, now=MONDAY + timedelta(days=1))
    assert (test.state, test.approved_by, test.starts_on) == ("running", second, MONDAY.date() + timedelta(days=7))
    weeks = list(test.weeks.values_list("week", "price"))
    assert weeks == [(MONDAY.date() + timedelta(days=7 * at), price) for at, price in enumerate(planned, 1)]
    assert prices_watch(now=MONDAY + timedelta(weeks=1)).tests == 1
    with pytest.raises(PricingError, match="does not wait"):
        price_test_approve(test=test, user=second)


def test_a_test_of_another_price_than_that_of_now_is_not_approved(shop: PricedShop, settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
    test = started(user=User.objects.create_user("first"))
    Product.objects.update(price="11.00")
    with pytest.raises(PricingError, match="start a new test"):
        price_test_approve(test=test, user=User.objects.create_user("second"))
    assert price_test_stop(test=test, reason="no").state == "stopped" and shop.written == []


def test_stopped_early_the_price_before_comes_back(shop: PricedShop) -> None:
    test = started()
    prices_watch(now=MONDAY)
    test = price_test_stop(test=test, reason="Christmas", now=MONDAY + timedelta(days=2))
    assert (test.state, test.reason_words) == ("stopped", "Christmas")
    assert Product.objects.get().price == 10
    with pytest.raises(PricingError, match="over already"):
        price_test_stop(test=test, reason="again")


def test_a_product_in_a_test_gets_no_proposal(shop: PricedShop) -> None:
    test = started()
    (row,) = proposals_preview(rules=[], product_ids=[test.product_id], now=START)
    assert row.held_code == "in_test"
