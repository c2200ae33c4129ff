"""Coarse classes of where somebody came from; nothing finer is ever stored."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from django_ecomai.events.circumstances import circumstances, device_class, referrer_class, stored
from django_ecomai.events.models import Event
from django_ecomai.events.services import events_capture
from django_ecomai.events.visitors import VisitorContext

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
ANDROID = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36"
GALAXY_TAB = "Mozilla/5.0 (Linux; Android 13; SM-X906C) AppleWebKit/537.36 Chrome/120.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"


@pytest.mark.parametrize(
    ("agent", "expected"),
    [(IPHONE, "mobile"), (ANDROID, "mobile"), (GALAXY_TAB, "tablet"), ("Mozilla/5.0 (iPad; CPU)", "tablet"),
     (FIREFOX, "desktop"), ("", "")],
)  # fmt: skip
def test_devices(agent: str, expected: str) -> None:
    assert device_class(agent) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("www.google.co.uk", "search"),
        ("https://duckduckgo.com/", "search"),
        ("l.instagram.com", "social"),
        ("t.co", "social"),
        ("mail.google.com", "email"),
        ("blog.example.org", "other"),
        ("notgoogle.com", "other"),
        ("", "direct"),
        ("shop.test", ""),
        ("shop.test:8000", ""),
        ("utm_source=autumn,utm_medium=email", "email"),
        ("?q=1&utm_source=instagram-ads&utm_medium=cpc", "campaign"),
        ("utm_source=x&utm_medium=social", "social"),
        (None, ""),
        (["google.com"], ""),
        ("http://[", ""),
        ("a" * 3000, ""),
    ],
)
def test_referrers(source: Any, expected: str) -> None:
    assert referrer_class(source, own_host="shop.test") == expected


def test_of_a_page_request(ecomai_setting: Any) -> None:
    ecomai_setting(COUNTRY_HEADER="CF-IPCountry")
    headers = {"User-Agent": IPHONE, "Referer": "https://www.bing.com/search?q=lamp", "CF-IPCountry": "de"}
    request = RequestFactory().get("/", headers=headers)
    assert circumstances(request) == {"country": "DE", "referrer": "search", "device": "mobile"}
    landed = RequestFactory().get("/?utm_medium=email", headers={"Referer": "https://t.co/x", "CF-IPCountry": "XX"})
    assert circumstances(landed) == {"referrer": "email"}


def test_without_the_setting_no_header_tells_a_country() -> None:
    assert circumstances(
        RequestFactory().get("/", headers={"CF-IPCountry": "DE", "Referer": "http://testserver/"})
    ) == {"referrer": "other"}


@pytest.mark.django_db
def test_views_keep_the_classes_and_nothing_else(ecomai_setting: Any) -> None:
    ecomai_setting(CONSENT="django_ecomai.events.consent.always")
    request = RequestFactory().post("/", headers={"User-Agent": ANDROID, "Host": "shop.test"})
    rows = [
        {
            "name": "view_item",
            "product_id": "A",
            "referrer": "www.google.com",
            "properties": {"context": {"x": 1}, "a": 1},
        },
        {"name": "view_item", "product_id": "B", "referrer": "shop.test"},
        {"name": "add_to_cart", "product_id": "C", "referrer": "www.google.com"},
    ]
    verdicts = events_capture(rows=rows, context=VisitorContext(request), channel="")
    assert verdicts is not None
    assert [one.notes for one in verdicts] == [(), (), ()]
    kept = dict(Event.objects.values_list("product_id", "properties"))
    assert kept == {
        "A": {"a": 1, "context": {"device": "mobile", "referrer": "search"}},
        "B": {"context": {"device": "mobile"}},
        "C": {},
    }


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, {}),
        ({"context": "DE"}, {}),
        ({"context": {"country": "Germany", "device": "watch", "referrer": ["search"], "age": 9}}, {}),
        ({"context": {"country": "DE", "device": "tablet", "referrer": "email"}},
         {"country": "DE", "device": "tablet", "referrer": "email"}),
    ],
)  # fmt: skip
def test_only_our_classes_are_read(properties: Any, expected: Any) -> None:
    assert stored(properties) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [("web.de", "email"), ("web.whatsapp.com", "social"), ("web.telegram.org", "social"), ("web.partner.com", "other")],
)
def test_a_messenger_in_the_browser_is_no_mail(host: str, expected: str) -> None:
    assert referrer_class(host) == expected
