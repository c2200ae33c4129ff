"""The merchant's other pages: what was done, reductions, elasticities, the last weeks again, the start page."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from django_ecomai.mirror.models import Promotion
from django_ecomai.pricing.models import PriceChange, PriceReduction
from django_ecomai.runs.models import Run
from django_ecomai.testing import product_make
from tests.clients import clerk, read

from .adapters import PricedShop
from .factories import elasticity_make, priced_product, proposal_make, rule_make
from .pages import CURVE, LIST, approve, page

pytestmark = pytest.mark.django_db


def test_prices_in_the_shop_are_taken_back_from_their_list(boss: Client, shop: PricedShop) -> None:
    approve(boss, proposal_make(), proposal_make())
    name = "admin:ecomai_pricing_pricechange_changelist"
    html = page(boss, name)
    assert html.count("proposal applied") >= 2 and "boss" in html
    change = PriceChange.objects.order_by("pk").first()
    assert change is not None
    data = {"action": "take_back", "index": 0, "_selected_action": [change.pk]}
    html = read(boss.post(reverse(name), data, follow=True))
    assert "Take back 1 price" in html and "10.50 EUR" in html and len(shop.written) == 2
    data["confirmed"] = "1"
    html = read(boss.post(reverse(name), data, follow=True))
    assert "1 price was taken back." in html
    html = read(boss.post(reverse(name), data, follow=True))
    assert "taken back before" in html


def test_the_ledger_lists_reductions_with_the_price_before(boss: Client) -> None:
    now = timezone.now()
    for lowest, ended in ((Decimal(9), None), (None, now)):
        PriceReduction.objects.create(
            product=product_make(), began_at=now - timedelta(days=1), ended_at=ended, price=8, lowest_before=lowest,
            known_since=now, currency="EUR",
        )  # fmt: skip
    html = page(boss, "admin:ecomai_pricing_pricereduction_changelist")
    assert "9.00 EUR" in html and "no price before is known" in html and "still running" in html


def test_a_shop_with_promotions_is_asked_whether_prices_have_them(boss: Client, settings: Any) -> None:
    name, question = "admin:ecomai_pricing_pricereduction_changelist", "PRICING_PRICES_INCLUDE_PROMOTIONS"
    assert question not in page(boss, name)
    Promotion.objects.create(external_id="w", name="Winter", starts_at=timezone.now(), percent=20)
    assert question in page(boss, name)
    settings.ECOMAI = {**settings.ECOMAI, question: False}
    assert question not in page(boss, name)


def test_the_page_of_a_product_shows_its_ledger(boss: Client) -> None:
    product, now = product_make(title="Lantern"), timezone.now()
    name = "admin:ecomai_mirror_product_change"
    assert "Lowest of the 30 days before" not in page(boss, name, product.pk)
    PriceReduction.objects.create(
        product=product, began_at=now, price=8, lowest_before=Decimal("9.25"), known_since=now, currency="EUR"
    )
    html = page(boss, name, product.pk)
    assert "Lowest of the 30 days before" in html and "9.25 EUR" in html


def test_elasticities_say_how_well_they_are_known(boss: Client) -> None:
    known = elasticity_make(
        priced_product(), periods=30, levels=4, test_low=Decimal(9), test_high=Decimal(11), test_weeks=8, test_worth=5.0
    )
    elasticity_make(priced_product(), elasticity=None, low=None, high=None, reason="price_never_varied")
    html = page(boss, "admin:ecomai_pricing_productelasticity_changelist")
    for text in (
        "−1.60",
        "−2.00 to −1.20",
        "known well",
        "9.00 and 11.00 EUR in turn, 8 weeks",
        "its price has never varied",
    ):
        assert text in html, text
    html = page(boss, "admin:ecomai_pricing_productelasticity_change", known.pk)
    assert "If the price rises by 1 %, demand changes by −1.60 % (−2.00 to −1.20)." in html
    assert "30 weeks on sale at 4 prices, 10 pieces per week. Its own sales count for 90 %" in html


def test_the_start_page_names_what_is_to_decide(boss: Client) -> None:
    url = reverse("admin:ecomai_dashboard_start_changelist")
    assert "No prices have been worked out yet." in read(boss.get(url))
    proposal_make(priced_product(title="Lantern"), gain=120.0)
    html = read(boss.get(url))
    assert "1 price to decide" in html and "120 EUR expected more in 28 days" in html
    assert "10.00 EUR → 10.50 EUR" in html


def test_last_month_is_played_again(boss: Client) -> None:
    url = reverse(f"{LIST[:-11]}_replay")
    assert "Nothing has been played yet." in read(boss.get(url))
    Run.objects.create(
        kind="pricing.replay", state="done", metrics={"replay": {
            "is_estimate": True, "since": "2026-02-01", "until": "2026-03-01", "products": 10, "changed": 4,
            "money": {"EUR": {"products": 4, "revenue": 900.0, "profit": 400.0, "revenue_gain": -5.0, "gain": 30.0,
                              "gain_low": -2.0, "gain_high": 62.0, "rows": [["p", "<b>Lamp", 10.0, 11.0, 30.0]]}},
        }},
    )  # fmt: skip
    html = read(boss.get(url))
    for text in ("4 of 10 products", "+30.00 EUR", "−2.00 to +62.00", "&lt;b&gt;Lamp", "estimate"):
        assert text in html, text
    boss.post(url, {"weeks": "8"})
    assert Run.objects.latest("pk").parameters == {"weeks": 8}
    assert clerk("view_priceproposal").post(url, {"weeks": "8"}).status_code == 403


def test_the_pages_speak_german(boss: Client, settings: Any) -> None:
    row = proposal_make(curve=CURVE, binding="max_rise_week", trail=[["limit", 11, 10.5]])
    rule_make(name="R", min_margin=0.3)
    settings.LANGUAGE_CODE = "de"
    with translation.override("de"):
        list_html, page_html = page(boss), page(boss, "admin:ecomai_pricing_priceproposal_change", row.pk)
        rules_html = page(boss, "admin:ecomai_pricing_pricingrule_changelist")
    assert "Begrenzt durch: " in list_html
    assert "gut bekannt" in list_html and "+0,50 EUR" in list_html
    assert "Seine Grenzen verschieben 11,00 EUR auf 10,50 EUR." in page_html
    assert "Alle Produkte" in rules_html and "Marge mindestens 30 %" in rules_html
