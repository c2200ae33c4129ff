"""A forecast's page in a real browser: on a phone, by keyboard, under a strict Content-Security-Policy."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from django_ecomai.forecast.models import ForecastOverride, SalesTarget
from django_ecomai.forecast.services import target_set
from tests.dashboard import test_browser as start_page

from .factories import week

chromium = start_page.chromium  # a fixture
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_forecast_is_changed_and_taken_back(shop: Any, chromium: Any, live_server: Any, settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.dashboard.test_browser.strict_policy"]
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(live_server.url + reverse("admin:ecomai_forecast_forecast_change", args=[shop["rows"]["lamp"].pk]))
    assert page.locator(".ecomai-chart-area").is_visible()
    drawn = page.evaluate("Chart.getChart(document.querySelector('canvas')).data.datasets.map((one) => one.label)")
    assert drawn == ["sold", "forecast", "likely at least", "likely range"]
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(wide)
    page.locator("summary", has_text="Change the forecast").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Value").fill("50")
    page.get_by_label("Reason").fill("fair")
    page.get_by_label("Reason").press("Enter")
    page.get_by_role("button", name="Withdraw").click()
    page.get_by_role("button", name="Put back").wait_for()
    assert ForecastOverride.objects.get().withdrawn_at is not None
    assert complaints == []
    context.close()


def test_every_page_fits_a_phone_under_a_strict_policy(
    shop: Any, chromium: Any, live_server: Any, settings: Any
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.dashboard.test_browser.strict_policy"]
    SalesTarget.objects.create(starts_on=week(60), ends_on=week(62), amount=1000, note="spring")
    target_set(starts_on=week(63), ends_on=week(64), amount=Decimal(500))
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for name in (
        "forecast_changelist", "forecast_sales", "forecastoverride_changelist", "forecastoverride_add",
        "forecastoverride_upload", "salestarget_changelist", "salestarget_add", "signal_changelist", "signal_add",
        "forecastchange_changelist",
    ):  # fmt: skip
        page.goto(live_server.url + reverse(f"admin:ecomai_forecast_{name}"))
        assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"), name
        assert complaints == [], name
        unnamed = page.evaluate(
            "[...document.querySelectorAll('#content input:not([type=hidden]), #content select, #content button')]"
            ".filter((one) => !(one.labels && one.labels.length) && !one.getAttribute('aria-label') && !one.title"
            " && !one.textContent.trim() && !['submit', 'button'].includes(one.type)).map((one) => one.outerHTML)"
        )
        assert unnamed == [], name
    page.get_by_role("link", name="Undo…").click()
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Yes, undo it").press("Enter")
    page.get_by_text("The change was undone.").wait_for()
    assert SalesTarget.objects.get().note == "spring"
    context.close()
