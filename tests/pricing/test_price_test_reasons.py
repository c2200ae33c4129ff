"""Why a price test was stopped, waits, or left a product out: stored as data, told in the language of who reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import translation

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.models import PriceTest, PriceTestGroup
from django_ecomai.pricing.services import (
    price_test_group_start,
    price_test_group_stop,
    price_test_start,
    price_test_stop,
    prices_watch,
)
from tests.clients import read

from .adapters import LiveShop, PricedShop
from .factories import priced_product

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
MONDAY = datetime(2026, 3, 9, 0, 20, tzinfo=UTC)
WEEK = timedelta(weeks=1)
BASE = "/ecomai/api/pricing/"


def started(**fields: object) -> PriceTest:
    product = priced_product(external_id="t", title="Lamp", **fields)
    low, high = Decimal("9.80"), Decimal("10.20")
    return price_test_start(product=product, low=low, high=high, weeks=4, seed=1, now=START)


def changed_by_the_shop() -> PriceTest:
    test = started()
    prices_watch(now=MONDAY)
    Product.objects.update(price="12.00")
    prices_watch(now=MONDAY + WEEK)
    return PriceTest.objects.get(pk=test.pk)


def german(client: Client, url: str) -> str:
    with translation.override("de"):
        return read(client.get(url))


def test_the_worker_s_language_is_not_that_of_the_reader(boss: Client, shop: PricedShop) -> None:
    with translation.override("de"):
        test = changed_by_the_shop()
    said = "the shop has changed the price to 12, and it stays"
    assert test.reason_words == said
    pages = [reverse("admin:ecomai_pricing_pricetest_change", args=[test.pk])]
    pages += [reverse("admin:ecomai_pricing_pricetest_changelist"), f"{BASE}price-tests/{test.pk}/"]
    for url in pages:
        assert said in read(boss.get(url)), url
        html = german(boss, url)
        assert "der Shop hat den Preis auf 12 geändert, und der bleibt" in html and said not in html, url


def test_a_limit_is_told_with_its_amounts_as_the_reader_writes_them(shop: PricedShop) -> None:
    test = started()
    Product.objects.update(cost="10.10")
    prices_watch(now=MONDAY)
    test.refresh_from_db()
    assert test.reason_words.startswith(f"Its limits do not allow {test.weeks.all()[0].price:.2f} EUR: at least 10.10")
    with translation.override("de"):
        assert "erlauben" in test.reason_words and "mindestens 10,10 EUR (seine Kosten)" in test.reason_words


def test_of_an_older_row_the_sentence_is_shown(boss: Client, shop: PricedShop) -> None:
    test = started()
    old = "enough; the shop has changed the price to 11.11, and it stays"
    PriceTest.objects.filter(pk=test.pk).update(state="stopped", reason=old, waits_for="RuntimeError: closed")
    test.refresh_from_db()
    assert (test.reason_words, test.waits_words) == (old, "RuntimeError: closed")
    assert old in german(boss, reverse("admin:ecomai_pricing_pricetest_change", args=[test.pk]))
    found = boss.get(f"{BASE}price-tests/{test.pk}/").json()
    assert (found["reason"], found["waits_for"]) == (old, "RuntimeError: closed")


def test_a_person_s_words_stay_as_they_are_and_what_is_not_restored_follows(shop: PricedShop) -> None:
    test = started()
    prices_watch(now=MONDAY)
    Product.objects.update(price="12.00")
    test = price_test_stop(test=test, reason="Christmas\n sale", now=MONDAY + timedelta(days=1))
    assert test.reason_words == "Christmas sale; the shop has changed the price to 12, and it stays"
    assert test.left_words == "the shop has changed the price to 12, and it stays"
    with translation.override("de"):
        assert test.reason_words == "Christmas sale; der Shop hat den Preis auf 12 geändert, und der bleibt"


@pytest.mark.parametrize("words", ['{"ecomai": "limits_forbid", "named": {"limits": 7}}', '{"ecomai": [', "{"])
def test_nobody_s_words_are_taken_for_ours(boss: Client, shop: PricedShop, words: str) -> None:
    test = price_test_stop(test=started(), reason=words)
    assert (test.reason_words, test.left_words) == (words, "")
    assert boss.get(reverse("admin:ecomai_pricing_pricetest_change", args=[test.pk])).status_code == 200


def test_what_it_waits_for(boss: Client, live_shop: LiveShop) -> None:
    test = started()
    live_shop.now["t"] = Decimal(10)
    prices_watch(now=MONDAY)
    del live_shop.now["t"]
    price_test_stop(test=test, reason="enough", now=MONDAY + timedelta(hours=1))
    test.refresh_from_db()
    assert test.waits_words == "The shop could not tell its price of now."
    url = reverse("admin:ecomai_pricing_pricetest_change", args=[test.pk])
    assert "Der Shop konnte seinen jetzigen Preis nicht nennen." in german(boss, url)


def test_a_family_says_with_whom_and_why(shop: PricedShop) -> None:
    parent = priced_product()
    lamp, shade = (priced_product(parent=parent, title=title) for title in ("Lamp", "Shade"))
    group = price_test_group_start(product_ids=[lamp.pk], step=0.02, weeks=4, seed=1, now=START)
    prices_watch(now=MONDAY)
    Product.objects.filter(pk=shade.pk).update(price="12.00")
    prices_watch(now=MONDAY + WEEK)
    with translation.override("de"):
        told = {test.product.title: test.reason_words for test in group.tests.all()}
    assert told == {
        "Lamp": "mit „Shade“: der Shop hat den Preis auf 12 geändert, und der bleibt",
        "Shade": "der Shop hat den Preis auf 12 geändert, und der bleibt",
    }


def test_what_is_left_out_of_several(boss: Client, shop: PricedShop) -> None:
    keys = [priced_product(title="Lamp").pk, priced_product(title="Costless", cost=None).pk]
    with translation.override("de"):
        group = price_test_group_start(product_ids=keys, step=0.02, weeks=4, seed=1)
    english = "Its cost is not known, so that no lower limit can be kept."
    url = reverse("admin:ecomai_pricing_pricetestgroup_change", args=[group.pk])
    assert f"Costless: {english}" in read(boss.get(url)) and "Costless: Seine Kosten" in german(boss, url)
    assert boss.get(f"{BASE}price-test-groups/{group.pk}/").json()["left_out"] == {"Costless": english}
    PriceTestGroup.objects.update(left_out={"Costless": "Its cost is a secret."})  # an older row
    assert "Costless: Its cost is a secret." in german(boss, url)


def test_decisions_are_told_in_the_reader_s_language(boss: Client, shop: PricedShop) -> None:
    user = User.objects.get(username="boss")
    group = price_test_group_start(product_ids=[priced_product().pk], step=0.02, weeks=4, seed=1, user=user)
    price_test_group_stop(group=group, user=user, reason="sale")
    url = reverse("admin:ecomai_pricing_pricetestgroup_change", args=[group.pk])
    assert "<td>begonnen</td>" in german(boss, url) and "<td>abgebrochen: sale</td>" in german(boss, url)
    assert "<td>stopped: sale</td>" in read(boss.get(url))
    history = read(boss.get(reverse("admin:ecomai_pricing_pricetestgroup_history", args=[group.pk])))
    assert "stopped: sale" in history and "ecomai&quot;" not in history
    only = reverse("admin:ecomai_pricing_pricetest_change", args=[group.tests.get().pk])
    assert "<td>stopped: sale</td>" in read(boss.get(only))


def test_a_message_of_the_hourly_job_is_data_too(shop: PricedShop) -> None:
    started()
    Product.objects.update(price="12.00")
    with translation.override("de"):
        (message,) = prices_watch(now=MONDAY).messages
    assert str(message) == "Lamp: the shop has changed the price to 12, and it stays"
