"""Results of price tests in the admin: verdict and interval, prices kept, tests of several products, the file."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.journal import log_text
from django_ecomai.pricing.models import PriceChange, PriceTest, PriceTestGroup, PriceTestWeek
from django_ecomai.pricing.services import price_test_group_start, price_test_group_stop, price_test_start
from django_ecomai.testing import order_make
from tests.clients import clerk

from .adapters import PricedShop
from .factories import elasticity_make, priced_product, rule_make

pytestmark = pytest.mark.django_db
NAME = "admin:ecomai_pricing_pricetestgroup"


def past(*tests: PriceTest, state: str = "done", low: int = 100, high: int = 160) -> None:
    """Six weeks of each test that have ended, with so many pieces sold in each; the shop sells to this day."""
    order_make(lines=["anything"], placed_at=timezone.now(), currency="EUR")
    for test in tests:
        back = timedelta(weeks=8)
        for number, week in enumerate(test.weeks.order_by("week")):
            week.week -= back
            week.applied_at = timezone.now() - timedelta(weeks=9)
            week.save()
            pieces = (low if week.price == test.low else high) + number % 3
            at = timezone.now().replace(hour=12) - timedelta(days=(timezone.localdate() - week.week).days - 2)
            order_make(lines=[(test.product, pieces)], placed_at=at, currency="EUR")
        PriceTest.objects.filter(pk=test.pk).update(starts_on=test.starts_on - back, state=state)


def single() -> PriceTest:
    test = price_test_start(
        product=priced_product(title="Lamp"), low=Decimal("9.80"), high=Decimal("10.20"), weeks=6, seed=1
    )
    past(test)
    return PriceTest.objects.get(pk=test.pk)


def several(**fields: Any) -> PriceTestGroup:
    keys = [priced_product(title=f"Lamp {number}").pk for number in range(3)]
    return price_test_group_start(product_ids=keys, step=0.02, weeks=6, seed=1, name="Lamps", **fields)


def test_the_verdict_stands_on_the_page_with_its_interval(boss: Client, shop: PricedShop) -> None:
    test = single()
    html = boss.get(reverse("admin:ecomai_pricing_pricetest_change", args=[test.pk])).content.decode()
    assert "The higher price earns more:" in html and "Difference: higher less lower" in html
    assert "95 of 100 tests" in html
    assert 'value="high">Keep 10.20 EUR<' in html and 'value="low">Keep 9.80 EUR<' in html
    assert "<h2>Result</h2>" in html and "Ended on" in html and "It is told anew every week" not in html


@pytest.mark.parametrize(("low", "high", "best"), [(100, 160, "high"), (160, 100, "low"), (100, 100, "")])
def test_the_price_that_earns_more_is_offered_first(
    boss: Client, shop: PricedShop, low: int, high: int, best: str
) -> None:
    test = price_test_start(product=priced_product(), low=Decimal("9.80"), high=Decimal("10.20"), weeks=6, seed=1)
    past(test, low=low, high=high)
    html = boss.get(reverse("admin:ecomai_pricing_pricetest_change", args=[test.pk])).content.decode()
    offered = [name for name in ("high", "low") if f'class="button default" name="price" value="{name}"' in html]
    assert offered == ([best] if best else []) and 'name="price" value="high"' in html


def test_one_that_was_stopped_does_not_wait_for_a_result(boss: Client, shop: PricedShop) -> None:
    group = several()
    price_test_group_stop(group=group, reason="sale")
    test = group.tests.all()[0]
    html = boss.get(reverse("admin:ecomai_pricing_pricetest_change", args=[test.pk])).content.decode()
    assert "No week of the test has ended." in html and "Was planned until" in html and "from then on" not in html
    listed = boss.get(reverse("admin:ecomai_pricing_pricetest_changelist")).content.decode()
    assert listed.count("Part of “Lamps”") == 3


def test_a_price_is_kept_and_taken_back(boss: Client, shop: PricedShop) -> None:
    test = single()
    url = reverse("admin:ecomai_pricing_pricetest_keep", args=[test.pk])
    assert boss.get(url).status_code == 405
    assert "Say which price is to stay." in boss.post(url, {"price": "x"}, follow=True).content.decode()
    html = boss.post(url, {"price": "high"}, follow=True).content.decode()
    assert "1 price is in the shop now." in html and "Keep 10.20" not in html
    assert shop.written == [(test.product.external_id, Decimal("10.20"))]
    assert "keep the higher price" in map(log_text, LogEntry.objects.values_list("change_message", flat=True))
    assert "The shop has this price already" in boss.post(url, {"price": "high"}, follow=True).content.decode()
    change = PriceChange.objects.get()
    assert change.proposal is not None and change.proposal.units_new == pytest.approx(4 * 161, abs=4)
    boss.post(reverse("admin:ecomai_pricing_pricechange_changelist"),
              {"action": "take_back", "_selected_action": [change.pk], "confirm": "1"})  # fmt: skip
    html = boss.get(reverse("admin:ecomai_pricing_pricechange_changelist")).content.decode()
    assert "10.20" in html


def test_who_may_not_approve_keeps_nothing(shop: PricedShop) -> None:
    test = single()
    client = clerk("view_pricetest", "apply_priceproposal")
    url = reverse("admin:ecomai_pricing_pricetest_keep", args=[test.pk])
    assert client.post(url, {"price": "high"}).status_code == 403 and shop.written == []
    page = client.get(reverse("admin:ecomai_pricing_pricetest_change", args=[test.pk])).content.decode()
    assert "earns more" in page and "Keep 10.20" not in page


def test_results_are_a_file(boss: Client, shop: PricedShop) -> None:
    past(*several().tests.all())
    test = single()
    html = boss.get(reverse("admin:ecomai_pricing_pricetest_changelist")).content.decode()
    url = reverse("admin:ecomai_pricing_pricetest_csv")
    assert f'href="{url}"' in html and f'href="{reverse(f"{NAME}_changelist")}"' in html
    answer = boss.get(url)
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert answer["Content-Disposition"] == 'attachment; filename="price-tests.csv"'
    assert [(row["test"], row["title"], row["verdict"], row["units"]) for row in rows] == [
        (str(test.pk), "Lamp", "higher", "1"),
        ("", "Lamps", "higher", "3"),
    ]
    assert float(rows[0]["difference_low"]) > 0 and rows[0]["sentence"].startswith("The higher price")
    User.objects.all().delete()
    assert clerk("view_priceproposal").get(url).status_code == 403


class TestSeveral:
    def test_chosen_rows_are_planned_and_started(self, boss: Client, shop: PricedShop) -> None:
        rows = [elasticity_make(priced_product(title=f"Lamp <{number}>")) for number in range(2)]
        late = elasticity_make(priced_product(title="No cost", cost=None))
        answer = boss.post(
            reverse("admin:ecomai_pricing_productelasticity_changelist"),
            {"action": "try_together", "_selected_action": [row.pk for row in (*rows, late)]},
        )
        assert answer.status_code == 302 and answer["Location"].startswith(reverse(f"{NAME}_start"))
        html = boss.get(answer["Location"]).content.decode()
        assert "2 products" in html and "9.62" in html and "10.40 EUR" in html and "Lamp &lt;0&gt;" in html
        assert "No cost: Its cost is not known" in html and not PriceTestGroup.objects.exists()
        keys = ",".join(str(row.product_id) for row in (*rows, late))
        html = boss.get(reverse(f"{NAME}_start"), {"products": keys, "step": "20", "weeks": "6"}).content.decode()
        assert "Its limits do not allow" in html and "Yes, start the test" not in html
        values = {"products": keys, "step": "2", "weeks": "6", "name": "Lamps"}
        html = boss.post(reverse(f"{NAME}_start"), values, follow=True).content.decode()
        group = PriceTestGroup.objects.get()
        assert (group.name, group.tests.count(), "No cost" in group.left_out) == ("Lamps", 2, True)
        assert "The test begins on Monday" in html and "Too early to tell: at least" in html

    def test_the_products_of_a_rule(self, boss: Client, shop: PricedShop) -> None:
        rule = rule_make(name="Oak", brand="Oak")
        for brand in ("Oak", "oak", "Elm"):
            priced_product(brand=brand)
        page = boss.get(reverse("admin:ecomai_pricing_pricingrule_change", args=[rule.pk])).content.decode()
        assert f"{reverse(f'{NAME}_start')}?rule={rule.pk}" in page
        html = boss.get(reverse(f"{NAME}_start"), {"rule": rule.pk}).content.decode()
        assert "2 products" in html and 'value="Oak"' in html

    def test_it_is_watched_stopped_and_kept_as_one(self, boss: Client, shop: PricedShop) -> None:
        group = several()
        page = reverse(f"{NAME}_change", args=[group.pk])
        stop = reverse(f"{NAME}_stop", args=[group.pk])
        assert "Stop and restore" in boss.get(page).content.decode()
        assert "Say why" in boss.post(stop, {"reason": ""}, follow=True).content.decode()
        past(*group.tests.all())
        html = boss.get(page).content.decode()
        assert "The higher price earns more:" in html and "Keep the higher prices" in html
        html = boss.post(reverse(f"{NAME}_keep", args=[group.pk]), {"price": "high"}, follow=True).content.decode()
        assert "3 prices are in the shop now." in html
        assert set(Product.objects.values_list("price", flat=True)) == {Decimal("10.20")}
        assert "The test is over already." in boss.post(stop, {"reason": "x"}, follow=True).content.decode()
        listed = boss.get(reverse(f"{NAME}_changelist")).content.decode()
        assert page in listed and "Lamps" in listed

    def test_it_is_stopped_before_its_end(self, boss: Client, shop: PricedShop) -> None:
        group = several()
        url = reverse(f"{NAME}_stop", args=[group.pk])
        html = boss.post(url, {"reason": "sale <b>"}, follow=True).content.decode()
        assert "The test is over." in html and "stopped before its planned end" in html and "sale <b>" not in html

    def test_who_may_not(self, shop: PricedShop) -> None:
        group = several()
        client = clerk("view_priceproposal")
        page = reverse(f"{NAME}_change", args=[group.pk])
        assert client.get(page).status_code == client.get(reverse(f"{NAME}_changelist")).status_code == 403
        assert client.get(reverse(f"{NAME}_start")).status_code == 403
        User.objects.all().delete()
        client = clerk("view_pricetest")
        html = client.get(page).content.decode()
        assert "Lamp 0" in html and "Stop and restore" not in html
        for what in ("stop", "approve", "keep"):
            assert client.post(reverse(f"{NAME}_{what}", args=[group.pk]), {"reason": "x"}).status_code == 403
        assert client.get(page.replace(str(group.pk), "²")).status_code == 404
        assert PriceTestWeek.objects.filter(applied_at=None).count() == 18
