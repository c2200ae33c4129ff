"""Which placement a sale counts for."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.test import RequestFactory
from django.utils import timezone

from django_ecomai.core.registry import Period
from django_ecomai.events.models import VisitorIdentity
from django_ecomai.mirror.models import Order, Product
from django_ecomai.recommend.cards import performance_context
from django_ecomai.recommend.models import Placement
from django_ecomai.recommend.selectors import PlacementRow, attribution_rule, placement_performance
from tests.recommend.factories import event, order, placement, product, products
from tests.recommend.helpers import queries

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(microsecond=0)
DAY = timedelta(days=1)


def click(product_id: str, place: str = "home", *, at: datetime = NOW - DAY, **who: Any) -> None:
    event("select_item", product_id, placement=place, at=at, **who)


def rows(**span: Any) -> dict[str, PlacementRow]:
    return {row.placement: row for row in placement_performance(**span)}


@pytest.fixture(autouse=True)
def shop() -> None:
    Placement.objects.all().delete()
    placement("home", "trending")
    placement("product", "similar")
    products(4)


def test_impressions_clicks_and_their_rate() -> None:
    for _ in range(4):
        event("view_item_list", "p0", placement="home", visitor_id="v1", at=NOW)
    click("p0", visitor_id="v1")
    event("view_item_list", "p0", visitor_id="v1", at=NOW)
    event("view_item_list", "p0", placement="home", visitor_id="robot", at=NOW, is_bot=True)
    event("view_item_list", "p0", placement="home", visitor_id="v1", at=NOW, channel="b")

    found = rows()

    assert (found["home"].impressions, found["home"].clicks, found["home"].ctr) == (4, 1, 0.25)
    assert found["home"].ctr_percent == 25
    assert (found["product"].impressions, found["product"].ctr, found["product"].ctr_percent) == (0, None, None)
    assert found["home"].label == "Home"


def test_a_customers_click_and_order() -> None:
    click("p0", customer_id="c1")
    order("c1", ["p0", "p1"], at=NOW)

    row = rows()["home"]

    assert (row.orders, row.revenue) == (1, [(Decimal(10), "EUR")])


def test_a_visitors_click_and_the_order_of_the_customer_he_turned_out_to_be() -> None:
    click("p0", visitor_id="v1")
    VisitorIdentity.objects.create(visitor_id="v1", customer_id="c1", linked_at=NOW)
    order("c1", ["p0"], at=NOW)

    assert rows()["home"].orders == 1


def test_a_guests_order_is_found_through_its_purchase_event() -> None:
    click("p0", visitor_id="v1")
    order("", ["p0"], at=NOW, number="g1")
    event("purchase", order_id="g1", visitor_id="v1", at=NOW + timedelta(seconds=2))

    assert rows()["home"].orders == 1


@pytest.mark.parametrize(
    ("clicked", "counts"),
    [
        (NOW - 7 * DAY, True),
        (NOW - 7 * DAY - timedelta(seconds=1), False),
        (NOW, True),
        (NOW + timedelta(seconds=1), False),
    ],
)
def test_only_clicks_of_the_days_before_count(clicked: datetime, counts: bool) -> None:
    click("p0", customer_id="c1", at=clicked)
    order("c1", ["p0"], at=NOW)

    assert rows()["home"].orders == (1 if counts else 0)


def test_the_days_are_a_setting(ecomai: Any) -> None:
    ecomai(ATTRIBUTION_DAYS=2)
    click("p0", customer_id="c1", at=NOW - 3 * DAY)
    order("c1", ["p0"], at=NOW)

    assert rows()["home"].orders == 0
    assert "at most 2 days before" in str(attribution_rule())


def test_the_last_click_counts_and_every_line_counts_once() -> None:
    click("p0", "product", customer_id="c1", at=NOW - 2 * DAY)
    click("p0", "home", customer_id="c1", at=NOW - DAY)
    click("p1", "product", customer_id="c1", at=NOW - DAY)
    order("c1", ["p0", "p1"], at=NOW)

    found = rows()

    assert (found["home"].orders, found["home"].revenue) == (1, [(Decimal(10), "EUR")])
    assert (found["product"].orders, found["product"].revenue) == (1, [(Decimal(10), "EUR")])


def test_another_product_another_person_and_cancelled_orders_do_not_count() -> None:
    click("p0", customer_id="c1")
    order("c1", ["p1"], at=NOW)
    order("c2", ["p0"], at=NOW)
    order("c1", ["p0"], at=NOW, status="cancelled")
    order("c1", ["p0"], at=NOW, channel="b", number="elsewhere")

    assert rows()["home"].orders == 0


def test_discounts_and_quantities() -> None:
    click("p0", customer_id="c1")
    order("c1", ["p0"], at=NOW).lines.update(quantity=3, unit_price="2.50", discount="1.25")

    assert rows()["home"].revenue == [(Decimal("6.25"), "EUR")]


@pytest.mark.parametrize(
    ("clicked", "bought"), [("p0", "p0-red"), ("p0-red", "p0"), ("p0-red", "p0-blue"), ("p0-red", "p0-red")]
)
def test_a_variant_counts_as_its_product(clicked: str, bought: str) -> None:
    parent = Product.objects.get(external_id="p0")
    product("p0-red", parent=parent)
    product("p0-blue", parent=parent)
    click(clicked, customer_id="c1")
    order("c1", [bought, "p1"], at=NOW)

    assert (rows()["home"].orders, rows()["home"].revenue) == (1, [(Decimal(10), "EUR")])


def test_money_of_two_currencies_is_not_added() -> None:
    click("p0", customer_id="c1")
    for currency, number in [("EUR", 1), ("SEK", 3), ("EUR", 1)]:
        made = order("c1", ["p0"], at=NOW)
        made.lines.update(quantity=number)
        Order.objects.filter(pk=made.pk).update(currency=currency)

    row = rows()["home"]

    assert (row.orders, row.revenue) == (3, [(Decimal(30), "SEK"), (Decimal(20), "EUR")])


def test_the_period_holds_orders_and_reaches_back_for_their_clicks() -> None:
    click("p0", customer_id="c1", at=NOW - 5 * DAY)
    order("c1", ["p0"], at=NOW - 4 * DAY)
    order("c1", ["p0"], at=NOW - DAY)

    found = rows(since=NOW - 2 * DAY, until=NOW)["home"]

    assert (found.clicks, found.orders, found.revenue) == (0, 1, [(Decimal(10), "EUR")])
    assert rows(until=NOW - 4 * DAY)["home"].orders == 0


def test_a_placement_that_was_deleted_keeps_its_numbers() -> None:
    click("p0", "sidebar", customer_id="c1")

    assert (rows()["sidebar"].label, rows()["sidebar"].clicks) == ("sidebar", 1)


def test_the_most_seen_come_first() -> None:
    event("view_item_list", "p0", placement="product", visitor_id="v1", at=NOW)

    assert [row.placement for row in placement_performance()] == ["product", "home"]


def test_the_number_of_queries_does_not_grow() -> None:
    def fill(number: int) -> None:
        for i in range(number):
            click("p0", customer_id=f"c{i}", visitor_id=f"v{i}")
            order(f"c{i}", ["p0"], at=NOW)

    fill(2)
    few = len(queries(placement_performance))
    fill(12)

    assert len(queries(placement_performance)) == few == 6


def test_without_clicks_nothing_is_matched() -> None:
    assert len(queries(placement_performance)) == 4


def test_the_start_page_shows_the_numbers_with_their_rule(client: Any) -> None:
    from django.contrib.auth import get_user_model
    from django.urls import reverse

    client.force_login(get_user_model().objects.create_superuser("merchant", "m@example.com", "x"))
    url = reverse("admin:ecomai_dashboard_start_changelist")
    assert "No carousel has been seen yet" in client.get(url).content.decode()
    cache.clear()
    for _ in range(8):
        event("view_item_list", "p0", placement="home", customer_id="c1", at=NOW)
    click("p0", customer_id="c1", at=NOW - timedelta(hours=1))
    order("c1", ["p0"], at=NOW - timedelta(minutes=1))

    page = client.get(url).content.decode()

    assert '<th scope="row">Home</th><td class="ecomai-number">8</td><td class="ecomai-number">1</td>' in page
    assert '<td class="ecomai-number">12.5 %</td><td class="ecomai-number">1</td>' in page
    assert '<td class="ecomai-number">10.00 EUR</td>' in page
    assert "The last click counts" in page


def card(**changes: Any) -> dict[str, Any]:
    request = RequestFactory().get("/")
    facts = {"channel": "", "days": 28, "since": NOW - 28 * DAY, "until": NOW + DAY, **changes}
    request.ecomai_period = Period(**facts)  # type: ignore[attr-defined]
    return performance_context(request)


def test_the_numbers_are_counted_once_in_a_while() -> None:
    click("p0", customer_id="c1")
    first = card()

    assert queries(card) == []
    assert card() == first
    assert queries(lambda: card(channel="b")) != []
    assert queries(lambda: card(since=NOW - 7 * DAY)) != []


def test_without_a_cache_they_are_counted_every_time(settings: Any, caplog: Any) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    }
    click("p0", customer_id="c1")

    assert card()["rows"][0].clicks == 1
    assert "counted anew" in caplog.text
