"""What is approved is given to the shop within the limits of every hour, and is taken back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from django_ecomai.mirror.models import PricePoint, Product
from django_ecomai.pricing.ledger import reductions_running
from django_ecomai.pricing.models import PriceReduction, PriceTest, VolumeOffer
from django_ecomai.pricing.services import (
    PricingError,
    offers_approve,
    offers_check,
    offers_dismiss,
    offers_make,
    offers_withdraw,
)
from django_ecomai.pricing.volume_prices import volume_prices
from django_ecomai.runs.services import run_now

from .factories import MOMENT, offer_make, priced_product, rule_make
from .test_offers import known, ten_or_one

pytestmark = pytest.mark.django_db


def served() -> list[str]:
    """Prices that the shop gets, of all products."""
    keys = list(Product.objects.values_list("external_id", flat=True))
    found = volume_prices(product_ids=keys)
    return sorted(
        {f"{offer.quantity.normalize():f}: {offer.price.normalize():f}" for each in found.values() for offer in each}
    )


def pair_make(**fields: Any) -> VolumeOffer:
    """Two products of 10.00 each that cost 4.00, for 17.00."""
    return offer_make(
        kind="bundle", other=priced_product(), quantity=1, price=Decimal(17), old_price=Decimal(20), **fields
    )  # fmt: skip


def test_only_what_is_approved_is_given_to_the_shop_and_taking_back_ends_it() -> None:
    user, row, other = User.objects.create_user("merchant"), offer_make(), pair_make()
    assert served() == []
    found = offers_approve(offers=[row, other], user=user)
    assert (found.rows, found.refused) == ([row, other], [])
    assert found.rows[0].approved_by == user
    assert served() == ["10: 8", "1: 17"]
    assert offers_approve(offers=[row], user=user).rows == []  # it is so already
    assert offers_withdraw(offers=[row, other], user=user) == [row, other]
    assert served() == [] and offers_withdraw(offers=[row], user=user) == []
    messages = list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))
    assert messages[0] == "Approved: From 10 pieces on 8.00 EUR each instead of 10.00 EUR (−20 %)."
    assert messages[2:] == ["Approval taken back"] * 2


@pytest.mark.parametrize(
    ("rule", "product", "reason"),
    [
        ({"min_margin": Decimal("0.55")}, {}, "Its limits allow no price below 8.8889."),  # 4.00 is 45 % of 8.89
        ({"map_attribute": "map"}, {"attributes": {"map": "8.50"}}, "Its limits allow no price below 8.50."),
        ({"corridor_low": Decimal("0.9")}, {"list_price": Decimal(10)}, "Its limits allow no price below 9.00."),
        ({}, {"cost": Decimal("8.01")}, "Its limits allow no price below 8.01."),
        ({"step": Decimal("0.75")}, {}, "It is no multiple of the smallest step, 0.75."),
        ({}, {"cost": None}, "Its cost is not known: map `cost` in your adapter, or add a supplier's offer."),
        ({}, {"price": Decimal("9.50")}, "The price has changed since: work the volume prices out again."),
        ({}, {"currency": "GBP"}, "Its price is in another currency now."),
        ({}, {"is_active": False}, "It is not on sale."),
        ({"max_change_day": Decimal("0.01")}, {}, ""),  # the price of one piece stays
    ],
)
def test_what_the_limits_of_this_moment_forbid_is_not_approved(
    rule: dict[str, Any], product: dict[str, Any], reason: str
) -> None:
    rule_make(action="limits", **rule)
    row = offer_make(priced_product(**product))
    found = offers_approve(offers=[row])
    assert [text for _row, text in found.refused] == ([reason] if reason else [])
    assert served() == ([] if reason else ["10: 8"])


def test_the_tax_is_in_prices_and_not_in_the_cost(settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_TAX_RATE": 0.25}
    row = offer_make(priced_product(cost=Decimal("6.40")))  # 8.00 with tax
    assert offers_approve(offers=[row]).rows == [row]
    Product.objects.update(cost=Decimal("6.41"))
    assert served() == []
    (held,) = offers_check(now=MOMENT)
    assert held.held_reason == "Its limits allow no price below 8.0125."


def test_limits_of_a_bundle_hold_for_both_together() -> None:
    rule_make(action="limits", min_margin=Decimal("0.5"))
    row = pair_make()
    assert offers_approve(offers=[row]).rows == [row]  # 8.00 and 8.00
    Product.objects.update(cost=Decimal("4.26"))
    (held,) = offers_check(now=MOMENT)
    assert held.held_reason == "Its limits allow no price below 17.04."


def test_what_is_forbidden_later_is_held_back_at_once_or_within_the_hour_and_let_go_again() -> None:
    row = offer_make()
    offers_approve(offers=[row])
    Product.objects.update(cost=Decimal("8.50"))
    assert served() == []  # the cost is looked at whenever it is served
    Product.objects.update(cost=Decimal("4.00"), price=Decimal("8.00"))
    assert served() == []  # no dearer alone
    Product.objects.update(price=Decimal("9.00"))
    assert served() == ["10: 8"]
    rule = rule_make(action="limits", min_margin=Decimal("0.55"))
    assert served() == ["10: 8"]
    run_now(kind="pricing.watch")
    row.refresh_from_db()
    assert row.held_reason == "Its limits allow no price below 8.8889." and served() == []
    rule.delete()
    assert [one.held_reason for one in offers_check(now=MOMENT)] == [""]
    assert served() == ["10: 8"] and offers_check(now=MOMENT) == []


def test_a_price_test_holds_it_back() -> None:
    row = offer_make()
    offers_approve(offers=[row])
    PriceTest.objects.create(
        product=row.product, state=PriceTest.State.RUNNING, low=9, high=10, base_price=10, currency="EUR",
        seed=1, starts_on=MOMENT.date(),
    )  # fmt: skip
    assert [one.held_reason for one in offers_check(now=MOMENT)] == ["It is in a price test."]


def test_two_people_where_the_settings_ask_for_them(settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
    one, two = User.objects.create_user("one"), User.objects.create_user("two")
    row = offer_make()
    with pytest.raises(PricingError, match="Two people"):
        offers_approve(offers=[row])
    assert offers_approve(offers=[row], user=one).first == [row] and served() == []
    assert "somebody else" in offers_approve(offers=[row], user=one).refused[0][1]
    assert offers_approve(offers=[row], user=two).rows == [row] and served() == ["10: 8"]
    assert offers_withdraw(offers=[row], user=one) == [row] and served() == []
    offers_approve(offers=[row], user=one)
    Product.objects.update(price=Decimal("10.50"))
    offers_check(now=MOMENT)
    row.refresh_from_db()
    assert row.seconded_by is None  # nobody could second it: the next run renews it


def test_a_run_leaves_what_is_approved_as_it_is_and_suggests_no_other_for_it() -> None:
    product = known()
    ten_or_one(product)
    offers_make(now=MOMENT)
    offers_approve(offers=VolumeOffer.objects.all())
    row = VolumeOffer.objects.get()
    assert offers_dismiss(offers=[row]) == []
    report = offers_make(now=MOMENT, run_number=9)
    assert (report.breaks, report.decided) == (0, 1)
    assert VolumeOffer.objects.get().run_number is None
    Product.objects.update(cost=Decimal(9))
    offers_make(now=MOMENT)
    assert VolumeOffer.objects.get().held_reason == "Its limits allow no price below 9.00."


def test_the_ledger_of_reductions_knows_nothing_of_prices_for_more_pieces() -> None:
    row = offer_make()
    offers_approve(offers=[row])
    assert not PriceReduction.objects.exists() and not PricePoint.objects.exists()
    assert reductions_running(channel="", product_ids=[row.product.external_id]) == {}
