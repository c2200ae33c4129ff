"""Forecasts by day, with overrides."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from django_ecomai.forecast.models import Forecast, ForecastOverride
from django_ecomai.forecast.selectors import forecast_days
from django_ecomai.testing import category_make, product_make

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 3, 2)


def stored(product: Any, mean: list[float], **fields: Any) -> Forecast:
    values: dict[str, Any] = {
        "frequency": "W", "starts_on": MONDAY, "made_on": MONDAY + timedelta(days=2), "key": product.external_id,
    }  # fmt: skip
    return Forecast.objects.create(product=product, mean=mean, **{**values, **fields})


def override(**fields: Any) -> ForecastOverride:
    values: dict[str, Any] = {
        "kind": "percent", "value": 50, "starts_on": MONDAY, "ends_on": MONDAY + timedelta(days=13), "reason": "fair",
    }  # fmt: skip
    return ForecastOverride.objects.create(**{**values, **fields})


def test_weeks_are_spread_by_the_shops_weekdays() -> None:
    lamp, other = product_make(), product_make()
    stored(lamp, [70, 140])
    Forecast.objects.create(
        level="shop",
        starts_on=MONDAY,
        made_on=MONDAY + timedelta(days=2),
        mean=[1],
        weekdays=[0.3, 0.2, 0.1, 0.1, 0.1, 0.2, 0],
    )
    found = forecast_days(product_ids=[other.pk, lamp.pk], days=14)
    assert (found.start, found.made_on) == (date(2026, 3, 4),) * 2
    assert found.has_forecast.tolist() == [False, True]
    assert found.mean.dtype == np.float32 and not found.mean[0].any()
    assert found.mean[1][:5].tolist() == pytest.approx([7, 7, 7, 14, 0])
    assert found.mean[1][5:12].sum() == pytest.approx(140)
    # After the last period the mean of the last ones goes on.
    assert found.mean[1][12] == pytest.approx(105 * 0.3)


def test_months_and_days() -> None:
    lamp, vase = product_make(), product_make()
    stored(lamp, [31, 60], frequency="M", starts_on=date(2026, 3, 1))
    stored(vase, [1, 2, 3], frequency="D", starts_on=MONDAY)
    found = forecast_days(product_ids=[lamp.pk, vase.pk], days=61, start=date(2026, 3, 1))
    assert found.mean[0][:31].sum() == pytest.approx(31) and found.mean[0][31:].sum() == pytest.approx(60)
    assert found.mean[1][:6].tolist() == [1, 1, 2, 3, 2, 2]


def test_nothing_was_made_yet() -> None:
    found = forecast_days(product_ids=[product_make().pk], days=3)
    assert found.made_on is None and found.start == timezone.localdate() and not found.mean.any()


def test_overrides_of_a_product_a_category_and_the_shop() -> None:
    garden = category_make()
    bench = category_make(parent=garden)
    lamp, seat = product_make(), product_make(categories=[bench])
    stored(lamp, [70, 70])
    stored(seat, [7, 21])

    def totals(**asked: Any) -> list[float]:
        found = forecast_days(product_ids=[lamp.pk, seat.pk], days=14, start=MONDAY, **asked)
        return [float(one) for one in found.mean.sum(1)]

    whole = override(level="shop", kind="percent", value=-50)
    assert totals() == pytest.approx([70, 14])
    override(level="category", category=garden, kind="value", value=140)
    assert totals() == pytest.approx([70, 140])
    single = override(product=lamp, kind="value", value=28, ends_on=MONDAY + timedelta(days=6))
    assert totals() == pytest.approx([28 + 35, 140])
    single.withdrawn_at = timezone.now()
    single.save()
    whole.expires_on = MONDAY
    whole.save()
    assert totals() == pytest.approx([140, 140])
    # A sum for the shop is shared out among all products, whichever are asked for.
    override(level="shop", kind="value", value=1000)
    found = forecast_days(product_ids=[lamp.pk], days=14, start=MONDAY)
    assert found.mean.sum() == pytest.approx(1000 * 140 / 168)


def test_an_override_in_part_of_the_window_and_where_nothing_is_forecast() -> None:
    lamp = product_make()
    stored(lamp, [0, 0])
    override(product=lamp, kind="value", value=28, starts_on=MONDAY, ends_on=MONDAY + timedelta(days=13))
    found = forecast_days(product_ids=[lamp.pk], days=7, start=MONDAY + timedelta(days=7))
    assert found.mean.sum() == pytest.approx(14)


def test_bad_questions_are_told() -> None:
    with pytest.raises(ValueError, match="at least one"):
        forecast_days(product_ids=[1], days=0)
