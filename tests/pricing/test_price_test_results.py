"""What a price test has brought: sums without tax, an interval, one verdict at the end, a price that stays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.journal import log_text
from django_ecomai.pricing.models import PriceChange, PriceProposal, PriceTest, PriceTestWeek
from django_ecomai.pricing.price_test_pages import Plan, plan_told
from django_ecomai.pricing.price_test_results import price_test_result, price_tests_result
from django_ecomai.pricing.services import (
    PricingError,
    change_undo,
    changes_apply,
    price_test_start,
    price_test_stop,
    price_tests_keep,
    prices_watch,
)
from django_ecomai.pricing.services.propose import proposals_make
from django_ecomai.testing import order_make

from .adapters import PricedShop
from .factories import elasticity_make, priced_product

pytestmark = pytest.mark.django_db
#: A Wednesday; tests begin on the Monday after.
START = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
MONDAY = datetime(2026, 3, 9, 0, 20, tzinfo=UTC)


def run(weeks: int = 6, *, until: int | None = None, product: Product | None = None, **fields: Any) -> PriceTest:
    """A test at 9.80 and 10.20 that has gone through ``until`` of its weeks (default: all, and it has ended)."""
    test = price_test_start(
        **{
            "product": product or priced_product(), "low": Decimal("9.80"), "high": Decimal("10.20"), "weeks": weeks,
            "seed": 1, "now": START, **fields,
        }
    )  # fmt: skip
    for number in range(weeks + 1 if until is None else until):
        prices_watch(now=MONDAY + timedelta(weeks=number))
    test.refresh_from_db()
    return test


def sell(test: PriceTest, low: list[int], high: list[int]) -> None:
    """Pieces in the weeks at the lower and at the higher price, in their order."""
    for price, each in ((test.low, low), (test.high, high)):
        for week, pieces in zip(test.weeks.filter(price=price).order_by("week"), each, strict=False):
            at = datetime(week.week.year, week.week.month, week.week.day, 12, tzinfo=UTC) + timedelta(days=2)
            if pieces:
                order_make(lines=[(test.product, pieces)], placed_at=at, currency="EUR")


def after(weeks: int) -> date:
    return MONDAY.date() + timedelta(weeks=weeks)


def test_pieces_and_profit_per_week_at_each_price(shop: PricedShop) -> None:
    test = run(6)
    sell(test, [10, 12, 14], [10, 10, 10])
    found = price_test_result(test, today=after(6))
    assert (found.weeks, found.planned, found.pairs, found.units, found.all_units) == (6, 6, 3, 1, 1)
    assert (found.low_units, found.high_units) == (12.0, 10.0)
    # 5.80 and 6.20 are left of a piece that costs 4.00
    assert (found.low_profit, found.high_profit) == (pytest.approx(69.6), pytest.approx(62.0))
    assert found.difference == pytest.approx(62 - 69.6)


@pytest.mark.parametrize(
    ("rate", "low", "high"), [(0.19, 9.8 / 1.19 - 4, 10.2 / 1.19 - 4), (0, 5.8, 6.2), (None, 5.8, 6.2)]
)
def test_profits_are_without_tax(
    rate: float | None, low: float, high: float, shop: PricedShop, settings: LazySettings
) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_TAX_RATE": rate}
    test = run(6)
    sell(test, [10, 10, 10], [10, 10, 10])
    found = price_test_result(test, today=after(6))
    assert found.low_profit == pytest.approx(10 * low) and found.high_profit == pytest.approx(10 * high)
    assert found.difference == pytest.approx(10 * (high - low))


@pytest.mark.parametrize(("rate", "money"), [(0.25, "8.20"), (0, "6.20"), (None, "6.20")])
def test_what_a_test_costs_is_without_tax(rate: float | None, money: str, settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_TAX_RATE": rate}
    product = priced_product()
    elasticity_make(product, elasticity=-2.0, sd=0.5, low=-2.0, high=-2.0, rate=10.0)  # as if it were certain
    told = plan_told(product=product, plan=Plan(Decimal(8), Decimal("12.50"), 4))
    # 15.625 and 6.4 pieces instead of 10. Without tax 15.625 * 4 + 6.4 * 8.5 - 2 * 10 * 6 is -3.10 in two weeks, with
    # 25 % tax 15.625 * 2.4 + 6.4 * 6 - 2 * 10 * 4 is -4.10.
    assert told[1][1][0] == f"About −{money} EUR of profit in 4 weeks, against leaving the price at 10.00 EUR."


class TestVerdicts:
    def test_the_higher_price_earns_more(self, shop: PricedShop) -> None:
        test = run(6)
        sell(test, [100, 110, 105], [160, 158, 170])
        found = price_test_result(test, today=after(6))
        assert (found.verdict, found.weeks_more) == ("higher", 0)
        assert found.difference_low is not None and found.difference_low > 0
        assert found.sentence.startswith("The higher price earns more: +400 EUR of profit a week (+")

    def test_the_lower_price_earns_more(self, shop: PricedShop) -> None:
        test = run(6)
        sell(test, [120, 118, 130], [60, 62, 64])
        found = price_test_result(test, today=after(6))
        assert found.verdict == "lower" and found.sentence.startswith("The lower price earns more: the higher one")

    def test_no_difference_is_said_with_what_is_possible(self, shop: PricedShop) -> None:
        test = run(6)
        sell(test, [10, 14, 12], [12, 9, 13])
        found = price_test_result(test, today=after(6))
        assert found.verdict == "none" and "between −" in found.sentence and "of profit a week." in found.sentence

    def test_nothing_sold_is_no_difference(self, shop: PricedShop) -> None:
        found = price_test_result(run(6), today=after(6))
        assert (found.verdict, found.difference, found.low_profit) == ("none", 0.0, 0.0)

    def test_while_it_runs_it_is_too_early_whatever_it_shows(self, shop: PricedShop) -> None:
        test = run(8, until=6)
        sell(test, [100, 100, 100], [300, 300, 300])
        found = price_test_result(test, today=after(6))
        assert found.difference_low is not None and found.difference_low > 0
        assert (found.verdict, found.weeks_more) == ("early", 2)
        assert found.sentence == "Too early to tell: at least 2 weeks more."

    def test_so_few_weeks_say_nothing(self, shop: PricedShop) -> None:
        test = run(4)
        sell(test, [100, 100], [300, 300])
        found = price_test_result(test, today=after(4))
        assert (found.pairs, found.verdict, found.weeks_more) == (2, "early", 2)
        assert found.sentence == ("No verdict: too few weeks count. A test must run for 2 weeks more: start a new one.")

    def test_a_test_that_was_stopped_gets_none(self, shop: PricedShop) -> None:
        test = run(8, until=7)
        sell(test, [100, 100, 100], [300, 300, 300])
        test = price_test_stop(test=test, reason="it looks good", now=MONDAY + timedelta(weeks=6, days=1))
        found = price_test_result(test, today=after(7))
        assert found.verdict == "stopped" and "stopped before its planned end" in found.sentence

    def test_without_a_cost_pieces_only(self, shop: PricedShop) -> None:
        test = run(6)
        sell(test, [7, 7, 7], [7, 7, 7])
        Product.objects.update(cost=None)
        found = price_test_result(test, today=after(6))
        assert (found.verdict, found.low_units, found.low_profit, found.difference) == ("no_cost", 7.0, None, None)


class TestWeeksThatCount:
    def test_a_week_whose_price_came_late_does_not(self, shop: PricedShop) -> None:
        test = run(6)
        sell(test, [10, 10, 10], [10, 10, 10])
        late = test.weeks.order_by("week")[0]
        PriceTestWeek.objects.filter(pk=late.pk).update(applied_at=MONDAY + timedelta(days=1))
        found = price_test_result(PriceTest.objects.get(), today=after(6))
        assert (found.weeks, found.pairs, found.verdict, found.weeks_more) == (5, 2, "early", 2)

    def test_a_week_in_which_somebody_else_set_a_price_does_not(self, shop: PricedShop) -> None:
        test = run(6, until=6)
        Product.objects.update(price="11.00")
        prices_watch(now=MONDAY + timedelta(weeks=6))
        test.refresh_from_db()
        assert test.state == "done"
        assert [week.is_spoiled for week in test.weeks.order_by("week")] == [False] * 5 + [True]
        assert price_test_result(test, today=after(6)).weeks == 5

    def test_before_the_first_week_has_ended_there_is_nothing(self, shop: PricedShop) -> None:
        found = price_test_result(run(6, until=1), today=after(0))
        assert (found.weeks, found.low_units, found.difference, found.weeks_more) == (0, None, None, 6)

    def test_no_test_has_no_result(self) -> None:
        with pytest.raises(ValueError, match="needs a test"):
            price_tests_result([])


class TestKeeping:
    def test_a_price_goes_the_usual_way_and_can_be_undone(self, shop: PricedShop) -> None:
        boss = User.objects.create_superuser("boss")
        test = run(6)
        sell(test, [10, 10, 10], [12, 12, 12])
        later = MONDAY + timedelta(weeks=6, days=2)
        (row,) = price_tests_keep(tests=[test], higher=True, user=boss, now=later)
        assert (row.state, row.old_price, row.new_price) == ("approved", 10, Decimal("10.20"))
        # expected are the pieces of the test, over four weeks
        assert (row.units_new, row.profit_new) == (48.0, pytest.approx(48 * 6.2))
        assert row.undecided is None and "10.2" in row.why
        (change,) = changes_apply(proposals=[row], user=boss, now=later).changes
        assert shop.written[-1] == (test.product.external_id, Decimal("10.20"))
        said = [
            log_text(one)
            for one in LogEntry.objects.filter(user=boss).order_by("pk").values_list("change_message", flat=True)
        ]
        assert said == ["approved: 10 → 10.2", "keep the higher price", "put into the shop: 10 → 10.2"]
        change_undo(change=change, user=boss)
        assert shop.written[-1] == (test.product.external_id, Decimal(10))
        assert PriceChange.objects.filter(kind="undo").count() == 1

    def test_a_run_that_has_proposed_another_price_gives_way(self, shop: PricedShop) -> None:
        test = run(6)
        PriceProposal.objects.create(
            product=test.product, undecided=test.product_id, made_at=MONDAY, old_price=10, new_price=11, currency="EUR"
        )
        (row,) = price_tests_keep(tests=[test], higher=False, now=MONDAY + timedelta(weeks=6, days=2))
        assert (row.new_price, PriceProposal.objects.count()) == (Decimal("9.80"), 1)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"price": "10.20"}, "The shop has this price already"),
            ({"price": "11.00"}, "costs 11 by now, not 10 as before the test"),
            ({"cost": "10.50"}, "Its limits do not allow this price any more"),
            ({"is_active": False}, "not on sale any more"),
        ],
    )
    def test_what_has_changed_since_is_left_alone(self, change: dict[str, Any], said: str, shop: PricedShop) -> None:
        test = run(6)
        Product.objects.update(**change)
        with pytest.raises(PricingError, match=said):
            price_tests_keep(tests=[test], higher=True, now=MONDAY + timedelta(weeks=6, days=2))
        assert not PriceProposal.objects.exists()

    def test_on_the_day_on_which_the_price_came_back_it_waits(self, shop: PricedShop) -> None:
        test = run(6)
        with pytest.raises(PricingError, match="changed within the last day"):
            price_tests_keep(tests=[test], higher=True, now=MONDAY + timedelta(weeks=6, hours=2))

    def test_only_after_the_end_and_only_once(self, shop: PricedShop) -> None:
        test = run(6, until=2)
        with pytest.raises(PricingError, match="run to its end"):
            price_tests_keep(tests=[test], higher=True)
        prices_watch(now=MONDAY + timedelta(weeks=6))
        test.refresh_from_db()
        later = MONDAY + timedelta(weeks=6, days=2)
        price_tests_keep(tests=[test], higher=True, now=later)
        with pytest.raises(PricingError, match="approved already"):
            price_tests_keep(tests=[test], higher=False, now=later)

    def test_two_people_where_the_shop_wants_two(self, shop: PricedShop, settings: LazySettings) -> None:
        test = run(6)
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
        first, second = (User.objects.create_user(name) for name in ("first", "second"))
        later = MONDAY + timedelta(weeks=6, days=2)
        (row,) = price_tests_keep(tests=[test], higher=True, user=first, now=later)
        assert (row.state, row.seconded_by) == ("open", first)
        with pytest.raises(PricingError, match="somebody else"):
            price_tests_keep(tests=[test], higher=True, user=first, now=later)
        (row,) = price_tests_keep(tests=[test], higher=True, user=second, now=later)
        assert (row.state, row.seconded_by, PriceProposal.objects.count()) == ("approved", first, 1)

    @pytest.mark.parametrize("moved", [False, True])
    def test_a_first_approval_survives_the_next_run(
        self, shop: PricedShop, settings: LazySettings, moved: bool
    ) -> None:
        test = run(6)
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
        first, second = (User.objects.create_user(name) for name in ("first", "second"))
        later = MONDAY + timedelta(weeks=6, days=2)
        (row,) = price_tests_keep(tests=[test], higher=True, user=first, now=later)
        elasticity_make(test.product)  # the run would propose another price, and the whole catalogue is looked at
        if moved:
            Product.objects.filter(pk=test.product_id).update(price="10.10")
        found = proposals_make(now=later + timedelta(days=1))
        kept = PriceProposal.objects.filter(pk=row.pk, from_test=True, new_price=row.new_price).first()
        assert found.products == 1
        if moved:  # it was approved for another price than that of now
            assert kept is None or not kept.from_test
            return
        assert kept is not None and kept.seconded_by == first
        (row,) = price_tests_keep(tests=[test], higher=True, user=second, now=later + timedelta(days=1, hours=1))
        assert (row.state, row.seconded_by) == ("approved", first)
