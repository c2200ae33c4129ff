"""Whose is what is made in the admin: asked for where there are several shops, and only there."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from django_ecomai.forecast.models import Signal
from django_ecomai.inventory.models import Supplier
from django_ecomai.recommend.models import Bundle, ShopRule
from django_ecomai.testing import product_make

pytestmark = pytest.mark.django_db
PAGES = [
    "inventory_supplier",
    "inventory_stockpolicy",
    "recommend_placement",
    "recommend_shoprule",
    "recommend_bundle",
    "forecast_forecastoverride",
    "forecast_salestarget",
    "forecast_signal",
]
NO_ITEMS = {"items-TOTAL_FORMS": "0", "items-INITIAL_FORMS": "0"}


def page(client: Client, name: str) -> str:
    return client.get(reverse(f"admin:ecomai_{name}_add")).content.decode()


@pytest.mark.parametrize("name", PAGES)
def test_the_only_shop_is_not_asked_for(admin_client: Client, name: str) -> None:
    html = page(admin_client, name)
    assert '<input type="hidden" name="channel"' in html
    assert '<select name="channel"' not in html


@pytest.mark.parametrize("name", PAGES)
def test_of_several_shops_one_is_chosen_by_its_name(admin_client: Client, name: str) -> None:
    product_make(external_id="here")
    product_make(external_id="there", channel="de")
    html = page(admin_client, name)
    assert '<select name="channel"' in html
    assert '<option value="" selected>main shop</option>' in html
    assert '<option value="de">de</option>' in html


def test_what_is_made_without_a_choice_belongs_to_the_only_shop(admin_client: Client, settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "CHANNEL": "de"}
    product_make(external_id="there", channel="de")
    admin_client.post(reverse("admin:ecomai_recommend_bundle_add"), {"title": "Set", **NO_ITEMS})
    assert Bundle.objects.get().channel == "de"


def test_a_shop_that_there_is_not_is_refused(admin_client: Client) -> None:
    product_make(external_id="here")
    product = product_make(external_id="there", channel="de")
    rule = {"action": "hide", "factor": "2", "product": product.pk}
    html = admin_client.post(reverse("admin:ecomai_recommend_shoprule_add"), {**rule, "channel": "fr"})
    assert "Select a valid choice. fr is not one of the available choices." in html.content.decode()
    admin_client.post(reverse("admin:ecomai_recommend_shoprule_add"), {**rule, "channel": "de"})
    assert ShopRule.objects.get().channel == "de"


def test_what_belongs_to_a_shop_without_products_keeps_it(admin_client: Client) -> None:
    product_make(external_id="here")
    supplier = Supplier.objects.create(channel="old", name="Acme", code="acme")
    html = admin_client.get(reverse("admin:ecomai_inventory_supplier_change", args=[supplier.pk])).content.decode()
    assert '<option value="old" selected>old</option>' in html


def test_a_signal_stays_in_its_shop(admin_client: Client) -> None:
    product_make(external_id="here")
    signal = Signal.objects.create(channel="de", name="Trend", key="trend")
    edited = {"name": "Search trend", "key": "trend", "is_active": "on"}
    admin_client.post(reverse("admin:ecomai_forecast_signal_change", args=[signal.pk]), edited)
    signal.refresh_from_db()
    assert (signal.name, signal.channel) == ("Search trend", "de")
