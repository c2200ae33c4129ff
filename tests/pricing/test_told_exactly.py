"""What shoppers and merchants are told: amounts to the last digit, of the right shop, of the right age."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.template import Context, Template
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from django_ecomai.core.registry import prunes
from django_ecomai.mirror.models import PricePoint, Promotion
from django_ecomai.pricing.cards import prices_context
from django_ecomai.pricing.diagnosis import diagnose
from django_ecomai.pricing.ledger import price_record
from django_ecomai.pricing.models import PriceProposal, PriceReduction, VolumeOffer
from django_ecomai.pricing.rulebook import RuleBook
from django_ecomai.pricing.services import offers_approve, proposals_make
from django_ecomai.pricing.steering import margin_weights
from django_ecomai.pricing.volume_prices import CartItem, VolumePrice, cart_prices, volume_prices
from django_ecomai.pricing.worklist import worklist_summary
from django_ecomai.testing import product_make
from tests.clients import read

from .adapters import PricedShop
from .factories import offer_make, priced_product, proposal_make
from .pages import LIST, page
from .shop import NOW, shop_make

pytestmark = pytest.mark.django_db


# -- digits ----------------------------------------------------------------------------------------------------------
def test_the_lowest_price_that_the_law_wants_is_told_to_the_last_digit() -> None:
    """1.234 Kuwaiti dinar is no 1.23: three digits are usual there, four anywhere."""
    now = timezone.now()
    product = product_make(external_id="k", price="1.100", list_price="1.234", currency="KWD")
    for days, price, listed in ((90, "1.234", None), (1, "1.100", "1.234")):
        PricePoint.objects.create(
            product=product, price=price, list_price=listed, currency="KWD", valid_from=now - timedelta(days=days)
        )
    html = Template("{% load ecomai_pricing %}{% lowest_price 'k' %}").render(Context({}))
    assert "1.234 KWD" in html


def test_a_price_for_many_pieces_is_told_as_it_is_charged() -> None:
    """Screws: 0.085 each, and the cart charges that; "0.09 each" would be another price."""
    product = priced_product(price=Decimal("0.1000"), cost=Decimal("0.0200"), list_price=None)
    offer_make(product, price=Decimal("0.0850"), old_price=Decimal("0.1000"), quantity=100, approved_at=timezone.now())
    (offer,) = volume_prices(product_ids=[product.external_id])[product.external_id]
    assert "0.085" in str(offer)


def test_the_page_that_approves_shows_the_prices_that_are_approved(boss: Client, shop: PricedShop) -> None:
    product = priced_product(price=Decimal("1.2340"), currency="KWD")
    row = proposal_make(product, old_price=Decimal("1.2340"), new_price=Decimal("1.2360"), currency="KWD")
    html = read(boss.post(reverse(LIST), {"action": "approve", "index": 0, "_selected_action": [row.pk]}))
    assert "1.234" in html and "1.236" in html


def test_a_promotion_lowers_a_price_to_what_can_be_written_in_its_currency(settings: LazySettings) -> None:
    """10 % off 999 yen are 899 yen: nobody was ever asked for 899.10, nor may it be told as the lowest price."""
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_PRICES_INCLUDE_PROMOTIONS": False}
    now = timezone.now()
    product = product_make(price="999", currency="JPY")
    PricePoint.objects.filter(product=product).delete()
    PricePoint.objects.create(product=product, price=999, currency="JPY", valid_from=now - timedelta(days=90))
    for name, percent, begin, end in (("first", 10, 20, 15), ("second", 5, 1, -9)):
        Promotion.objects.create(
            external_id=name, name=name, percent=percent, starts_at=now - timedelta(days=begin),
            ends_at=now - timedelta(days=end),
        )  # fmt: skip
    price_record(products=[product.pk])
    row = PriceReduction.objects.get(ended_at__gt=now)
    assert (row.lowest_before, row.price) == (Decimal(899), Decimal(949))


@pytest.mark.parametrize("currency", ["XOF", "XAF", "PYG", "UGX", "RWF", "XPF"])
def test_currencies_without_pence_have_no_prices_with_pence(currency: str) -> None:
    assert float(RuleBook(on=NOW.date(), rules=[]).steps.get(currency, "0.01")) >= 1


def test_prices_of_a_bundle_in_a_cart_can_be_written_in_its_currency() -> None:
    """Without being told a ``cent``: 999 yen for two things are no 599.4 and 399.6 yen."""
    first, second = (priced_product(price=price, currency="JPY", cost=Decimal(100)) for price in ("660", "440"))
    offer_make(
        first, kind="bundle", other=second, quantity=1, price=Decimal(999), old_price=Decimal(1100), currency="JPY",
        approved_at=timezone.now(),
    )  # fmt: skip
    items = [CartItem(one.external_id, Decimal(1), one.price or Decimal(0)) for one in (first, second)]
    prices = [portion.price for line in cart_prices(items) for portion in line]
    assert sum(prices) == 999 and all(price == round(price) for price in prices)


def test_a_price_that_is_held_in_another_currency_does_not_count_in_the_cart() -> None:
    """As ``price_hold_cheaper`` has it: 8 euros held are no 8 yen."""
    product = priced_product(price="1500", currency="JPY")
    held = VolumePrice(product.external_id, "", Decimal(10), Decimal(8), "EUR")
    items = [CartItem(product.external_id, Decimal(10), Decimal(1500))]
    (line,) = cart_prices(items, tokens=[held.token])
    assert [portion.price for portion in line] == [Decimal(1500)]


# -- several shops ---------------------------------------------------------------------------------------------------
def test_volume_prices_of_two_shops_are_approved_together(boss: Client, shop: PricedShop) -> None:
    """The list shows all shops; each row is held against the products of its own."""
    here, there = (offer_make(priced_product(channel=channel), channel=channel) for channel in ("", "b2b"))
    found = offers_approve(offers=[here, there])
    assert [text for _row, text in found.refused] == []
    assert VolumeOffer.objects.filter(approved_at__isnull=False).count() == 2


# -- ages and sums ---------------------------------------------------------------------------------------------------
def test_the_doctor_finds_proposals_of_last_night_young(shop: PricedShop) -> None:
    """Elasticities are learned once a week; prices are worked out every night."""
    shop_make((-3.0,))
    now = timezone.now()
    proposals_make(now=now - timedelta(days=5))
    proposals_make(now=now - timedelta(hours=6))
    assert [finding.level for finding in diagnose()] == ["ok"]


def test_the_days_that_open_gains_are_told_for_are_those_of_open_proposals() -> None:
    """A sale of last year that was planned for half a year says nothing about what is to decide today."""
    proposal_make(horizon_days=28)
    proposal_make(horizon_days=182, state="applied")
    assert worklist_summary().horizon_days == 28


# -- tables that grow ------------------------------------------------------------------------------------------------
def test_decided_proposals_and_old_prices_of_competitors_are_forgotten_some_day() -> None:
    """Some kilobytes per decided price, every night: the head of the list counts all of them."""
    assert [name for name in prunes.names() if name.startswith("pricing")] == [
        "pricing.proposals", "pricing.draws", "pricing.competitor prices",
    ]  # fmt: skip


@pytest.mark.skipif(connection.vendor != "postgresql", reason="Elsewhere NULL sorts last by itself")
@pytest.mark.parametrize("asks", ["the start page", "margins for the recommender"])
def test_what_gains_most_is_read_off_the_index(asks: str, ecomai_setting: Any) -> None:
    """The index has NULL last; ``-gain`` asks for NULL first, and PostgreSQL would sort all open proposals."""
    ecomai_setting(PRICING_STEERS=True)
    row = proposal_make()
    table = PriceProposal._meta.db_table
    columns = [one.column for one in PriceProposal._meta.concrete_fields if one.name not in ("id", "undecided", "gain")]
    named = ", ".join(f'"{one}"' for one in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (gain, {named}) WITH RECURSIVE many(n) AS "
            f"(SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 20000) "
            f"SELECT n % 100, {named} FROM {table}, many"
        )
        cursor.execute("ANALYZE")
    with CaptureQueriesContext(connection) as asked:
        if asks == "the start page":
            prices_context(SimpleNamespace(ecomai_period=SimpleNamespace(channel=row.channel)))  # type: ignore[arg-type]
        else:
            margin_weights(row.channel)
    (sql,) = [one["sql"] for one in asked if f'FROM "{table}"' in one["sql"] and " LIMIT " in one["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "ecomai_proposal_work" in plan and "Sort" not in plan


# -- addresses -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    [
        "volumeoffer_changelist", "volumeoffer_csv", "volumeoffer_segments", "productelasticity_changelist",
        "pricetest_csv", "pricechange_changelist", "pricelimits_changelist",
    ],
)  # fmt: skip
def test_a_nul_in_the_name_of_a_shop_is_answered(boss: Client, name: str) -> None:
    answer = boss.get(reverse(f"admin:ecomai_pricing_{name}"), {"channel": "\x00"})
    answer.getvalue() if answer.streaming else answer.content
    assert answer.status_code in (200, 302)


def test_the_market_page_is_of_the_shop_that_its_address_names(boss: Client) -> None:
    """As the worklist and the review list are."""
    from .market import competitor_make, match_make
    from .market import offer_make as competitor_offer

    competitor = competitor_make(channel="b2b")
    match_make(priced_product(channel="b2b", title="Far dearer"), competitor_offer(competitor, price=Decimal(6)))
    html = page(boss, "admin:ecomai_pricing_competitoroffer_market", query="?channel=b2b")
    assert "Far dearer" in html


# -- rights ----------------------------------------------------------------------------------------------------------
def test_a_price_of_high_risk_is_not_approved_unseen_by_any_way(boss: Client, shop: PricedShop) -> None:
    """The page asks for a second tick and a selection for ``high_risk``; a decision of single prices asks nothing."""
    row = proposal_make(risk="high")
    asked = {"proposals": [row.pk], "action": "approve"}
    answer = boss.post("/ecomai/api/pricing/proposals/decision/", asked, content_type="application/json")
    assert answer.status_code == 400 and "high_risk" in answer.json()
    row.refresh_from_db()
    assert row.state == "open"
