"""What becomes of prices in the shop: kept, rolled back, followed by the others, scheduled ones applied in time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import log, sqrt
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from scipy.stats import nbinom

from django_ecomai.mirror.models import Product, StockPoint
from django_ecomai.pricing.models import PriceChange, PriceProposal, ProductElasticity
from django_ecomai.pricing.order_days import silent_days
from django_ecomai.pricing.services import apply as apply_room
from django_ecomai.pricing.services import change_undo, prices_watch, proposals_approve, proposals_reschedule
from django_ecomai.pricing.services import watch as watch_room
from django_ecomai.pricing.services.apply import changes_apply
from django_ecomai.pricing.watching import (
    ALARMS,
    LEVEL_SD,
    LOOKS,
    MEMORY,
    SHOP_SD,
    Seen,
    expected_days,
    families_as_one,
    look,
    seen_of,
    together,
)
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
    sell(change, 7, 3)
    (found,) = seen_of(channel="", changes=[change], until=START.date() + timedelta(days=8)).values()
    assert (found.days, found.open_days, found.units, found.expected) == (7, 7, 21.0, 70.0)
    assert found.chance_sd == pytest.approx(sqrt(70.0))  # Poisson: dispersion 1, alpha 0, rho 0
    assert found.level_sd == pytest.approx(70.0 * sqrt(LEVEL_SD**2 + 1 / (70.0 * MEMORY)))
    assert found.common_sd == pytest.approx(70.0 * sqrt(SHOP_SD**2 + (0.8 / 3.92 * log(1.05)) ** 2))
    # Fewer than the floor come at most with ALARMS, so many or fewer more often.
    size, share = 70.0**2 / (found.sd**2 - 70.0), 70.0 / found.sd**2
    assert nbinom.cdf(found.floor - 1, size, share) < ALARMS <= nbinom.cdf(found.floor, size, share)
    assert found.floor == 23
    assert found.left == 6.5 and found.below
    assert found.as_dict()["profit"] == 136.5 and found.as_dict()["expected"] == 455.0


def seen(units: float, expected: float, *, chance: float = 1.0, level: float = 0.0, common: float = 0.0) -> Seen:
    """After a week; ``chance`` is the variance per piece, ``level`` and ``common`` are parts of what was expected."""
    return Seen(7, 7, units, expected, sqrt(chance * expected), level * expected, common * expected, None)


def test_a_total_stop_shows_where_a_normal_bound_would_lie_below_nothing() -> None:
    """Of 56 pieces none: 2.5 deviations are more than all of them."""
    found = seen(0.0, 56.0, chance=8.0, level=0.3)
    assert 56.0 - 2.5 * found.sd < 0
    assert (found.floor, found.enough, found.below) == (10, True, True)


def test_where_nothing_sold_would_not_be_too_few_nothing_can_be_told() -> None:
    found = seen(0.0, 8.0, level=0.5)
    assert (found.floor, found.enough, found.below) == (0, False, False)


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
    """The level of a forecast averages out over price families, not over the products of one."""
    one = Seen(7, 7, 50.0, 70.0, 8.0, 21.0, 7.0, 1.0)
    both = together([one, one])
    assert (both.units, both.expected, both.level_sd, both.common_sd) == (100.0, 140.0, 42.0, 14.0)
    assert both.chance_sd == pytest.approx(8 * sqrt(2))
    apart = families_as_one([("", one), ("", one)])
    assert (apart.level_sd, apart.common_sd) == (pytest.approx(21 * sqrt(2)), 14.0)
    assert families_as_one([("p1", one), ("p1", one)]) == both
    assert not together([]).below and not together([]).enough


def test_false_alarms_are_rare_when_nothing_is_wrong() -> None:
    """Simulated: four looks at Poisson demand whose level is off as assumed."""
    import numpy as np

    draw = np.random.default_rng(1)
    alarms = 0
    for _number in range(4000):
        level = 10.0 * max(1 + LEVEL_SD * draw.standard_normal(), 0)
        sold = draw.poisson(level, 28).cumsum()
        alarms += any(seen(float(sold[days - 1]), 10.0 * days, level=LEVEL_SD).below for days in LOOKS)
    assert 0 < alarms / 4000 < 0.025


class TestRollBack:
    def test_a_price_that_earns_too_little_is_taken_back(self, shop: PricedShop) -> None:
        change = applied(shop)
        sell(change, 7, 3)
        found = prices_watch(now=START + timedelta(days=8, hours=4))
        assert (found.looked, found.rolled_back) == (1, 1)
        change.refresh_from_db()
        assert (change.verdict, change.watch["looks"], change.watch["units"]) == ("below", 1, 21.0)
        assert change.undone_at is not None
        assert Product.objects.get(external_id="p").price == 10
        assert shop.written == [("p", Decimal("10.5")), ("p", Decimal("10"))]
        assert PriceChange.objects.filter(kind="rollback", old_price="10.50", new_price="10.00").exists()
        assert PriceProposal.objects.get(product__external_id="p").state == "undone"
        assert "sold 21 pieces in 7 days" in str(found.messages[0])

    def test_only_told_where_it_is_switched_off(self, shop: PricedShop, settings: LazySettings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_ROLLBACK": False}
        change = applied(shop)
        sell(change, 7, 3)
        assert prices_watch(now=START + timedelta(days=8, hours=4)).rolled_back == 0
        change.refresh_from_db()
        assert change.verdict == "below" and change.undone_at is None and len(shop.written) == 1

    def test_a_total_stop_of_rare_noisy_sales_is_taken_back_and_never_called_well(self, shop: PricedShop) -> None:
        """Two a day, of which chance scatters as real shops' products do: after 28 days without any it was too few."""
        change = applied(shop, daily=2.0)
        ProductElasticity.objects.update(dispersion=0.8, alpha=0.6, rho=0.02)
        sell(change, 28, 0)
        found = prices_watch(now=START + timedelta(days=29))
        change.refresh_from_db()
        assert (found.rolled_back, found.kept, change.verdict) == (1, 0, "below")

    def test_where_even_nothing_sold_would_not_tell_the_verdict_says_so(self, shop: PricedShop) -> None:
        change = applied(shop, daily=2.0)
        ProductElasticity.objects.update(dispersion=2.5, alpha=0.6, rho=0.2)
        sell(change, 28, 0)
        found = prices_watch(now=START + timedelta(days=29))
        change.refresh_from_db()
        assert (found.rolled_back, found.kept, change.verdict) == (0, 0, "unknown")
        assert (change.watch["expected_units"], change.watch["floor_units"]) == (56.0, 0)

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
        sell(change, 7, 3)
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
        self.batch(shop, 3)
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

    @pytest.mark.parametrize(("number", "stopped"), [(1, 1), (2, 1), (0, 0)])
    def test_the_others_are_stopped_when_people_set_other_prices_over_the_first(
        self, number: int, stopped: int, shop: PricedShop
    ) -> None:
        self.batch(shop, 10)
        for change in PriceChange.objects.order_by("pk")[:number]:
            Product.objects.filter(pk=change.product_id).update(price="10.20")
        found = prices_watch(now=START + timedelta(days=8, hours=1))
        assert (found.applied, found.stopped) == (1 - stopped, stopped)

    def test_a_younger_price_of_ours_over_the_first_stops_nothing(self, shop: PricedShop) -> None:
        self.batch(shop, 10)
        for change in PriceChange.objects.order_by("pk"):
            row = proposal_make(change.product, state="approved", old_price="10.50", new_price="10.80")
            changes_apply(proposals=[row], now=START + timedelta(days=3))
        assert PriceChange.objects.filter(new_price="10.80").count() == 2
        found = prices_watch(now=START + timedelta(days=8, hours=1))
        assert (found.applied, found.stopped) == (1, 0)

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


