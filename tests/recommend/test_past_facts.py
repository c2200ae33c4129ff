"""What the shop knew at a moment: rates, stock, margin, and the lists that were seen."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from django_ecomai.events.models import VisitorIdentity
from django_ecomai.events.partitions import partitions_ensure
from django_ecomai.mirror.models import PricePoint, StockPoint
from django_ecomai.recommend.dataset import dataset_read
from django_ecomai.recommend.item_facts import PastFacts
from django_ecomai.recommend.shown_lists import shown_lists
from tests.recommend.factories import START, event, order, product, products

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def months(db: None) -> None:
    """Room for the events of these tests, which lie in the past."""
    partitions_ensure(first=START, last=START + timedelta(days=60))


def moment(at: datetime) -> int:
    return int(at.timestamp())


def test_clicks_and_purchases_are_counted_up_to_the_moment() -> None:
    products(2)
    for number in range(4):
        event("view_item_list", "p0", at=START + number * HOUR, visitor_id="v")
    event("select_item", "p0", at=START + 4 * HOUR, visitor_id="v")
    for number in range(2):
        event("view_item", "p0", at=START + (5 + number) * HOUR, visitor_id="v")
    order("c0", ["p0"], at=START + 7 * HOUR)
    order("c0", ["p1"], at=START - 7 * HOUR)
    event("select_item", "p0", at=START + 8 * HOUR, visitor_id="v")
    facts = PastFacts("", dataset_read(""))

    early, late = facts(moment(START + 5 * HOUR)), facts(moment(START + 9 * HOUR))

    assert early.ctr.tolist() == pytest.approx([1 / 4, 1 / 4]), "the shop's mean where nothing was shown"
    assert np.isnan(early.cvr).all()
    assert late.ctr.tolist() == pytest.approx([2 / 4, 2 / 4])
    assert late.cvr[0] == pytest.approx(1 / 2), "an order before the first event had visits that nobody counted"
    assert facts(moment(START + 5 * HOUR)).ctr.tolist() == early.ctr.tolist(), "an earlier moment begins anew"


def test_robots_and_strange_products_do_not_count_and_variants_are_their_products() -> None:
    parent = product("p0")
    product("p0-red", parent=parent)
    for name in ("view_item_list", "view_item_list", "select_item"):
        event(name, "p0-red", at=START, visitor_id="v")
    event("select_item", "p0", at=START, visitor_id="bot", is_bot=True)
    event("select_item", "gone", at=START, visitor_id="v")
    event("select_item", "p0", at=START, visitor_id="v", channel="other")

    found = PastFacts("", dataset_read(""))(moment(START + HOUR))

    assert found.ctr[0] == pytest.approx(1 / 2)


def test_stock_and_margin_as_they_were() -> None:
    one, other = products(2)
    for day, place, quantity in ((0, "a", 3), (0, "b", 0), (2, "a", 0)):
        StockPoint.objects.create(
            product=one, location=place, valid_from=START + timedelta(days=day), quantity=Decimal(quantity)
        )
    for day, cost in ((0, "4"), (2, "9")):
        PricePoint.objects.create(product=other, valid_from=START + timedelta(days=day), price=10, cost=Decimal(cost))
    facts = PastFacts("", dataset_read(""))

    before, then, later = (facts(moment(START + timedelta(days=day))) for day in (0, 1, 3))

    assert np.isnan(before.in_stock).all() and np.isnan(before.margin).all()
    assert then.in_stock[0] == 1 and np.isnan(then.in_stock[1])
    assert later.in_stock[0] == 0
    assert np.isnan(then.margin[0])
    assert then.margin[1] == pytest.approx(0.6)
    assert later.margin[1] == pytest.approx(0.1)


def test_a_shop_without_any_of_it_knows_nothing() -> None:
    products(1)
    found = PastFacts("", dataset_read(""))(moment(START))
    assert all(np.isnan(one).all() for one in (found.ctr, found.cvr, found.in_stock, found.margin))


def test_lists_that_were_seen_with_their_clicks() -> None:
    products(3)
    event("view_item", "p0", at=START, visitor_id="w")
    order("c0", ["p0"])
    VisitorIdentity.objects.create(visitor_id="v", customer_id="c0", linked_at=START)
    for place, one in enumerate(("p1", "p2")):
        event("view_item_list", one, at=START + HOUR, visitor_id="v", recommendation_id="r1", position=place)
    event("select_item", "p2", at=START + 2 * HOUR, visitor_id="v", recommendation_id="r1", position=1)
    event("view_item_list", "p1", at=START + HOUR, visitor_id="v", recommendation_id="nobody clicked", position=0)
    event("view_item_list", "p1", at=START + HOUR, visitor_id="stranger", recommendation_id="r1", position=0)
    event("view_item_list", "p1", at=START + HOUR, visitor_id="w", recommendation_id="r2")
    event("select_item", "p1", at=START + 9 * HOUR, visitor_id="w", recommendation_id="r2")
    data = dataset_read("")

    found = shown_lists("", data, until=moment(START + 3 * HOUR))

    assert found is not None
    rows = zip(found.items.tolist(), found.clicked.tolist(), found.positions.tolist(), strict=True)
    assert sorted(rows) == [(1, False, 0), (2, True, 1)]
    assert set(found.users.tolist()) == {data.people["c0"]}
    assert set(found.times.tolist()) == {moment(START + HOUR)}
    everything = shown_lists("", data, until=moment(START + 10 * HOUR))
    assert everything is not None and len(everything.items) == 3, "the second list was clicked later"
    assert shown_lists("", data, until=moment(START + HOUR)) is None
