"""What becomes of prices in the shop: kept, rolled back, followed by the others, scheduled ones applied in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import log, sqrt
from typing import Any

import pytest
from django.conf import LazySettings

from django_ecomai.mirror.models import Product, StockPoint
from django_ecomai.pricing.models import PriceChange, PriceProposal
from django_ecomai.pricing.services import change_undo, prices_watch
from django_ecomai.pricing.services.apply import changes_apply
from django_ecomai.pricing.watching import LOOKS, Seen, Z, expected_days, look, seen_of, together
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now
from django_ecomai.testing import order_make

from .adapters import PricedShop
from .factories import elasticity_make, priced_product, proposal_make

pytestmark = pytest.mark.django_db
#: A Monday morning.
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def applied(shop: PricedShop, ident: str = "p", *, daily: float = 10.0, **fields: Any) -> PriceChange:
    """A price in the shop since START of which ``daily`` pieces a day were expected."""
    product = priced_product(external_id=ident)
    elasticity_make(product)
    proposal = proposal_make(
        product, state="approved", units_old=daily * 28, units_new=daily * 28, profit_new=daily * 28 * 6.5, **fields
    )
    changes_apply(proposals=[proposal], now=START)
    return PriceChange.objects.select_related("product", "proposal").get(product=product)


def sell(change: PriceChange, days: int, pieces: int) -> None:
    """So many pieces on each day after the change."""
    for day in range(1, days + 1):
        if pieces:
            order_make(lines=[(change.product, pieces)], placed_at=START + timedelta(days=day), currency="EUR")
    # the copy of the shop reaches to here
    order_make(lines=[priced_product()], placed_at=START + timedelta(days=days + 1, hours=1), currency="EUR")


def test_the_arithmetic_of_the_test(shop: PricedShop) -> None:
    change = applied(shop)
    sell(change, 7, 4)
    (found,) = seen_of(channel="", changes=[change], until=START.date() + timedelta(days=8)).values()
    assert (found.days, found.open_days, found.units, found.expected) == (7, 7, 28.0, 70.0)
    assert found.chance_sd == pytest.approx(sqrt(70.0))  # Poisson: dispersion 1, alpha 0, rho 0
    doubt = sqrt(0.1**2 + (0.8 / 3.92 * log(1.05)) ** 2)
    assert found.common_sd == pytest.approx(70.0 * doubt)
    assert found.floor == pytest.approx(70.0 - Z * sqrt(70.0 + (70 * doubt) ** 2))
    assert found.left == 6.5 and found.below
    assert found.as_dict()["profit"] == 182.0 and found.as_dict()["expected"] == 455.0


def test_what_is_expected_follows_the_season_of_the_forecast(shop: PricedShop) -> None:
    """Of 280 pieces in four weeks 28 in the first and 140 in the last: 28 sold in the first week are no loss."""
    shares = [share / 7 for share in (0.1, 0.2, 0.2, 0.5) for _day in range(7)]
    change = applied(shop, daily=10.0)
    proposal = change.proposal
    assert proposal is not None
    proposal.daily, proposal.made_at = shares, START + timedelta(days=1)
    sell(change, 7, 4)
    (found,) = seen_of(channel="", changes=[change], until=START.date() + timedelta(days=8)).values()
    assert (found.units, found.expected) == (28.0, pytest.approx(28.0)) and not found.below
    # After the horizon its last week goes on.
    first = (START + timedelta(days=1)).date()
    assert expected_days(proposal, first, 35)[21:].tolist() == pytest.approx([20.0] * 14)
    assert expected_days(proposal, first - timedelta(days=3), 4).tolist() == pytest.approx([4.0] * 4)
    proposal.daily = []
    assert expected_days(proposal, first, 2).tolist() == [10.0, 10.0]


def test_days_without_stock_are_not_held_against_a_price(shop: PricedShop) -> None:
    change = applied(shop)
    sell(change, 7, 0)
    StockPoint.objects.create(product=change.product, valid_from=START - timedelta(days=9), quantity=5)
    StockPoint.objects.create(product=change.product, valid_from=START, quantity=0)
    (found,) = seen_of(channel="", changes=[change], until=START.date() + timedelta(days=8)).values()
    assert (found.open_days, found.expected, found.below) == (0, 0.0, False)


def test_looks() -> None:
    assert [look(days) for days in (0, 6, 7, 13, 14, 21, 28, 99)] == [0, 0, 1, 1, 2, 3, 4, 4]
    assert len(LOOKS) == 4


def test_chance_averages_out_over_products_and_the_rest_does_not() -> None:
    one = Seen(7, 7, 50.0, 70.0, 8.0, 7.0, 1.0)
    both = together([one, one])
    assert (both.units, both.expected, both.common_sd) == (100.0, 140.0, 14.0)
    assert both.chance_sd == pytest.approx(8 * sqrt(2))
    assert not together([]).below


def test_false_alarms_are_rare_when_nothing_is_wrong() -> None:
    """Simulated: four looks at Poisson demand whose level is off as assumed."""
    import numpy as np

    draw = np.random.default_rng(1)
    alarms = 0
    for _number in range(4000):
        level = 10.0 * (1 + 0.1 * draw.standard_normal())
        sold = draw.poisson(max(level, 0), 28).cumsum()
        alarms += any(
            Seen(days, days, float(sold[days - 1]), 10.0 * days, sqrt(10.0 * days), 1.0 * days, None).below
            for days in LOOKS
        )
    assert alarms / 4000 < 0.025


class TestRollBack:
    def test_a_price_that_earns_too_little_is_taken_back(self, shop: PricedShop) -> None:
        change = applied(shop)
        sell(change, 7, 4)
        found = prices_watch(now=START + timedelta(days=8, hours=4))
        assert (found.looked, found.rolled_back) == (1, 1)
        change.refresh_from_db()
        assert (change.verdict, change.watch["looks"], change.watch["units"]) == ("below", 1, 28.0)
        assert change.undone_at is not None
        assert Product.objects.get(external_id="p").price == 10
        assert shop.written == [("p", Decimal("10.5")), ("p", Decimal("10"))]
        assert PriceChange.objects.filter(kind="rollback", old_price="10.50", new_price="10.00").exists()
        assert PriceProposal.objects.get(product__external_id="p").state == "undone"
        assert "sold 28 pieces in 7 days" in str(found.messages[0])

    def test_only_told_where_it_is_switched_off(self, shop: PricedShop, settings: LazySettings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_ROLLBACK": False}
        change = applied(shop)
        sell(change, 7, 4)
        assert prices_watch(now=START + timedelta(days=8, hours=4)).rolled_back == 0
        change.refresh_from_db()
        assert change.verdict == "below" and change.undone_at is None and len(shop.written) == 1

    def test_one_that_earns_what_it_should_is_kept_after_four_looks(self, shop: PricedShop) -> None:
        change = applied(shop)
        sell(change, 28, 10)
        assert prices_watch(now=START + timedelta(days=8)).looked == 1
        assert prices_watch(now=START + timedelta(days=8, hours=1)).looked == 0
        found = prices_watch(now=START + timedelta(days=29))
        change.refresh_from_db()
        assert (found.kept, change.verdict, change.watch["looks"]) == (1, "kept", 4)
        assert prices_watch(now=START + timedelta(days=30)).looked == 0

    def test_few_pieces_say_nothing(self, shop: PricedShop) -> None:
        change = applied(shop, daily=0.3)
        sell(change, 28, 0)
        found = prices_watch(now=START + timedelta(days=29))
        change.refresh_from_db()
        assert (found.rolled_back, change.verdict) == (0, "unknown")

    def test_a_price_that_the_shop_changed_meanwhile_is_left_alone(self, shop: PricedShop) -> None:
        change = applied(shop)
        sell(change, 7, 0)
        Product.objects.filter(pk=change.product_id).update(price="11.00")
        assert prices_watch(now=START + timedelta(days=8, hours=4)).rolled_back == 0
        change.refresh_from_db()
        assert change.verdict == "unknown" and len(shop.written) == 1

    @pytest.mark.parametrize("reason", ["the till is closed", "does not get 10 back"])
    def test_one_that_does_not_work_is_tried_again_and_told_once(self, reason: str, shop: PricedShop) -> None:
        change = applied(shop)
        sell(change, 7, 4)
        if reason == "the till is closed":
            shop.broken = {"p"}
        else:
            Product.objects.filter(pk=change.product_id).update(cost="10.20")
        found = prices_watch(now=START + timedelta(days=8, hours=4))
        assert found.rolled_back == 0 and any(reason in str(one) for one in found.messages)
        found = prices_watch(now=START + timedelta(days=8, hours=5))
        assert found.rolled_back == 0 and found.messages == [] and len(shop.written) == 1
        shop.broken = set()
        Product.objects.filter(pk=change.product_id).update(cost="4.00")
        assert prices_watch(now=START + timedelta(days=8, hours=6)).rolled_back == 1
        assert shop.written[-1] == ("p", Decimal("10"))


class TestScheduled:
    def test_applied_when_it_is_time(self, shop: PricedShop) -> None:
        proposal_make(priced_product(external_id="p"), state="scheduled", apply_at=START)
        assert prices_watch(now=START - timedelta(minutes=1)).applied == 0
        assert prices_watch(now=START).applied == 1
        assert prices_watch(now=START + timedelta(hours=1)).applied == 0
        assert shop.written == [("p", Decimal("10.5"))]

    def test_without_apply_price_it_stays_and_is_told(self, reading_shop: None) -> None:
        proposal_make(state="scheduled", apply_at=START)
        found = prices_watch(now=START)
        assert found.applied == 0 and "download them as CSV" in str(found.messages[0])
        assert PriceProposal.objects.get().state == "scheduled"

    def test_the_job(self, shop: PricedShop) -> None:
        proposal_make(priced_product(external_id="p"), state="scheduled", apply_at=START)
        run = run_now(kind="pricing.watch")
        assert run.state == Run.State.DONE, run.error
        assert run.metrics["watch"]["applied"] == 1


class TestCanary:
    @pytest.fixture(autouse=True)
    def a_week(self, settings: LazySettings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_CANARY_DAYS": 7}

    def batch(self, shop: PricedShop, pieces: int) -> None:
        """Two that went first and sold ``pieces`` a day of ten, and one that follows after a week."""
        changes = [applied(shop, f"c{number}", batch="b", is_canary=True) for number in range(2)]
        proposal_make(
            priced_product(external_id="rest"), state="scheduled", batch="b", apply_at=START + timedelta(days=8)
        )
        for change in changes:
            sell(change, 7, pieces)

    def test_the_others_follow(self, shop: PricedShop) -> None:
        self.batch(shop, 10)
        found = prices_watch(now=START + timedelta(days=8, hours=1))
        assert (found.applied, found.stopped) == (1, 0)
        assert ("rest", Decimal("10.5")) in shop.written

    def test_the_others_are_stopped_when_it_earned_too_little(self, shop: PricedShop) -> None:
        self.batch(shop, 4)
        found = prices_watch(now=START + timedelta(days=8, hours=1))
        assert (found.applied, found.stopped, found.rolled_back) == (0, 1, 2)
        row = PriceProposal.objects.get(product__external_id="rest")
        assert (row.state, row.held_words) == ("rejected", "Those that went first earned less than expected.")
        assert Product.objects.get(external_id="rest").price == 10

    def test_the_others_wait_until_the_first_are_in_the_shop(self, shop: PricedShop) -> None:
        proposal_make(state="approved", batch="b", is_canary=True)
        proposal_make(priced_product(external_id="rest"), state="scheduled", batch="b", apply_at=START)
        found = prices_watch(now=START)
        assert (found.applied, found.postponed) == (0, 1)
        assert PriceProposal.objects.get(product__external_id="rest").apply_at == START + timedelta(days=1)

    @pytest.mark.parametrize("undone", [1, 2])
    def test_the_others_are_stopped_when_people_took_the_first_back(self, undone: int, shop: PricedShop) -> None:
        self.batch(shop, 10)
        for change in list(PriceChange.objects.order_by("pk")[:undone]):
            change_undo(change=change)
        found = prices_watch(now=START + timedelta(days=8, hours=1))
        assert (found.applied, found.stopped) == (0, 1)
        row = PriceProposal.objects.get(product__external_id="rest")
        assert row.held_words == "Of those that went first too few are still in the shop."

    @pytest.mark.parametrize("state", ["stale", "failed"])
    def test_the_others_are_stopped_when_none_came_into_the_shop(self, state: str, shop: PricedShop) -> None:
        proposal_make(state=state, batch="b", is_canary=True)
        proposal_make(priced_product(external_id="rest"), state="scheduled", batch="b", apply_at=START)
        assert prices_watch(now=START).stopped == 1 and shop.written == []

    def test_the_others_wait_until_the_first_have_been_there_long_enough(self, shop: PricedShop) -> None:
        """The first came two days late."""
        changes = [applied(shop, f"c{number}", batch="b", is_canary=True) for number in range(2)]
        PriceChange.objects.update(at=START + timedelta(days=2))
        proposal_make(
            priced_product(external_id="rest"), state="scheduled", batch="b", apply_at=START + timedelta(days=7)
        )
        for change in changes:
            sell(change, 7, 10)
        found = prices_watch(now=START + timedelta(days=7))
        assert (found.applied, found.postponed) == (0, 1)
        assert PriceProposal.objects.get(product__external_id="rest").apply_at == START + timedelta(days=9)
        assert prices_watch(now=START + timedelta(days=9)).applied == 1
