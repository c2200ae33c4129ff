"""A shop with stored forecasts, without a training: pages and endpoints only read rows."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from django_ecomai.forecast.models import Forecast
from django_ecomai.testing import category_make, product_make

from .factories import week

FORECAST: dict[str, Any] = {
    "frequency": "W", "starts_on": week(60), "made_on": week(60), "history_starts_on": week(56), "total": 40,
    "history": [8, None, 10, 12], "mean": [10, 10, 10, 10], "lo_80": [6, 5, 5, 4], "hi_80": [15, 15, 16, 17],
    "lo_95": [4, 3, 3, 2], "hi_95": [18, 19, 19, 20], "model": "ses 60 %, theta 40 %", "demand_class": "smooth",
    "accuracy": {"wape": 0.2, "naive_wape": 0.4, "bias": 0.01, "coverage_80": 0.81, "adi": 1.1, "windows": 2},
}  # fmt: skip


def forecast_make(**fields: Any) -> Forecast:
    """A stored forecast of four weeks."""
    return Forecast.objects.create(**{**FORECAST, **fields})


@pytest.fixture
def shop(db: Any) -> dict[str, Any]:
    """Two products of a category with forecasts in pieces, and sales in money."""
    shelf = category_make(external_id="c1", name="Lanterns")
    lamp = product_make(external_id="lamp", title="Paper <b>lantern</b>", price=5, categories=[shelf])
    vase = product_make(external_id="vase", title="Glass vase", price=20)
    rows = {
        "lamp": forecast_make(product=lamp, key="lamp", title=lamp.title),
        "vase": forecast_make(product=vase, key="vase", title=vase.title, mean=[5, 5, 5, 5], total=20),
        "shelf": forecast_make(level="category", key="c1", title="Lanterns"),
        "whole": forecast_make(level="shop", title="Whole shop", mean=[15] * 4, total=60, weekdays=[1 / 7] * 7),
        "money": forecast_make(level="shop", measure="money", title="Whole shop", mean=[150] * 4, total=600,
                               history=[100, 100, 100, 100], lo_80=[100] * 4, hi_80=[200] * 4),
        "shelf_money": forecast_make(level="category", measure="money", key="c1", title="Lanterns"),
    }  # fmt: skip
    return {"shelf": shelf, "lamp": lamp, "vase": vase, "rows": rows}


def user_make(*permissions: str, name: str = "buyer") -> Any:
    """A member of staff with these permissions of the app."""
    user = get_user_model().objects.create_user(name, password="x", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="ecomai_forecast", codename__in=permissions)
    )
    return user
