"""A planned test of several products says what it can tell by its end, and warns where that is next to nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.models import PriceTest, ProductElasticity
from django_ecomai.pricing.price_test_power import group_told
from django_ecomai.pricing.services.price_test_groups import group_plan
from tests.clients import clerk, read

from .adapters import PricedShop
from .factories import elasticity_make, priced_product

pytestmark = pytest.mark.django_db
BASE = "/ecomai/api/pricing/"
#: Around the price that earns most: 10.00 at a cost of 4.00.
WIDE: dict[str, Any] = {"elasticity": -10 / 6, "sd": 0.8, "low": -3.23, "high": -0.1}


def products(number: int, **fields: Any) -> list[Product]:
    found = [priced_product(external_id=f"t{one}", title=f"Lamp {one}") for one in range(number)]
    for one in found:
        elasticity_make(one, **{**WIDE, **fields})
    return found


def told(found: list[Product], *, weeks: int = 12) -> tuple[list[str], str]:
    plan = group_plan(channel="", product_ids=[one.pk for one in found], step=0.02)
    return group_told(plan, weeks=weeks)


def test_what_it_can_tell_is_told_with_numbers(shop: PricedShop) -> None:
    lines, warned = told(products(2, rate=4000.0))
    # at an elasticity of -0.099: 8000 pieces a week, times 1.02 ** -0.099 * 6.20 less 0.98 ** -0.099 * 5.80
    assert lines == [
        "As far as we know, a week at the higher prices brings −3,011 to +3,011 EUR more profit than at the lower.",
        "At the end a difference shows from about 690 EUR of profit a week on.",
        "What we know of the demand becomes about 79 % more exact.",
        "Which price earns more is told once, at the end: who stops a test when its numbers please is misled.",
    ]
    assert warned == ""


def test_one_that_hardly_changes_what_is_known_is_warned_of(shop: PricedShop) -> None:
    _lines, warned = told(products(2, rate=4.0))
    assert warned == "This test teaches next to nothing: what we know of the demand becomes only 1 % more exact."


def test_products_that_teach_nothing_alone_teach_something_together(shop: PricedShop) -> None:
    rare = products(40, rate=40.0)
    assert "next to nothing" in told(rare[:1])[1] and told(rare)[1] == ""


def test_one_that_will_see_no_difference_is_warned_of(shop: PricedShop) -> None:
    _lines, warned = told(products(2, rate=50.0))
    assert warned.startswith(
        "This test will hardly tell which price earns more: a difference shows from about 77.18 EUR of profit a week "
        "on, and more than 37.64 EUR is not to be expected."
    )
    with translation.override("de"):
        group = group_plan(channel="", product_ids=list(Product.objects.values_list("pk", flat=True)), step=0.02)
        assert group_told(group, weeks=12)[1].startswith("Dieser Test wird kaum zeigen, welcher Preis mehr einbringt:")


def test_one_that_is_too_short_for_a_verdict_is_warned_of(shop: PricedShop) -> None:
    alike = products(2, rate=4000.0)
    short = "Which price earns more is told from %s weeks on: this test is too short for that."
    assert told(alike, weeks=2)[1] == short % 4 and told(alike, weeks=4)[1] == ""
    assert told(alike[:1], weeks=4)[1] == short % 6
    # a family is one, however many products it has
    parent = priced_product()
    for one in alike:
        one.parent = parent
        one.save()
    assert told(alike, weeks=4)[1] == short % 6


def test_products_whose_demand_nobody_knows_do_not_count(shop: PricedShop) -> None:
    known = products(2, rate=4000.0)
    lines, warned = told([*known, priced_product()])
    assert "Of 2 of the 3 products the demand is known: only those count here." in lines and warned == ""
    ProductElasticity.objects.update(elasticity=None, low=None, high=None, sd=None)
    assert told(known) == (["What it can tell is not known before these products have sold."], "")
    ProductElasticity.objects.update(fallback=-10 / 6, fallback_sd=0.8)  # what its category says
    assert len(told(known)[0]) == 4


def test_the_page_warns_and_asks_for_it_all_the_same(boss: Client, shop: PricedShop) -> None:
    keys = ",".join(str(one.pk) for one in products(2, rate=4.0))
    url = reverse("admin:ecomai_pricing_pricetestgroup_start")
    html = read(boss.get(url, {"products": keys, "step": "2", "weeks": "12"}))
    assert "What it teaches" in html and "becomes only 1 % more exact" in html and "Start it all the same" in html
    ProductElasticity.objects.update(rate=4000.0)
    html = read(boss.get(url, {"products": keys, "step": "2", "weeks": "12"}))
    assert "becomes about 79 % more exact" in html and "Yes, start the test on Monday" in html
    assert "Start it all the same" not in html


class TestRest:
    """``"preview": true`` starts nothing."""

    def post(self, client: Client, path: str, data: Any) -> Any:
        return client.post(BASE + path, data, content_type="application/json")

    def test_a_preview_of_several(self, boss: Client, shop: PricedShop) -> None:
        products(2, rate=4.0)
        priced_product(external_id="c", title="Costless", cost=None)
        asked = {"product_ids": ["t0", "t1", "c"], "step": 0.02, "weeks": 12, "preview": True}
        answer = self.post(boss, "price-test-groups/", asked)
        assert answer.status_code == 200 and not PriceTest.objects.exists()
        found = answer.json()
        assert found["warning"].startswith("This test teaches next to nothing:") and len(found["teaches"]) == 3
        assert found["units"][0] == {"product_ids": ["t0"], "low": "9.8000", "high": "10.2000"}
        assert len(found["units"]) == 2
        assert found["left_out"] == {"Costless": "Its cost is not known, so that no lower limit can be kept."}
        ProductElasticity.objects.update(rate=4000.0)
        assert self.post(boss, "price-test-groups/", asked).json()["warning"] == ""
        assert self.post(boss, "price-test-groups/", {**asked, "weeks": 3}).status_code == 400
        assert self.post(boss, "price-test-groups/", {**asked, "step": 0.5}).status_code == 400
        asked = {"product_ids": ["c"], "step": 0.02, "weeks": 12, "preview": True}
        found = self.post(boss, "price-test-groups/", asked).json()
        assert (found["units"], found["teaches"], found["warning"]) == ([], [], "")

    def test_a_preview_of_one(self, boss: Client, shop: PricedShop) -> None:
        products(1, rate=4.0)
        asked = {"product_id": "t0", "low": "9.80", "high": "10.20", "weeks": 12, "preview": True}
        answer = self.post(boss, "price-tests/", asked)
        assert answer.status_code == 200 and not PriceTest.objects.exists()
        assert answer.json()["warning"].startswith("This test teaches next to nothing:")
        assert any("this range should be about" in line for line in answer.json()["teaches"])
        ProductElasticity.objects.update(rate=4000.0)
        assert self.post(boss, "price-tests/", asked).json()["warning"] == ""
        refused = self.post(boss, "price-tests/", {**asked, "low": "2"})
        assert refused.status_code == 400 and "Its limits do not allow 2.00 EUR" in refused.json()["detail"]
        assert self.post(boss, "price-tests/", {**asked, "preview": False}).status_code == 201

    def test_who_may_not_start_sees_no_preview(self, shop: PricedShop) -> None:
        products(1)
        asked = {"product_ids": ["t0"], "step": 0.02, "weeks": 12, "preview": True}
        assert self.post(clerk("view_pricetest"), "price-test-groups/", asked).status_code == 403


def test_it_takes_one_query_for_many_products(shop: PricedShop, django_assert_num_queries: Any) -> None:
    plan = group_plan(channel="", product_ids=[one.pk for one in products(60)], step=0.02)
    with django_assert_num_queries(1):
        group_told(plan, weeks=12)
    assert plan.units[0].low == Decimal("9.80")
