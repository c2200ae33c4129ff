"""Where the shop stands: only what is fresh, certain, plausible and in the product's currency counts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core import mail

from django_ecomai.pricing import market_checks
from django_ecomai.pricing.market import market_positions, position_of, positions_counted, positions_now
from django_ecomai.pricing.market_alerts import market_alerts, market_digest_send
from django_ecomai.pricing.market_cards import diagnose
from django_ecomai.pricing.services.competitors_deciding import matches_decide
from django_ecomai.testing import category_make, product_make

from .market import competitor_make, match_make, offer_make, point_make

pytestmark = pytest.mark.django_db


def test_the_position_of_a_product(django_assert_num_queries: Any) -> None:
    product = product_make(price="10")
    for price in ("8", "9", "12"):
        match_make(product, offer_make(price=Decimal(price)))
    with django_assert_num_queries(1):
        found = market_positions(channel="", product_ids=[product.pk])
    one = found[product.pk]
    assert (one.lowest, one.median, one.highest, one.offers) == (8, 9, 12, 3)
    assert (one.own, one.currency, one.position, one.simulated) == (10, "EUR", "premium", False)


def test_a_competitor_counts_once_with_what_he_asks_at_least() -> None:
    """The same lamp stands in his shop three times, in three packings."""
    product, often = product_make(price="10"), competitor_make()
    for competitor, price in ((often, "9"), (often, "8"), (often, "8.50"), (competitor_make(), "12")):
        match_make(product, offer_make(competitor, price=Decimal(price)))
    one = market_positions(channel="", product_ids=[product.pk])[product.pk]
    assert (one.lowest, one.median, one.highest, one.offers) == (8, 10, 12, 2)


def test_a_product_of_two_categories_counts_once() -> None:
    product = product_make(price="10")
    product.categories.set([category_make(name="Lamps"), category_make(name="Gifts")])
    match_make(product, offer_make(price=Decimal("8")))
    assert positions_counted(positions_now(channel="")) == {"premium": 1}


def test_offers_that_must_not_be_used() -> None:
    product = product_make(price="10")
    match_make(product, offer_make(days_ago=365))
    match_make(product, offer_make(price=Decimal(1000)))
    match_make(product, offer_make(currency="USD"))
    match_make(product, offer_make(price=None))
    match_make(product, offer_make(price=Decimal(0)))
    match_make(product, offer_make(doubt="jump"))
    match_make(product, offer_make(available=False))
    match_make(product, offer_make(competitor_make(is_active=False)))
    match_make(product, offer_make(), state="proposed")
    match_make(product, offer_make(), state="rejected")
    match_make(product, offer_make(), method="title", confidence=0.8)
    assert market_positions(channel="", product_ids=[product.pk]) == {}
    assert market_positions(channel="b", product_ids=[product.pk]) == {}


def test_what_a_person_accepted_counts_however_unsure_the_search_was() -> None:
    match = match_make(offer=offer_make(), state="proposed", method="title", confidence=0.4)
    matches_decide(matches=[match], same=True)
    assert match.product_id in market_positions(channel="", product_ids=[match.product_id])


def test_age_and_certainty_are_settings(settings: Any) -> None:
    old, unsure = match_make(offer=offer_make(days_ago=20)), match_make(method="title", confidence=0.8)
    ids = [old.product_id, unsure.product_id]
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_COMPETITOR_MAX_AGE_DAYS": 30, "PRICING_MATCH_ACCEPT": 0.7}
    assert set(market_positions(channel="", product_ids=ids)) == set(ids)


@pytest.mark.parametrize(
    ("own", "position"), [("8", "cheapest"), ("9", "average"), ("10.50", "average"), ("10.51", "premium"), (None, "")]
)
def test_words_for_a_position(own: str | None, position: str) -> None:
    price = None if own is None else Decimal(own)
    assert position_of(price, Decimal(8), Decimal(10)) == position


def titles(kind: str) -> list[str]:
    return [one.product for one in market_alerts(channel="")[kind]]


def test_a_competitor_who_is_cheaper_by_more_than_the_setting() -> None:
    match_make(product_make(title="Close", price="8.40"))
    match_make(product_make(title="Far", price="10"))
    match_make(product_make(title="Old news", price="10"), offer_make(days_ago=90))
    assert titles("undercut") == ["Far"]


def test_sold_out_at_a_competitor_is_news_for_a_week() -> None:
    for title, days in (("Just now", 1), ("Long ago", 12)):
        offer = offer_make(available=False)
        point_make(offer, 30, 8, available=True)
        point_make(offer, days, 8, available=False)
        match_make(product_make(title=title), offer)
    assert titles("sold_out") == ["Just now"]


def test_a_competitor_who_has_become_the_cheapest() -> None:
    for title, before in (("New", "11"), ("Was already", "9")):
        offer = offer_make()
        point_make(offer, 30, before)
        point_make(offer, 1, 8)
        match_make(product_make(title=title, price="10"), offer)
    assert titles("new_cheapest") == ["New"]


def test_alerts_cost_two_queries_however_long_the_histories_are(django_assert_num_queries: Any) -> None:
    for number in range(9):
        offer = offer_make()
        for days in range(1, 20):
            point_make(offer, days, 8 + (days + number) % 2)
        match_make(product_make(), offer)
    with django_assert_num_queries(2):
        market_alerts(channel="")


def test_the_digest_is_sent_to_those_who_are_named(settings: Any) -> None:
    assert "Nobody is to be told" in market_digest_send()
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_MARKET_ALERTS": ["buyer@example.com"]}
    assert "Nothing to tell" in market_digest_send()
    match_make(product_make(title="Lantern", price="10"), offer_make(competitor_make(name="A", is_simulated=True)))
    assert market_digest_send() == "Sent to 1 address."
    (sent,) = mail.outbox
    assert "- Lantern: 8.00 EUR at A (simulated), yours 10.00 EUR" in sent.body


def test_the_doctor_says_when_offers_are_old_or_wait() -> None:
    assert diagnose() == []
    competitor = competitor_make()
    assert [one.level for one in diagnose()] == ["info"]
    match_make(offer=offer_make(competitor, days_ago=40), state="proposed")
    assert [one.level for one in diagnose()] == ["warning", "info"]
    offer_make(competitor)
    assert [one.level for one in diagnose()] == ["ok", "info"]


@pytest.mark.parametrize(
    ("name", "value", "ident"),
    [
        ("PRICING_COMPETITOR_MAX_AGE_DAYS", 0, "ecomai.E085"),
        ("PRICING_COMPETITOR_MAX_AGE_DAYS", True, "ecomai.E085"),
        ("PRICING_MATCH_ACCEPT", 0.2, "ecomai.E086"),
        ("PRICING_MATCH_REVIEW", "high", "ecomai.E086"),
        ("PRICING_UNDERCUT_PERCENT", 100, "ecomai.E087"),
        ("PRICING_MARKET_ALERTS", "buyer@example.com", "ecomai.E088"),
        ("PRICING_MARKET_ALERTS", ["nobody"], "ecomai.E088"),
    ],
)
def test_settings_are_checked(settings: Any, name: str, value: Any, ident: str) -> None:
    assert market_checks.check_market(None) == []
    settings.ECOMAI = {**settings.ECOMAI, name: value}
    assert [one.id for one in market_checks.check_market(None)] == [ident]
