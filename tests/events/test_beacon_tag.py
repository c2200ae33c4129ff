"""``{% ecomai_beacon %}``: one external script, the same for everybody."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.template import Context, Template
from django.test import RequestFactory

from django_ecomai.events.tokens import page_token_channel
from django_ecomai.events.visitors import VisitorContext


def render(**context: Any) -> str:
    return Template("{% load ecomai_events %}{% ecomai_beacon %}").render(Context(context))


def attribute(html: str, name: str) -> str:
    found = re.search(rf' {name}="([^"]*)"', html)
    assert found, html
    return found[1]


def test_it_is_one_external_script_without_inline_code() -> None:
    html = render()
    assert re.fullmatch(r'<script defer data-ecomai-beacon( [a-z-]+="[^"<>]*")+></script>', html)
    assert attribute(html, "src") == "/static/ecomai/beacon.js"
    assert attribute(html, "data-url") == "/ecomai/capture/"
    assert attribute(html, "data-renew") == "/ecomai/capture/token/"
    assert page_token_channel(attribute(html, "data-token")) == ""


def test_it_neither_asks_who_the_visitor_is_nor_varies() -> None:
    request = RequestFactory().get("/")
    context = request.ecomai = VisitorContext(request)  # type: ignore[attr-defined]
    render(request=request)
    assert not context.used


@pytest.mark.parametrize(
    ("source", "mode"),
    [
        ("django_ecomai.events.consent.cookie", "cookie:ecomai_consent"),
        ("django_ecomai.events.consent.always", "always"),
        ("shop.banner.consent", "ask"),
        (render, "ask"),
    ],
)
def test_the_script_knows_how_to_find_out_about_consent(ecomai_setting: Any, source: Any, mode: str) -> None:
    ecomai_setting(CONSENT=source)
    assert attribute(render(), "data-consent") == mode


def test_settings_cannot_break_out_of_the_attribute(ecomai_setting: Any) -> None:
    ecomai_setting(CONSENT_COOKIE='"><script>')
    assert attribute(render(), "data-consent") == "cookie:&quot;&gt;&lt;script&gt;"


def test_a_content_security_policys_nonce_is_used() -> None:
    assert attribute(render(csp_nonce="abc"), "nonce") == "abc"
    assert "nonce" not in render()


def test_without_urls_the_page_renders_without_it(settings: Any, caplog: Any) -> None:
    settings.ROOT_URLCONF = "tests.events.test_checks"
    assert render() == ""
    assert "renders nothing" in caplog.text


def test_the_script_is_small_and_depends_on_nothing() -> None:
    path = finders.find("ecomai/beacon.js")
    assert path
    source = Path(str(path)).read_bytes()
    assert len(gzip.compress(source, 9)) <= 3000
    assert not re.search(rb"\b(import|require|eval|document\.write)\b", source)
