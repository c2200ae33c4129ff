"""Sales in money: what counts, how countries and segments add up to the shop, and holes in the data."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.utils import timezone

from django_ecomai.core.registry import CustomerSegments, customer_segments
from django_ecomai.forecast.fitting import SeriesForecast, add_up_to
from django_ecomai.forecast.frames import demand_build, order_holes
from django_ecomai.forecast.ledger import ledger_read
from django_ecomai.forecast.models import Forecast, ForecastOverride, SalesTarget
from django_ecomai.forecast.presenting import final_ends
from django_ecomai.forecast.sales_frames import country_frames, money_frames, segment_frames
from django_ecomai.forecast.targets import target_states
from django_ecomai.mirror.models import Order, OrderLine, Product
from django_ecomai.testing import order_make, product_make

from .conftest import forecast_make
from .factories import noon, shop_make, train, week

pytestmark = pytest.mark.django_db


def frames_of(weeks: int = 12) -> tuple[Any, Any]:
    ledger = ledger_read(until=week(weeks))
    return demand_build(ledger, channel="", frequency="W", horizon=4), ledger


def total(frames: Any) -> Any:
    return frames["frame"].groupby("ds")["y"].sum().to_numpy()


def offer(monkeypatch: pytest.MonkeyPatch, **sets: dict[str, list[str]]) -> None:
    for name, members in sets.items():
        monkeypatch.setitem(
            customer_segments._items, name, CustomerSegments(name, lambda channel, found=members: found)
        )


def customers_make() -> None:
    lamp = product_make(price=5)
    for number in range(12):
        for customer, pieces in (("ann", 1), ("bob", 2), ("cy", 4), ("", 8)):
            order_make(customer=customer or None, lines=[(lamp, pieces)], placed_at=noon(week(number)))


def test_what_has_left_the_shop_was_sold_all_the_same() -> None:
    shop_make(products=3, weeks=12)
    worth = float(sum(one.quantity * one.unit_price for one in OrderLine.objects.all()))
    Product.objects.filter(external_id="p2").update(removed_at=timezone.now())
    for number, order in enumerate(Order.objects.all()):
        Order.objects.filter(pk=order.pk).update(country=("DE", "AT", "")[number % 3])
    demand, ledger = frames_of()
    assert [one.key for one in demand.facts] == ["p0", "p1"], "no forecast of its own"
    sales = money_frames(demand, ledger, channel="")
    assert total(sales).sum() == pytest.approx(worth)
    countries = country_frames(demand, ledger, channel="")
    assert countries is not None and countries.whole
    assert total(countries.frames) == pytest.approx(total(sales))


def test_segments_that_share_nobody_come_with_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    customers_make()
    offer(monkeypatch, value={"large": ["cy"], "small": ["ann", "nobody"], "empty": []})
    (found,) = segment_frames(*frames_of(), channel="")
    assert found.whole
    weekly = found.frames["frame"].groupby("unique_id")["y"].first().to_dict()
    assert weekly == {"large": 20, "small": 5, "–": 50}, "the rest: who is in no segment, and guests"


def test_segments_that_overlap_stand_for_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    customers_make()
    offer(monkeypatch, one={"large": ["cy", "bob"], "loyal": ["bob"]}, two={"large": ["ann"]}, three={"none": ["x"]})
    first, second = segment_frames(*frames_of(), channel="")
    assert (first.whole, second.whole) == (False, True)
    weekly = second.frames["frame"].groupby("unique_id")["y"].first().to_dict()
    assert weekly == {"two: large": 5, "–": 70}, "a name that is taken carries that of its set"


def test_a_capability_whose_segments_fail_costs_no_forecast(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    customers_make()

    def broken(channel: str) -> dict[str, list[str]]:
        raise RuntimeError("no model yet")

    monkeypatch.setitem(customer_segments._items, "broken", CustomerSegments("broken", broken))
    assert segment_frames(*frames_of(), channel="") == []
    assert "'broken' could not be read" in caplog.text


def test_segments_have_forecasts_that_add_up_and_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    customers_make()
    offer(monkeypatch, value={"large": ["cy"], "small": ["ann"]})
    train()
    money = Forecast.objects.filter(measure="money")
    whole, parts = money.get(level="shop"), list(money.filter(level="segment"))
    assert sorted(one.title for one in parts) == ["in no segment", "large", "small"]
    assert np.sum([one.mean for one in parts], axis=0) == pytest.approx(whole.mean, abs=0.03)
    target = SalesTarget.objects.create(level="segment", key="large", starts_on=week(12), ends_on=week(14), amount=30)
    (state,) = target_states(targets=[target])
    assert state.covered and state.title == "large" and state.expected > 0


def test_parts_are_scaled_to_the_whole() -> None:
    def one(key: str, mean: list[float], history: list[float]) -> SeriesForecast:
        ends = {name: np.array(mean) * 2 for name in ("lo-80", "hi-80", "lo-95", "hi-95")}
        return SeriesForecast("country", key, np.array(mean), ends, np.array(history))

    whole = one("", [9.0, 8.0], [1.0])
    de, at = add_up_to([one("DE", [2, 0], [3, np.nan]), one("AT", [1, 0], [1, np.nan])], whole)
    assert de.mean.tolist() == [6, 6] and at.mean.tolist() == [3, 2], "where all expect nothing, as they have sold"
    assert de.ends["hi-80"].tolist() == [12, 12]
    assert add_up_to([], whole) == []


@pytest.mark.parametrize(
    ("case", "holes"),
    [("a year is missing", 52), ("three weeks are missing", 0), ("closed every January", 0), ("few orders", 0)],
)
def test_a_hole_in_the_data_is_unknown_not_without_demand(case: str, holes: int) -> None:
    shop_make(products=2, weeks=156)
    orders = Order.objects.all()
    if case == "a year is missing":
        orders.filter(placed_at__range=(noon(week(52)), noon(week(104)))).delete()
    elif case == "three weeks are missing":
        orders.filter(placed_at__range=(noon(week(52)), noon(week(55)))).delete()
    elif case == "closed every January":
        for year in range(3):
            orders.filter(placed_at__range=(noon(week(52 * year + 2)), noon(week(52 * year + 10)))).delete()
    else:
        keep = list(orders.order_by("pk").values_list("pk", flat=True))[::26]
        orders.exclude(pk__in=keep).delete()
    ledger = ledger_read(until=week(156))
    demand = demand_build(ledger, channel="", frequency="W", horizon=4)
    assert int(demand.hole.sum()) == holes
    assert int(np.isnan(demand.quantity[0]).sum()) == holes
    assert int(np.isnan(total_of(money_frames(demand, ledger, channel=""))).sum()) == holes


def total_of(frames: Any) -> Any:
    return frames["frame"].groupby("ds")["y"].sum(min_count=1).to_numpy()


def test_nothing_is_no_hole() -> None:
    ledger = ledger_read()
    assert order_holes(ledger, np.arange(0), "W").tolist() == []
    assert order_holes(ledger, np.arange(3), "W").tolist() == [False] * 3


def test_gifts_are_counted_and_told_and_what_was_sold_today_is_not_in_the_future() -> None:
    today = timezone.localdate()
    shop_make(products=2, weeks=12, start=today - timedelta(days=today.weekday() + 84))
    OrderLine.objects.filter(product__external_id="p0").update(unit_price=0)
    order_make(customer="1", lines=[(Product.objects.get(external_id="p1"), 2)], placed_at=timezone.now())
    ledger = ledger_read(since=today - timedelta(days=100))
    assert (ledger.future_lines, ledger.free_lines) == (0, OrderLine.objects.filter(unit_price=0).count())
    texts = train().metrics["missing"]
    assert any("have a price of 0 (gifts, samples)" in text for text in texts)
    assert not any("in the future" in text for text in texts)


def test_targets_and_intervals_follow_the_overrides() -> None:
    lamp = product_make(price=10)
    forecast_make(product=lamp, key="lamp", title="Lamp")
    whole = forecast_make(level="shop", measure="money", title="Whole shop", mean=[100] * 4, weekdays=[1 / 7] * 7)
    target = SalesTarget.objects.create(starts_on=week(60), ends_on=week(64) - timedelta(days=1), amount=400)
    (before,) = target_states(targets=[target])
    ForecastOverride.objects.create(
        product=lamp, kind="percent", value=Decimal(50), starts_on=week(60), ends_on=week(70), reason="fair"
    )
    (after,) = target_states(targets=[target])
    assert (before.coming, after.coming) == (pytest.approx(400), pytest.approx(600))
    lows, highs = final_ends(whole, [150.0, 100.0, 0.0, 100.0])
    assert lows == [9.0, 5.0, 0.0, 4.0] and highs == [150.0, 100.0, 0.0, 100.0]


def test_a_day_of_two_offsets_is_one_day(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    lamp = product_make()
    night = date(2026, 10, 25)  # 25 hours long
    for zone, moment in (("Europe/Berlin", "2026-10-25T00:10"), ("Europe/Berlin", "2026-10-25T23:50"),
                         ("America/New_York", "2026-10-25T18:30"), ("Asia/Tokyo", "2026-10-25T06:00")):  # fmt: skip
        at = datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone))
        order_make(customer="1", lines=[(lamp, 1)], placed_at=at)
    ledger = ledger_read(until=date(2026, 11, 1))
    days = {str(ledger.since + timedelta(days=day)): int((ledger.day == day).sum()) for day in set(ledger.day.tolist())}
    assert days == {"2026-10-24": 1, str(night): 3}, "days are the shop's, wherever the customer is"