def family_applied(shop: PricedShop, number: int, *, daily: float = 10.0) -> list[PriceChange]:
    """A family of so many variants, written together at START."""
    parent = priced_product(external_id="parent", is_active=False)
    rows = []
    for each in range(number):
        product = priced_product(external_id=f"v{each}", parent=parent)
        elasticity_make(product)
        rows.append(
            proposal_make(
                product, state="approved", family=f"p{parent.pk}", batch="b", units_old=daily * 28,
                units_new=daily * 28,
            )
        )  # fmt: skip
    assert len(changes_apply(proposals=rows, now=START).changes) == number
    return list(PriceChange.objects.select_related("product", "proposal").order_by("pk"))


class TestCanaryThatCannotTell:
    """What follows waits for a person, not for a test that could never fail."""

    @pytest.fixture(autouse=True)
    def a_week(self, settings: LazySettings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_CANARY_DAYS": 7}

    def batch(self, shop: PricedShop, **noise: float) -> PriceProposal:
        """One that went first, of which two a day were expected and none sold, and one that follows."""
        change = applied(shop, "c", daily=2.0, batch="b", is_canary=True)
        ProductElasticity.objects.update(**noise)
        row = proposal_make(
            priced_product(external_id="rest"), state="scheduled", batch="b", apply_at=START + timedelta(days=8)
        )
        sell(change, 8, 0)
        return row

    def test_the_others_wait_and_say_why(self, shop: PricedShop) -> None:
        row = self.batch(shop, dispersion=2.5, alpha=0.6, rho=0.2)
        at = START + timedelta(days=8, hours=1)
        found = prices_watch(now=at)
        row.refresh_from_db()
        assert (found.applied, found.stopped, found.postponed) == (0, 0, 1)
        assert (row.state, row.apply_at) == ("scheduled", at + timedelta(days=1))
        assert row.held_words == (
            "Of those that go first so few pieces are expected (14 in 7 days) that it would not show if they sold "
            "none: this price waits until you let it go or reject it."
        )
        assert row.held_words in [str(one) for one in found.messages]
        # a person lets it go
        changes_apply(proposals=proposals_reschedule(proposals=[row], apply_at=None), now=at)
        row.refresh_from_db()
        assert (row.state, row.held_words) == ("applied", "")

    def test_of_the_same_that_sell_steadily_nothing_sold_tells_enough(self, shop: PricedShop) -> None:
        row = self.batch(shop, dispersion=1.0, alpha=0.0, rho=0.0)
        found = prices_watch(now=START + timedelta(days=8, hours=1))
        row.refresh_from_db()
        assert (found.applied, found.stopped, row.state) == (0, 1, "rejected")

    @pytest.mark.parametrize("units", [None, 2.0])
    def test_it_is_said_when_they_are_approved(self, units: float | None, shop: PricedShop) -> None:
        rows = [
            proposal_make(priced_product(external_id=f"p{number}"), units_old=units, units_new=units)
            for number in range(8)
        ]
        done = proposals_approve(proposals=rows, canary_share=0.25)
        later = [row for row in done if not row.is_canary]
        assert len(later) == 6
        assert {row.held_code for row in later} == {"canary_untold"}
        stored = PriceProposal.objects.filter(is_canary=False)
        assert set(stored.values_list("state", "held_code")) == {("scheduled", "canary_untold")}
        assert set(PriceProposal.objects.filter(is_canary=True).values_list("held_code", flat=True)) == {""}

    def test_nothing_is_said_where_enough_is_expected(self, shop: PricedShop) -> None:
        rows = [
            proposal_make(priced_product(external_id=f"p{number}"), units_old=280.0, units_new=280.0)
            for number in range(8)
        ]
        proposals_approve(proposals=rows, canary_share=0.25)
        assert set(PriceProposal.objects.values_list("held_code", flat=True)) == {""}

    def test_of_those_of_whom_nothing_is_expected_nothing_follows_by_itself(self, shop: PricedShop) -> None:
        change = applied(shop, "c", batch="b", is_canary=True)
        PriceProposal.objects.update(units_old=None, units_new=None)
        proposal_make(priced_product(external_id="rest"), state="scheduled", batch="b", apply_at=START)
        sell(change, 30, 10)
        for days in (8, 15, 31):
            found = prices_watch(now=START + timedelta(days=days))
            assert (found.applied, found.stopped, found.postponed) == (0, 0, 1)
        assert [name for name, _price in shop.written] == ["c"]


class TestNoOrders:
    """A copy that has no orders any more says nothing about prices."""

    @pytest.fixture(autouse=True)
    def the_copy_goes_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its last sale is not so old that it counts as a copy of the past."""
        monkeypatch.setattr(watch_room, "ledger_until", lambda channel: date.max)

    def busy(self, until: int) -> None:
        """Six orders a day of something else, from eight weeks before START until so many days after it."""
        other = priced_product(external_id="other")
        for day in range(-56, until + 1):
            for hour in range(6):
                order_make(lines=[other], placed_at=START + timedelta(days=day, hours=hour), currency="EUR")

    @pytest.mark.parametrize(("silent", "rolled_back"), [(0, 1), (3, 1), (4, 0), (7, 0)])
    def test_a_look_waits_for_orders(self, silent: int, rolled_back: int, shop: PricedShop) -> None:
        """Eighteen missing orders may be chance, twenty-four are none."""
        change = applied(shop)
        self.busy(7 - silent)
        found = prices_watch(now=START + timedelta(days=8))
        change.refresh_from_db()
        assert found.rolled_back == rolled_back and change.watch.get("looks", 0) == rolled_back
        told = [str(one) for one in found.messages if one.code == "no_orders_since"]
        day = (START + timedelta(days=8 - silent)).strftime("%m/%d/%Y")
        begins = [f"No order has reached EcomAI since {day}, though many are usual"]
        assert [text[: len(begins[0])] for text in told] == ([] if rolled_back else begins)

    def test_silent_days_are_left_out_when_orders_come_again(self, shop: PricedShop) -> None:
        """Of fourteen days five without any order: nine days of ten pieces are expected, and sold."""
        change = applied(shop)
        self.busy(2)
        for day in (*range(3), *range(8, 15)):
            order_make(lines=[(change.product, 10)], placed_at=START + timedelta(days=day), currency="EUR")
            for _number in range(5):
                order_make(lines=[priced_product()], placed_at=START + timedelta(days=day), currency="EUR")
        (found,) = seen_of(channel="", changes=[change], until=START.date() + timedelta(days=15)).values()
        assert (found.days, found.open_days, found.units, found.expected) == (14, 9, 90.0, 90.0)

    def test_what_follows_waits_too(self, shop: PricedShop, settings: LazySettings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_CANARY_DAYS": 7}
        change = applied(shop, "c", batch="b", is_canary=True)
        for day in (1, 2, 3):
            order_make(lines=[(change.product, 10)], placed_at=START + timedelta(days=day), currency="EUR")
        row = proposal_make(
            priced_product(external_id="rest"), state="scheduled", batch="b", apply_at=START + timedelta(days=8)
        )
        self.busy(3)
        found = prices_watch(now=START + timedelta(days=8))
        row.refresh_from_db()
        assert (found.applied, found.stopped, found.postponed) == (0, 0, 1)
        assert (row.state, row.held_code, row.held_named) == ("scheduled", "no_orders_since", {"day": "2026-03-06"})

    @pytest.mark.parametrize(
        ("orders", "missing", "silent"),
        [(100, [70], [70]), (2, [70], []), (2, list(range(70, 84)), list(range(70, 84)))],
    )
    def test_how_long_a_silence_is_none(self, orders: int, missing: list[int], silent: list[int]) -> None:
        """Of a hundred orders a day one day without; of two a day not one, but a fortnight."""
        import numpy as np

        busy = np.ones(84, dtype=bool)
        busy[missing] = False
        assert np.flatnonzero(silent_days(busy, orders=orders * int(busy.sum()))).tolist() == silent

    def test_a_shop_that_is_closed_on_sundays_is_not_silent(self) -> None:
        import numpy as np

        busy = np.arange(84) % 7 != 6
        assert not silent_days(busy, orders=100 * int(busy.sum())).any()


class TestFamilies:
    """Products of a price family fall together, so they are tested as one."""

    def test_one_member_that_sells_badly_does_not_pull_the_others_down(self, shop: PricedShop) -> None:
        changes = family_applied(shop, 3)
        for change, pieces in zip(changes, (3, 14, 14), strict=True):
            sell(change, 7, pieces)
        found = prices_watch(now=START + timedelta(days=8, hours=4))
        assert (found.looked, found.rolled_back, found.messages) == (3, 0, [])
        assert set(PriceChange.objects.values_list("verdict", flat=True)) == {""}
        # By itself it would have come back.
        (alone,) = seen_of(channel="", changes=changes[:1], until=START.date() + timedelta(days=8)).values()
        assert alone.below

    def test_it_is_taken_back_as_one_and_told_once(self, shop: PricedShop) -> None:
        changes = family_applied(shop, 3)
        for change in changes:
            sell(change, 7, 3)
        found = prices_watch(now=START + timedelta(days=8, hours=4))
        assert (found.looked, found.rolled_back) == (3, 3)
        (told,) = [str(one) for one in found.messages]
        assert told.startswith("The 3 products of the price family of") and "sold 63 pieces in 7 days" in told
        rows = PriceChange.objects.filter(kind="apply")
        assert {(row.verdict, row.watch["family"], row.watch["units"]) for row in rows} == {("below", 3, 21.0)}
        assert not any(row.watch.get("refused") for row in rows) and rows.filter(undone_at=None).count() == 0
        assert prices_watch(now=START + timedelta(days=8, hours=5)).messages == []

    def test_many_that_sell_little_each_say_something_together(self, shop: PricedShop) -> None:
        """Ten variants of half a piece a day: 3.5 expected of each in a week, 35 of all."""
        changes = family_applied(shop, 10, daily=0.5)
        sell(changes[0], 7, 0)
        assert prices_watch(now=START + timedelta(days=8, hours=4)).rolled_back == 10

    def test_what_the_shop_refuses_is_told_once_too(self, shop: PricedShop) -> None:
        changes = family_applied(shop, 2)
        for change in changes:
            sell(change, 7, 0)
        shop.broken = {"v1"}
        found = prices_watch(now=START + timedelta(days=8, hours=4))
        assert found.rolled_back == 0 and len(found.messages) == 2  # it sold too little, and the till is closed
        assert prices_watch(now=START + timedelta(days=8, hours=5)).messages == []
        shop.broken = set()
        assert prices_watch(now=START + timedelta(days=8, hours=6)).rolled_back == 2

    def test_members_of_two_days_are_looked_at_when_the_younger_is_due(self, shop: PricedShop) -> None:
        changes = family_applied(shop, 2)
        PriceChange.objects.filter(pk=changes[1].pk).update(at=START + timedelta(days=1))
        sell(changes[0], 9, 10)
        assert prices_watch(now=START + timedelta(days=8, hours=4)).looked == 0
        assert prices_watch(now=START + timedelta(days=9, hours=4)).looked == 2

    @pytest.mark.parametrize("members", [1, 10, 20])
    def test_false_alarms_are_as_rare_as_of_single_products(self, members: int) -> None:
        """Simulated: 4,000 families with nothing wrong, 12 pieces a week and member (Poisson), their levels off by
        ``LEVEL_SD`` at random (gamma), all of a family alike or each by itself."""
        import numpy as np

        draw, runs = np.random.default_rng(1), 4000
        told, alone = [], []
        for common in (True, False):
            level = draw.gamma(LEVEL_SD**-2, LEVEL_SD**2, (runs, 1 if common else members, 1))
            sold = draw.poisson(np.broadcast_to(12.0 * level, (runs, members, 4))).cumsum(axis=2)
            expected = 12.0 * np.arange(1, 5)
            floor = np.array([seen(0, e, level=LEVEL_SD).floor for e in expected.tolist()])
            alone.append(100 * float((sold < floor).any(axis=(1, 2)).mean()))
            alarms = 0
            for family in sold:
                alarms += any(
                    together([seen(float(units), e, level=LEVEL_SD) for units in family[:, week]]).below
                    for week, e in enumerate(expected.tolist())
                )  # fmt: skip
            told.append(100 * alarms / runs)
        print(f"{members} members, false alarms in %: one level {told[0]:.2f}, own levels {told[1]:.2f}")
        print(f"  each member tested alone: {alone[0]:.2f}, {alone[1]:.2f}")
        assert max(told) < 2.5


def poison(monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
    """What became of this product can never be noted."""
    real = apply_room.mirror_follow

    def follow(adapter: Any, *, channel: str, prices: Any, now: datetime) -> None:
        if bad in prices:
            raise ValueError("poison")
        real(adapter, channel=channel, prices=prices, now=now)

    monkeypatch.setattr(apply_room, "mirror_follow", follow)


class TestErrors:
    """One price that breaks does not stop the hour; it is told, and the run fails at its end."""

    def test_a_row_whose_record_always_fails(self, shop: PricedShop, monkeypatch: pytest.MonkeyPatch) -> None:
        for ident in ("bad", "left"):
            proposal_make(
                priced_product(external_id=ident), state="writing", writing_since=timezone.now() - timedelta(hours=1)
            )
        for number in range(3):
            proposal_make(priced_product(external_id=f"due{number}"), state="scheduled", apply_at=START)
        poison(monkeypatch, "bad")
        run = run_now(kind="pricing.watch")
        assert run.state == Run.State.FAILED and "An error stopped 1 thing" in run.message
        assert (run.metrics["watch"]["errors"], run.metrics["watch"]["applied"]) == (1, 4)
        assert "ValueError: poison" in run.log
        states = dict(PriceProposal.objects.values_list("product__external_id", "state"))
        assert states == {"bad": "writing", "left": "applied", **{f"due{number}": "applied" for number in range(3)}}

    def test_due_rows_that_were_written_together_with_it(
        self, shop: PricedShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its part waits, written but not noted, for the next hour; the others go in at once."""
        for number in range(60):
            proposal_make(priced_product(external_id=f"p{number:02}"), state="scheduled", apply_at=START)
        poison(monkeypatch, "p00")
        found = prices_watch()
        assert found.errors == 1 and len(shop.written) == 60
        assert PriceProposal.objects.filter(state="writing").count() == 50
        PriceProposal.objects.filter(state="writing").update(writing_since=timezone.now() - timedelta(hours=1))
        found = prices_watch()
        assert (found.applied, found.errors, len(found.messages)) == (49, 1, 1)
        assert "p00: An error stopped it, and the next attempt tries it again: ValueError: poison" in str(
            found.messages[0]
        )
        assert PriceProposal.objects.get(state="writing").product.external_id == "p00"

    def test_a_step_that_fails_keeps_no_other_back(self, shop: PricedShop, monkeypatch: pytest.MonkeyPatch) -> None:
        proposal_make(priced_product(external_id="p"), state="scheduled", apply_at=START)

        def broken(**given: Any) -> None:
            raise ValueError("no ledger")

        monkeypatch.setattr(watch_room, "ledger_until", broken)
        found = prices_watch(now=START)
        assert (found.applied, found.errors) == (1, 1)
        assert "the rest went on: look: ValueError: no ledger" in str(found.messages[0])

    def test_a_roll_back_that_breaks_is_told_once_and_tried_again(
        self, shop: PricedShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for ident in ("p", "q"):
            sell(applied(shop, ident), 7, 3)
        real = watch_room.change_undo

        def undo(*, change: PriceChange, **given: Any) -> PriceChange:
            if change.product.external_id == "p":
                raise KeyError("p")
            return real(change=change, **given)

        monkeypatch.setattr(watch_room, "change_undo", undo)
        found = prices_watch(now=START + timedelta(days=8, hours=4))
        assert (found.rolled_back, found.errors) == (1, 1)
        monkeypatch.setattr(watch_room, "change_undo", real)
        found = prices_watch(now=START + timedelta(days=8, hours=5))
        assert (found.rolled_back, found.errors, found.messages) == (1, 0, [])

    def test_a_worker_that_is_killed_before_it_rolls_back(
        self, shop: PricedShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sell(applied(shop), 7, 3)
        real = watch_room.change_undo

        def killed(**given: Any) -> PriceChange:
            raise KeyboardInterrupt

        monkeypatch.setattr(watch_room, "change_undo", killed)
        with pytest.raises(KeyboardInterrupt):
            prices_watch(now=START + timedelta(days=8, hours=4))
        monkeypatch.setattr(watch_room, "change_undo", real)
        assert prices_watch(now=START + timedelta(days=8, hours=5)).rolled_back == 1

    def test_where_everything_breaks_it_ends(self, shop: PricedShop, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(40):
            proposal_make(priced_product(external_id=f"p{number}"), state="scheduled", apply_at=START)

        def broken(*args: Any, **given: Any) -> None:
            raise ValueError("no rules")

        monkeypatch.setattr(apply_room, "prices_refused", broken)
        found = prices_watch(now=START)
        assert found.errors == watch_room.MOST_ERRORS + 1 and found.applied == 0
        assert set(PriceProposal.objects.values_list("state", flat=True)) == {"scheduled"}


class TestWhatItReads:
    def test_sales_only_where_a_look_is_due(self, shop: PricedShop) -> None:
        change = applied(shop)
        sell(change, 10, 10)
        assert prices_watch(now=START + timedelta(days=8)).looked == 1
        with CaptureQueriesContext(connection) as told:
            assert prices_watch(now=START + timedelta(days=9)).looked == 0
        sql = [query["sql"].lower() for query in told.captured_queries]
        assert not [one for one in sql if "quantity" in one and "orderline" in one], "sales are read"
        assert len(sql) < 15

    def test_neither_descriptions_nor_curves_of_what_is_due(self, shop: PricedShop) -> None:
        """The claim reads none either; what is written is read again with all that limits need."""
        proposal_make(priced_product(external_id="p"), state="scheduled", apply_at=START + timedelta(days=9))
        proposal_make(priced_product(external_id="rest"), state="scheduled", batch="b", apply_at=START)
        proposal_make(priced_product(external_id="c"), state="approved", batch="b", is_canary=True)
        with CaptureQueriesContext(connection) as told:
            assert prices_watch(now=START).postponed == 1
        sql = [query["sql"].lower() for query in told.captured_queries]
        assert not [one for one in sql if '"description"' in one or '"curve"' in one or "`curve`" in one]
