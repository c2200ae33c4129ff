"""A price test in a shop that fails: killed workers, hours without the shop, prices that the shop rounds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.models import PriceChange, PriceTest
from django_ecomai.pricing.services import (
    PricingError,
    SecondNeeded,
    change_undo,
    changes_apply,
    price_test_start,
    price_test_stop,
    prices_watch,
    proposals_approve,
)
from django_ecomai.pricing.services import price_tests as room

from .adapters import LiveShop, PricedShop
from .factories import priced_product, proposal_make

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
MONDAY = datetime(2026, 3, 9, 0, 20, tzinfo=UTC)
HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)
D = Decimal


class Killed(BaseException):
    """What a worker that is killed leaves behind."""


def started(shop: PricedShop, **fields: Any) -> PriceTest:
    product = priced_product(external_id="t")
    if isinstance(shop, LiveShop):
        shop.now["t"] = D(10)
    given = {"low": D("9.80"), "high": D("10.20"), "weeks": 4, "seed": 1, "now": START, **fields}
    return price_test_start(product=product, **given)


def killed(monkeypatch: pytest.MonkeyPatch, step: str, work: Callable[[], Any]) -> None:
    """Do the work, and be killed at a step of it: before or after a function of the room, or of the shop's adapter."""
    when, name = step.split(" ")
    holder: Any = LiveShop if name in ("apply_price", "rows_of") else room
    real, calls = getattr(holder, name), []

    def stop(*given: Any, **named: Any) -> Any:
        calls.append(1)
        if when == "before":
            raise Killed
        if when == "after":
            real(*given, **named)
            raise Killed
        if len(calls) == int(when):
            raise Killed
        return real(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(holder, name, stop)
        with pytest.raises(Killed):
            work()


STEPS = [
    "after _claim", "before _write", "before write_price", "before apply_price", "after apply_price",
    "after write_price", "2 _said_now", "after _write", "before _record", "before mirror_follow", "after mirror_follow",
    "after _record",
]  # fmt: skip


def the_end(test: PriceTest, since: datetime) -> None:
    """The hours until the test is over."""
    for number in range(6):
        prices_watch(now=since + number * WEEK + HOUR)
    test.refresh_from_db()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("cent", ["0.0001", "0.1"])
def test_a_worker_that_is_killed_in_a_weeks_change_loses_nothing(
    live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch, step: str, cent: str
) -> None:
    test = started(live_shop)
    live_shop.cent = D(cent)  # 9.80 and 10.20 are whole there
    killed(monkeypatch, step, lambda: prices_watch(now=MONDAY))
    the_end(test, MONDAY)
    assert (test.state, test.reason_words, live_shop.now["t"]) == ("done", "", 10)
    assert Product.objects.get().price == 10
    assert [week.applied_at is None for week in test.weeks.all()] == [False] * 4
    # one record per price that the shop had, in their order
    changes = list(PriceChange.objects.order_by("pk").values_list("old_price", "new_price"))
    weeks = list(test.weeks.values_list("price", flat=True))
    wanted = [D(10), *(price for price, _same in groupby([*weeks, D(10)]))]
    assert [new for _old, new in changes] == wanted[1:] and [old for old, _new in changes] == wanted[:-1]
    assert test.writing_price is None and test.claimed_since is None


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_that_is_killed_when_a_test_ends_loses_nothing(
    live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    test = started(live_shop)
    for number in range(4):
        prices_watch(now=MONDAY + number * WEEK)
    written = PriceChange.objects.count()
    killed(monkeypatch, step, lambda: prices_watch(now=MONDAY + 4 * WEEK))
    the_end(test, MONDAY + 4 * WEEK)
    assert (test.state, test.reason_words, live_shop.now["t"], Product.objects.get().price) == ("done", "", 10, 10)
    assert PriceChange.objects.count() == written + 1
    assert not test.weeks.filter(is_spoiled=True).exists()


def test_somebody_elses_price_after_a_crash_stays(live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch) -> None:
    test = started(live_shop)
    killed(monkeypatch, "after apply_price", lambda: prices_watch(now=MONDAY))
    live_shop.now["t"] = D("11.11")
    the_end(test, MONDAY)
    assert (test.state, live_shop.now["t"]) == ("stopped", D("11.11"))
    assert "nobody knows who wrote that" in test.reason_words


def test_a_slow_worker_whose_test_was_taken_over_notes_nothing(
    live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = started(live_shop)
    real, calls = LiveShop.apply_price, []

    def slow(self: LiveShop, ident: str, price: Any) -> None:
        calls.append(price)
        real(self, ident, price)
        if len(calls) == 1:  # the answer takes an hour
            prices_watch(now=MONDAY + HOUR)

    monkeypatch.setattr(LiveShop, "apply_price", slow)
    prices_watch(now=MONDAY)
    assert PriceChange.objects.count() == 1 and test.weeks.filter(applied_at__isnull=False).count() == 1
    the_end(test, MONDAY)
    assert (test.state, live_shop.now["t"]) == ("done", 10)


# -- a shop that is away ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("broken", ["read", "write", "line"])
@pytest.mark.parametrize("stops", [True, False])
def test_a_shop_that_is_away_when_a_test_ends(live_shop: LiveShop, broken: str, stops: bool) -> None:
    test = started(live_shop)
    for number in range(4):
        prices_watch(now=MONDAY + number * WEEK)
    last = live_shop.now["t"]
    end = MONDAY + 4 * WEEK
    if broken == "line":  # the write arrives, but nobody hears of it
        live_shop.times_out.add("t")
    else:
        (live_shop.unreadable if broken == "read" else live_shop.broken).add("t")
    if stops:
        end = MONDAY + 3 * WEEK + 2 * HOUR
        price_test_stop(test=test, reason="enough", now=end)
    else:
        prices_watch(now=end)
    test.refresh_from_db()
    if broken != "line":
        assert (test.state, test.ending, live_shop.now["t"]) == ("running", "stopped" if stops else "done", last)
        assert test.waits_for and test.standing(end.date()) == "ends as soon as the shop takes the price back"
        live_shop.unreadable, live_shop.broken = set(), set()
        prices_watch(now=end + HOUR)
        test.refresh_from_db()
    assert (test.state, test.ending, test.waits_for) == ("stopped" if stops else "done", "", "")
    assert (test.reason_words, live_shop.now["t"]) == ("enough" if stops else "", 10)
    assert prices_watch(now=end + 2 * HOUR).tests == 0


def test_a_test_that_waits_ends_when_somebody_elses_price_is_there(live_shop: LiveShop) -> None:
    test = started(live_shop)
    prices_watch(now=MONDAY)
    live_shop.broken.add("t")
    price_test_stop(test=test, reason="enough", now=MONDAY + HOUR)
    live_shop.now["t"] = D("11.11")
    prices_watch(now=MONDAY + 2 * HOUR)
    test.refresh_from_db()
    assert test.state == "stopped" and live_shop.now["t"] == D("11.11")
    assert test.reason_words == "enough; the shop has changed the price to 11.11, and it stays"


def test_a_shop_that_refuses_a_weeks_price_is_asked_again(live_shop: LiveShop) -> None:
    test = started(live_shop)
    live_shop.broken.add("t")
    found = prices_watch(now=MONDAY)
    test.refresh_from_db()
    assert (test.state, test.ending) == ("running", "") and "the till is closed" in test.waits_for
    assert "the till is closed" in str(found.messages[0])
    live_shop.broken = set()
    prices_watch(now=MONDAY + HOUR)
    test.refresh_from_db()
    assert test.waits_for == "" and live_shop.now["t"] == test.weeks.all()[0].price


# -- a shop that rounds ----------------------------------------------------------------------------------------------
def test_a_shop_that_rounds_runs_the_test_and_its_price_before_comes_back(live_shop: LiveShop) -> None:
    test = started(live_shop, low=D("9.85"), high=D("10.15"))
    live_shop.cent = D("0.1")
    for number in range(5):
        prices_watch(now=MONDAY + number * WEEK)
    test.refresh_from_db()
    assert (test.state, test.reason_words, live_shop.now["t"]) == ("done", "", 10)
    made = {week.price: week.stored_price for week in test.weeks.all()}
    assert made == {D("9.85"): D("9.80"), D("10.15"): D("10.10")}
    assert (test.kept(test.low), test.kept(test.high)) == (D("9.80"), D("10.10"))


@pytest.mark.parametrize(
    ("cent", "low", "high", "said"),
    [
        ("1", "9.85", "9.95", "The shop made 9 of 9."),  # below its cost
        ("0.1", "9.82", "9.88", "The shop makes one price of both: 9.8."),
        ("1", "10.10", "10.20", "The shop still has the price 10 after it was written."),
    ],
)
def test_what_a_shop_that_rounds_makes_untestable(
    live_shop: LiveShop, cent: str, low: str, high: str, said: str
) -> None:
    test = started(live_shop, low=D(low), high=D(high))
    Product.objects.update(cost=D("9.50"))
    live_shop.cent = D(cent)
    for number in range(2):
        prices_watch(now=MONDAY + number * WEEK)
    test.refresh_from_db()
    assert test.state == "stopped" and said in test.reason_words and live_shop.now["t"] == 10


# -- undo ------------------------------------------------------------------------------------------------------------
def applied(live_shop: LiveShop) -> tuple[PriceChange, PriceTest]:
    """A price of 10.50 that was 10.00, and a test around it."""
    live_shop.now["u"] = D(10)
    boss = User.objects.create_superuser("undoer")
    row = proposal_make(priced_product(external_id="u"))
    (change,) = changes_apply(proposals=proposals_approve(proposals=[row], user=boss), user=boss).changes
    product = Product.objects.get(pk=row.product_id)
    test = price_test_start(product=product, low=D("10.30"), high=D("10.70"), weeks=4, seed=1, now=START)
    return change, test


def test_a_price_that_is_taken_back_stops_the_test_that_has_not_begun(live_shop: LiveShop) -> None:
    change, test = applied(live_shop)
    change_undo(change=change)
    test.refresh_from_db()
    assert (test.state, test.reason_words) == ("stopped", "the price before it was taken back")
    assert live_shop.now["u"] == change.old_price
    assert prices_watch(now=MONDAY).tests == 0


def test_a_price_under_a_test_that_has_begun_is_not_taken_back(live_shop: LiveShop) -> None:
    change, test = applied(live_shop)
    prices_watch(now=MONDAY)
    with pytest.raises(PricingError, match="is in a price test that has begun: stop that first"):
        change_undo(change=change)
    price_test_stop(test=test, reason="undo", now=MONDAY + HOUR)
    change_undo(change=change)
    assert live_shop.now["u"] == change.old_price


def test_a_price_under_a_test_of_its_family_that_has_begun_is_not_taken_back(live_shop: LiveShop) -> None:
    """One of two has its price already, the other one waits for the shop."""
    change, test = applied(live_shop)
    other = PriceTest.objects.create(
        product=priced_product(external_id="o"), base_price=10, low=9, high=11, starts_on=test.starts_on, seed=1,
        family="f", writing_price=9,
    )  # fmt: skip
    PriceTest.objects.filter(pk=test.pk).update(family="f")
    with pytest.raises(PricingError, match="is in a price test that has begun"):
        change_undo(change=change)
    assert set(PriceTest.objects.filter(pk__in=[test.pk, other.pk]).values_list("state", flat=True)) == {"running"}


class TestFourEyes:
    """The price before lies below the cost of now: two people must confirm that it comes back."""

    @pytest.fixture
    def undone(self, live_shop: LiveShop, settings: LazySettings) -> tuple[PriceChange, PriceTest]:
        change, test = applied(live_shop)
        Product.objects.update(cost="10.20")
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
        return change, test

    def test_the_first_confirmation_leaves_the_test_and_the_second_stops_it(
        self, live_shop: LiveShop, undone: tuple[PriceChange, PriceTest]
    ) -> None:
        change, test = undone
        first, second = (User.objects.create_superuser(name) for name in ("first", "second"))
        with pytest.raises(SecondNeeded):
            change_undo(change=change, user=first, confirmed=True)
        test.refresh_from_db()
        assert (test.state, test.reason, live_shop.now["u"]) == ("running", "", D("10.50"))
        change_undo(change=change, user=second, confirmed=True)
        test.refresh_from_db()
        assert (test.state, test.reason_words) == ("stopped", "the price before it was taken back")
        assert live_shop.now["u"] == 10

    def test_a_test_that_has_begun_is_told_of_before_anybody_confirms(
        self, live_shop: LiveShop, undone: tuple[PriceChange, PriceTest]
    ) -> None:
        change, test = undone
        PriceTest.objects.filter(pk=test.pk).update(writing_price=D("10.30"))
        with pytest.raises(PricingError, match="is in a price test that has begun"):
            change_undo(change=change, user=User.objects.create_superuser("first"), confirmed=True)
        change.refresh_from_db()
        assert change.seconded_by is None

    def test_a_shop_that_refuses_leaves_the_test(
        self, live_shop: LiveShop, undone: tuple[PriceChange, PriceTest]
    ) -> None:
        change, test = undone
        live_shop.broken.add("u")
        for name in ("first", "second"):
            with pytest.raises(PricingError):
                change_undo(change=change, user=User.objects.create_superuser(name), confirmed=True)
        test.refresh_from_db()
        assert (test.state, test.reason) == ("running", "")
