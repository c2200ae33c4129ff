"""The demand ledger: days in the shop's time zone, cancelled spikes, returns, stock-outs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.test import override_settings
from django.utils import timezone

from django_ecomai.forecast.censoring import stocked_out
from django_ecomai.forecast.days import (
    day_date,
    day_number,
    local_days,
    period_days,
    period_numbers,
    period_of,
    period_start,
)
from django_ecomai.forecast.ledger import ledger_read, ledger_until
from django_ecomai.forecast.selectors import demand_days
from django_ecomai.mirror.models import ReturnLine, StockPoint
from django_ecomai.testing import order_make, product_make

pytestmark = pytest.mark.django_db


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def give_back(order: object, product: object, quantity: int, when: datetime) -> None:
    ReturnLine.objects.create(
        external_id=f"r{ReturnLine.objects.count()}", order=order, customer=order.customer, product=product,  # type: ignore[attr-defined]
        product_external_id=product.external_id, quantity=quantity, returned_at=when,  # type: ignore[attr-defined]
    )  # fmt: skip


def test_days_begin_at_the_shops_midnight_also_in_the_nights_of_23_and_25_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    moments = [
        "2026-03-28T22:59:59", "2026-03-28T23:00:00",  # midnight is 23:00 UTC in winter …
        "2026-03-29T21:59:59", "2026-03-29T22:00:00",  # … and 22:00 in summer: this day had 23 hours
        "2026-10-24T22:00:00", "2026-10-25T22:59:59", "2026-10-25T23:00:00",
    ]  # fmt: skip
    days = local_days(np.array([at(one).timestamp() for one in moments]), zone=berlin)
    assert [day_date(one).isoformat() for one in days] == [
        "2026-03-28", "2026-03-29", "2026-03-29", "2026-03-30", "2026-10-25", "2026-10-25", "2026-10-26",
    ]  # fmt: skip


@pytest.mark.parametrize("frequency", ["D", "W", "M"])
def test_periods_are_numbered_without_gaps_and_begin_where_they_should(frequency: str) -> None:
    days = np.arange(day_number(date(2023, 12, 20)), day_number(date(2024, 4, 2)))
    numbers = period_numbers(days, frequency)
    assert set(np.diff(numbers)) <= {0, 1}
    starts = period_days(numbers, frequency)
    assert (starts <= days).all() and (period_numbers(starts, frequency) == numbers).all()
    assert (period_numbers(starts - 1, frequency) == numbers - 1).all()
    if frequency == "W":
        assert {day_date(one).isoweekday() for one in starts} == {1}
    assert period_start(period_of(date(2024, 2, 29), "M"), "M") == date(2024, 2, 1)


def test_another_frequency_is_refused() -> None:
    with pytest.raises(ValueError, match="'Q' is no frequency"):
        period_numbers(np.array([1]), "Q")
    with pytest.raises(ValueError, match="'Q' is no frequency"):
        period_days(np.array([1]), "Q")


def test_demand_is_gross_by_day_and_cancelled_orders_are_no_demand() -> None:
    lamp, vase = product_make(), product_make()
    order_make(customer="1", lines=[(lamp, 2), (vase, 1)], placed_at=at("2026-03-01T23:30"))
    order_make(customer="2", lines=[(lamp, 3)], placed_at=at("2026-03-03T10:00"))
    order_make(customer="2", lines=[(lamp, 9)], placed_at=at("2026-03-03T11:00"), status="cancelled")
    order_make(customer="2", lines=[(lamp, 4)], placed_at=at("2026-03-03T12:00"), status="returned")
    order_make(channel="other", customer="2", lines=[(product_make(channel="other"), 50)], placed_at=at("2026-03-03"))
    found = demand_days(product_ids=[vase.pk, lamp.pk], since=date(2026, 3, 1), until=date(2026, 3, 4))
    assert found.quantity.dtype == np.float32
    assert found.quantity.tolist() == [[1, 0, 0], [2, 0, 7]]
    assert not found.censored.any() and (found.return_rate == 0).all()
    with override_settings(TIME_ZONE="Europe/Berlin"):
        found = demand_days(product_ids=[lamp.pk], since=date(2026, 3, 1), until=date(2026, 3, 4))
    assert found.quantity.tolist() == [[0, 2, 7]]


def test_what_is_cancelled_within_minutes_was_never_demand() -> None:
    lamp = product_make()
    spike = order_make(customer="16446", lines=[(lamp, 80_995)], placed_at=at("2026-03-02T09:15"))
    give_back(spike, lamp, 80_995, at("2026-03-02T09:27"))
    usual = order_make(customer="5", lines=[(lamp, 12)], placed_at=at("2026-03-02T09:15"))
    give_back(usual, lamp, 12, at("2026-03-09T09:15"))
    ledger = ledger_read(until=date(2026, 4, 1))
    assert (ledger.void_lines, ledger.void_pieces) == (1, 80_995)
    assert ledger.quantity.tolist() == [12]
    assert ledger.returned.tolist() == [12]


def test_a_return_takes_back_one_sale_only_and_none_of_somebody_unknown() -> None:
    lamp = product_make()
    first = order_make(customer="5", lines=[(lamp, 6)], placed_at=at("2026-03-02T09:00"))
    order_make(customer="5", lines=[(lamp, 6)], placed_at=at("2026-03-02T09:05"))
    give_back(first, lamp, 6, at("2026-03-02T09:10"))
    nobody = order_make(lines=[(lamp, 7)], placed_at=at("2026-03-02T09:00"))
    give_back(nobody, lamp, 7, at("2026-03-02T09:10"))
    ledger = ledger_read(until=date(2026, 4, 1))
    assert sorted(ledger.quantity.tolist()) == [6, 7]


def test_the_return_rate_is_at_most_one_and_drawn_to_the_shops_mean() -> None:
    often, never, once = product_make(), product_make(), product_make()
    order = order_make(customer="1", lines=[(often, 100), (never, 100), (once, 1)], placed_at=at("2026-03-02T09:00"))
    give_back(order, often, 400, at("2026-03-20"))  # more than was sold here: bought before the history begins
    rates = ledger_read(until=date(2026, 4, 1)).return_rates()
    assert 0.8 < rates[0] <= 1 and 0 < rates[1] < rates[2] <= 1


def test_orders_in_the_future_are_left_out_and_told() -> None:
    lamp = product_make()
    order_make(customer="1", lines=[(lamp, 2)], placed_at=at("2026-03-01T10:00"))
    order_make(customer="1", lines=[(lamp, 5)], placed_at=timezone.now() + timedelta(days=300))
    ledger = ledger_read()
    assert ledger.quantity.tolist() == [2]
    assert ledger.future_lines == 1


def test_an_old_copy_ends_after_its_last_sale_and_a_living_shop_today() -> None:
    today = timezone.localdate()
    assert ledger_until() == today
    order_make(customer="1", lines=[(product_make(), 2)], placed_at=at("2020-03-01T10:00"))
    assert ledger_until() == date(2020, 3, 2)
    order_make(customer="1", lines=[(product_make(), 2)], placed_at=timezone.now() - timedelta(days=5))
    assert ledger_until() == today


def test_an_empty_shop_has_an_empty_ledger() -> None:
    ledger = ledger_read()
    assert len(ledger) == 0 and ledger.days == 0 and ledger.return_rates().shape == (0,)


def test_stock_outs_censor_days_over_all_locations() -> None:
    lamp = product_make()
    for place, moment, quantity in [
        ("a", "2026-03-01", 5), ("b", "2026-03-01", 1), ("a", "2026-03-03T08:00", -4), ("b", "2026-03-03T14:00", 0),
        ("a", "2026-03-06T06:00", 9),
    ]:  # fmt: skip
        StockPoint.objects.create(product=lamp, location=place, valid_from=at(moment), quantity=Decimal(quantity))
    order_make(customer="1", lines=[(lamp, 1)], placed_at=at("2026-03-05T10:00"))
    out = stocked_out(channel="", products=np.array([lamp.pk]), since=date(2026, 3, 1), until=date(2026, 3, 8))
    # From 14:00 on the 3rd (less than half a day) to 06:00 on the 6th.
    assert out[0].tolist() == [False, False, False, True, True, False, False]
    found = demand_days(product_ids=[lamp.pk], since=date(2026, 3, 1), until=date(2026, 3, 8))
    # A sale on the 5th was seen, whatever the stock said.
    assert found.censored[0].tolist() == [False, False, False, True, False, False, False]


def test_more_products_than_a_query_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    lamp, other, vase, last = (product_make() for _ in range(4))
    order_make(customer="1", lines=[(lamp, 2), (other, 7), (vase, 1), (last, 9)], placed_at=at("2026-03-01T10:00"))
    asked = {"product_ids": [vase.pk, lamp.pk], "since": date(2026, 3, 1), "until": date(2026, 3, 2)}
    few = demand_days(**asked)  # type: ignore[arg-type]
    monkeypatch.setattr("django_ecomai.mirror.columns.KEYS_CHUNK", 1)
    many = demand_days(**asked)  # type: ignore[arg-type]
    assert few.quantity.tolist() == many.quantity.tolist() == [[1], [2]]
    # What lies between the keys is read and left out, what lies beyond them is not read: a part costs what it holds.
    read: list[int] = []
    ledger_read(since=date(2026, 3, 1), until=date(2026, 3, 2), products=[lamp.pk, vase.pk], tell=read.append)
    assert max(read) == 3


def test_bad_questions_are_told() -> None:
    with pytest.raises(ValueError, match="must be after"):
        demand_days(product_ids=[1], since=date(2026, 3, 1), until=date(2026, 3, 1))
    with pytest.raises(ValueError, match="named twice"):
        demand_days(product_ids=[1, 1], since=date(2026, 3, 1), until=date(2026, 3, 2))
