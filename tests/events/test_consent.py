"""What counts as consent."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from django.test import RequestFactory

from django_ecomai.events.consent import PURPOSES, always, cookie, cookie_consent, purposes_of


def request_with(cookies: str = "", **headers: str) -> Any:
    request = RequestFactory(headers=headers).get("/")
    if cookies:
        request.COOKIES["ecomai_consent"] = cookies
    return request


def broken(request: Any) -> set[str]:
    """A consent callable with a mistake in it."""
    raise RuntimeError("the banner's table is gone")


@pytest.mark.parametrize(
    ("value", "purposes"),
    [
        ("", set()),
        ("no", set()),
        ("analytics", {"analytics"}),
        ("analytics.personalization", {"analytics", "personalization"}),
        ("analytics.spying", {"analytics"}),
        ("ANALYTICS", set()),
    ],
)
def test_the_cookie_names_the_purposes(value: str, purposes: set[str]) -> None:
    assert cookie(request_with(value)) == purposes


def test_always_is_everything() -> None:
    assert always(request_with()) == PURPOSES


def test_cookie_consent_asks_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    package, util = ModuleType("cookie_consent"), ModuleType("cookie_consent.util")
    answers = {"analytics": True, "personalization": False, "marketing": None, "security": None}
    util.get_cookie_value_from_request = lambda request, varname: answers[varname]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cookie_consent", package)
    monkeypatch.setitem(sys.modules, "cookie_consent.util", util)
    assert cookie_consent(request_with()) == {"analytics"}


def test_cookie_consent_without_the_library_is_a_no_that_names_the_command(ecomai_setting: Any, caplog: Any) -> None:
    ecomai_setting(CONSENT="django_ecomai.events.consent.cookie_consent")
    assert purposes_of(request_with()) == frozenset()
    assert "django-ecomai[consent]" in caplog.text


@pytest.mark.parametrize("source", [f"{__name__}.broken", "no.such.module", broken])
def test_a_broken_callable_is_a_no_and_is_logged(source: Any, ecomai_setting: Any, caplog: Any) -> None:
    ecomai_setting(CONSENT=source)
    assert purposes_of(request_with("analytics")) == frozenset()
    assert "nothing is recorded" in caplog.text


def test_a_callable_may_be_given_directly_and_may_answer_nothing(ecomai_setting: Any) -> None:
    ecomai_setting(CONSENT=lambda request: {"analytics"})
    assert purposes_of(request_with()) == {"analytics"}
    ecomai_setting(CONSENT=lambda request: None)
    assert purposes_of(request_with()) == frozenset()


@pytest.mark.parametrize(
    ("header", "value", "given"), [("Sec-GPC", "1", False), ("DNT", "1", False), ("DNT", "0", True)]
)
def test_the_browsers_own_no_comes_first(ecomai_setting: Any, header: str, value: str, given: bool) -> None:
    ecomai_setting(CONSENT="django_ecomai.events.consent.always")
    assert bool(purposes_of(request_with(**{header: value}))) is given


def test_purposes_of_the_shop_s_own_are_left_to_the_shop(ecomai_setting: Any) -> None:
    ecomai_setting(CONSENT=lambda request: {"analytics", "functional", "ads"})
    assert purposes_of(request_with()) == {"analytics"}
