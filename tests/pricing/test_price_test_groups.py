"""A price test of several products: half of them at the lower price in every week, families as one, one result."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.journal import log_text
from django_ecomai.pricing.models import PriceTest, PriceTestGroup, PriceTestWeek
from django_ecomai.pricing.price_test_results import price_tests_result
from django_ecomai.pricing.services import (
    PricingError,
    changes_apply,
    price_test_group_approve,
    price_test_group_start,
    price_test_group_stop,
    price_test_start,
    price_tests_keep,
    prices_watch,
)
from django_ecomai.pricing.services.price_test_groups import balanced_draw, group_plan
from django_ecomai.testing import order_make

from .adapters import PricedShop
from .factories import priced_product, rule_make

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
MONDAY = datetime(2026, 3, 9, 0, 20, tzinfo=UTC)


def started(*products: Product, step: float = 0.02, weeks: int = 6, **fields: Any) -> PriceTestGroup:
    keys = [one.pk for one in products or (priced_product(), priced_product(price="20.00", list_price=Decimal(20)))]
    return price_test_group_start(
        **{"product_ids": keys, "step": step, "weeks": weeks, "seed": 1, "now": START, **fields}
    )


def watched(group: PriceTestGroup, weeks: int) -> None:
    for number in range(weeks):
        prices_watch(now=MONDAY + timedelta(weeks=number))


def family(price: str = "10.00", number: int = 2) -> list[Product]:
    parent = priced_product()
    return [priced_product(parent=parent, price=price) for _one in range(number)]


@pytest.mark.parametrize(("units", "halves"), [(1, {0, 1}), (2, {1}), (7, {3, 4}), (40, {20})])
def test_in_every_week_half_of_the_products_have_the_lower_price(units: int, halves: set[int]) -> None:
    for seed in range(30):
        drawn = balanced_draw(units, 8, seed)
        assert drawn == balanced_draw(units, 8, seed)
        assert all([mine[at] != mine[at + 1] for at in range(0, 8, 2)] == [True] * 4 for mine in drawn)
        assert {sum(mine[week] for mine in drawn) for week in range(8)} <= halves


@pytest.mark.parametrize("units", [1, 2, 3])
def test_every_product_begins_with_either_price_alike_often(units: int) -> None:
    firsts = [balanced_draw(units, 2, seed) for seed in range(2000)]
    for unit in range(units):
        assert 920 < sum(drawn[unit][0] for drawn in firsts) < 1080


def test_a_step_makes_the_prices_and_they_go_into_the_shop(shop: PricedShop) -> None:
    group = started()
    found = {(test.base_price, test.low, test.high, test.state) for test in group.tests.all()}
    assert found == {
        (10, Decimal("9.80"), Decimal("10.20"), "running"),
        (20, Decimal("19.61"), Decimal("20.40"), "running"),
    }
    assert (group.name, group.starts_on) == ("2 products", MONDAY.date())
    assert set(PriceTestWeek.objects.values_list("propensity", flat=True)) == {0.5}
    watched(group, 7)
    assert set(group.tests.values_list("state", flat=True)) == {"done"}
    assert list(Product.objects.order_by("pk").values_list("price", flat=True)) == [10, 20]


def test_what_cannot_be_tested_is_left_out_with_its_reason(shop: PricedShop) -> None:
    busy, cheap, no_cost = (
        priced_product(title="Busy"),
        priced_product(title="Cheap", price="0.02", cost=Decimal("0.01")),
        priced_product(title="Costless", cost=None),
    )
    price_test_start(product=busy, low=Decimal("9.80"), high=Decimal("10.20"), weeks=2, seed=1, now=START)
    off = priced_product(title="Gone", is_active=False)
    group = started(priced_product(title="Fine"), busy, cheap, no_cost, off)
    assert [test.product.title for test in group.tests.all()] == ["Fine"]
    assert group.left_out_words == {
        "Busy": "It is in a price test already.",
        "Cheap": "Its price is too small for this step.",
        "Costless": "Its cost is not known, so that no lower limit can be kept.",
    }


def test_profits_of_two_currencies_are_not_added_up(shop: PricedShop) -> None:
    group = started(priced_product(), priced_product(title="Pound", currency="GBP"), priced_product())
    assert set(group.tests.values_list("currency", flat=True)) == {"EUR"} and group.tests.count() == 2
    assert group.left_out_words == {
        "Pound": "Its price is in another currency than those of the others: profits do not add up."
    }


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"step": 0.001}, "from 1 to 30 %"),
        ({"step": 0.5}, "from 1 to 30 %"),
        ({"weeks": 5}, "even number of weeks"),
        ({"step": 0.2}, "None of these products can be tested: Its limits do not allow"),
        ({"product_ids": []}, "No product is on sale"),
    ],
)
def test_what_starts_nothing(fields: dict[str, Any], said: str, shop: PricedShop) -> None:
    with pytest.raises(PricingError, match=said):
        started(**fields)
    assert not PriceTestGroup.objects.exists() and not PriceTest.objects.exists()


class TestFamilies:
    def test_one_product_brings_its_family_and_they_move_as_one(self, shop: PricedShop) -> None:
        members = family(number=3)
        group = started(members[0], priced_product(price="30.00", list_price=Decimal(30)))
        tests = list(group.tests.exclude(family=""))
        assert {test.product_id for test in tests} == {one.pk for one in members}
        plans = {tuple(test.weeks.values_list("price", flat=True)) for test in tests}
        assert len(plans) == 1
        for number in range(6):
            prices_watch(now=MONDAY + timedelta(weeks=number))
            assert (
                len(set(Product.objects.filter(pk__in=[one.pk for one in members]).values_list("price", flat=True)))
                == 1
            )
        assert price_tests_result(list(group.tests.all())).all_units == 2

    def test_a_family_of_a_rule(self, shop: PricedShop) -> None:
        rule_make(action="limits", family_attribute="series")
        one, other = (priced_product(attributes={"series": "oak"}) for _number in range(2))
        priced_product(attributes={"series": "elm"})
        plan = group_plan(channel="", product_ids=[one.pk], step=0.02)
        assert [sorted(fact.pk for fact in unit.facts) for unit in plan.units] == [[one.pk, other.pk]]

    def test_prices_that_differ_leave_it_out(self, shop: PricedShop) -> None:
        members = family()
        Product.objects.filter(pk=members[1].pk).update(price="11.00")
        with pytest.raises(PricingError, match="prices of its family differ"):
            started(*members)

    def test_a_product_in_two_families_is_left_out(self, shop: PricedShop) -> None:
        rule_make(action="limits", family_attribute="series")
        parent = priced_product()
        priced_product(parent=parent, attributes={"series": "elm"})
        with pytest.raises(PricingError, match="not all of them are in the price family"):
            started(priced_product(parent=parent, attributes={"series": "oak"}))

    def test_where_one_stops_the_others_get_their_price_back(self, shop: PricedShop) -> None:
        members = family(number=3)
        group = started(*members)
        watched(group, 1)
        Product.objects.filter(pk=members[1].pk).update(price="12.00")
        prices_watch(now=MONDAY + timedelta(weeks=1))
        assert set(group.tests.values_list("state", flat=True)) == {"stopped"}
        prices = list(
            Product.objects.filter(pk__in=[one.pk for one in members]).order_by("pk").values_list("price", flat=True)
        )
        assert prices == [10, 12, 10]
        assert sum(test.reason_words.startswith("with “") for test in group.tests.all()) == 2

    def test_a_shop_that_takes_one_and_not_the_other(self, shop: PricedShop) -> None:
        members = family()
        group = started(*members)
        shop.broken.add(members[1].external_id)
        prices_watch(now=MONDAY)
        assert set(group.tests.values_list("state", flat=True)) == {"stopped"}
        assert set(Product.objects.filter(pk__in=[one.pk for one in members]).values_list("price", flat=True)) == {10}


class TestResult:
    def sold(self, group: PriceTestGroup, low: int, high: int) -> None:
        """Pieces in every week, a few more or less from week to week."""
        for test in group.tests.select_related("product"):
            for number, week in enumerate(test.weeks.order_by("week")):
                pieces = (low if week.price == test.low else high) + number % 3
                at = datetime(week.week.year, week.week.month, week.week.day, 12, tzinfo=UTC) + timedelta(days=1)
                order_make(lines=[(test.product, pieces)], placed_at=at, currency="EUR")

    def test_one_for_all_products(self, shop: PricedShop) -> None:
        group = started(*(priced_product() for _number in range(4)), weeks=4)
        watched(group, 5)
        self.sold(group, 99, 149)
        found = price_tests_result(list(group.tests.all()), today=MONDAY.date() + timedelta(weeks=4))
        # 50 pieces more at 6.20 and 99 at 0.40 more, about; 4 products
        assert (found.units, found.pairs, found.verdict) == (4, 8, "higher")
        assert found.difference == pytest.approx(4 * (150 * 6.2 - 100 * 5.8), abs=40)
        assert found.low_units == pytest.approx(400, abs=8)

    def test_products_that_were_stopped_do_not_count(self, shop: PricedShop) -> None:
        products = [priced_product() for _number in range(3)]
        group = started(*products)
        watched(group, 3)
        Product.objects.filter(pk=products[0].pk).update(price="11.00")
        for number in range(3, 7):
            prices_watch(now=MONDAY + timedelta(weeks=number))
        found = price_tests_result(list(group.tests.all()), today=MONDAY.date() + timedelta(weeks=6))
        assert (found.units, found.all_units, found.verdict) == (2, 3, "none")

    def test_the_price_that_earned_more_is_kept_for_all_with_their_families(self, shop: PricedShop) -> None:
        boss = User.objects.create_superuser("boss")
        members = family()
        group = started(*members, priced_product(price="20.00", list_price=Decimal(20)))
        watched(group, 7)
        later = MONDAY + timedelta(weeks=6, days=2)
        rows = price_tests_keep(tests=list(group.tests.all()), higher=True, user=boss, now=later)
        assert len({row.batch for row in rows}) == 1
        assert {row.family for row in rows} == {"", f"p{members[0].parent_id}"}
        assert len(changes_apply(proposals=rows, user=boss, now=later).changes) == 3
        assert sorted(Product.objects.exclude(pk=members[0].parent_id).values_list("price", flat=True)) == [
            Decimal("10.20"), Decimal("10.20"), Decimal("20.40")
        ]  # fmt: skip


def test_it_is_stopped_as_a_whole(shop: PricedShop) -> None:
    boss = User.objects.create_superuser("boss")
    group = started(*family(), priced_product())
    watched(group, 1)
    tests = price_test_group_stop(group=group, user=boss, reason="sale", now=MONDAY + timedelta(days=1))
    assert {test.state for test in tests} == {"stopped"} and set(Product.objects.values_list("price", flat=True)) == {
        10
    }
    assert log_text(LogEntry.objects.filter(object_repr=str(group)).get().change_message) == "stopped: sale"
    with pytest.raises(PricingError, match="over already"):
        price_test_group_stop(group=group, reason="again")


def test_two_people_where_the_shop_wants_two(shop: PricedShop, settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
    first, second = (User.objects.create_user(name) for name in ("first", "second"))
    group = started(user=first)
    assert set(group.tests.values_list("state", flat=True)) == {"asked"} and prices_watch(now=MONDAY).tests == 0
    with pytest.raises(PricingError, match="somebody else"):
        price_test_group_approve(group=group, user=first)
    group = price_test_group_approve(group=group, user=second, now=MONDAY + timedelta(days=1))
    assert group.starts_on == MONDAY.date() + timedelta(days=7)
    assert set(group.tests.values_list("state", "starts_on")) == {("running", group.starts_on)}
    with pytest.raises(PricingError, match="does not wait"):
        price_test_group_approve(group=group, user=second)


def test_the_plan_asks_as_often_for_many_products_as_for_few(
    shop: PricedShop, django_assert_max_num_queries: Any
) -> None:
    keys = [priced_product().pk for _number in range(60)]
    with django_assert_max_num_queries(14):
        assert group_plan(channel="", product_ids=keys, step=0.02).products == 60
